// The workers of the configured backends, as the fleet runs them.
#pragma once

#include <cstdint>
#include <vector>

#include "config/model/config.h"
#include "relay/status/latencies.h"
#include "replay/fleet.h"

namespace relay {

// Tells the journal when its backend begins to fail, why, and when it is well
// again. `jitter_seed` is a number of its own. Times outlive it.
FleetMember MemberFor(const BackendConfig& backend, std::uint64_t jitter_seed, SendTimes& times);

// One for each backend, in the configuration's order.
std::vector<FleetMember> MembersFor(const Config& config, SendTimes& times);

}  // namespace relay
