// Settings of the HTTP listeners for writes, and the limits on their clients.
//
// ERRORS. The section collects errors.
#pragma once

#include "config/model/config.h"
#include "config/schema/section.h"

namespace relay {

void DeclareHttp(Section& section, HttpListenerConfig& http);

// Declares `limits`, which all listeners share. REQUIRES: the listeners are declared.
void DeclareLimits(Section& root, Config& config);

}  // namespace relay
