// The transport that a backend's configuration describes.
#pragma once

#include <memory>

#include "config/config.h"
#include "replay/transport.h"

namespace relay {

// A new one for each call: a worker may want several.
std::unique_ptr<Transport> TransportFor(const BackendConfig& backend);

}  // namespace relay
