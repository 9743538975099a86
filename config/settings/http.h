// The settings of the HTTP listeners for writes, and of what bounds their clients.
//
// ERRORS. As declarations: mistakes are collected by the section.
#pragma once

#include "config/model/config.h"
#include "config/schema/section.h"

namespace relay {

void DeclareHttp(Section& section, HttpListenerConfig& http);

// `limits`, for all listeners. REQUIRES: these are declared.
void DeclareLimits(Section& root, Config& config);

}  // namespace relay
