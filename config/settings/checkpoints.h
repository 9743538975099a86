// The settings of checkpoints that the relay makes by itself.
//
// THREADS. Pure functions.
#pragma once

#include "config/model/config.h"
#include "config/schema/section.h"

namespace relay {

void DeclareCheckpoints(Section& section, CheckpointPlan& plan);

}  // namespace relay
