// The settings of where a backend is and how it is spoken to: API, credentials,
// TLS, and for UDP the size of packets.
#pragma once

#include "config/model/config.h"
#include "config/schema/section.h"

namespace relay {

void DeclareTarget(Section& section, BackendConfig& backend);

}  // namespace relay
