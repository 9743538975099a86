// The workers of the configured backends, as the fleet runs them.
#pragma once

#include <vector>

#include "config/config.h"
#include "relay/send_times.h"
#include "replay/clock.h"
#include "replay/fleet.h"

namespace relay {

// One for each backend, in the configuration's order. Each tells the journal
// when its backend begins to fail, why, and when it is well again. Times and
// clock outlive the members.
std::vector<FleetMember> MembersFor(const Config& config, SendTimes& times, const Clock& clock);

}  // namespace relay
