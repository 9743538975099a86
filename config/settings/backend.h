// Settings of a backend's connection: URL, API, credentials, TLS, and for UDP the packet size.
#pragma once

#include "config/model/config.h"
#include "config/schema/section.h"

namespace relay {

void DeclareTarget(Section& section, BackendConfig& backend);

}  // namespace relay
