// Settings of the log that several relays share.
//
// ERRORS. The section collects errors.
#pragma once

#include "config/model/config.h"
#include "config/schema/section.h"

namespace relay {

// Declares `engine` and `jetstream` in the section of the log.
void DeclareEngine(Section& log, LogConfig& config);

}  // namespace relay
