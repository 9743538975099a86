// The workers of the configured backends, as the fleet runs them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "config/model/config.h"
#include "relay/service/retention_policies.h"
#include "relay/service/watermarks.h"
#include "relay/status/latencies.h"
#include "replay/fleet.h"

namespace relay {

// REQUIRES: they outlive the workers.
struct MemberDeps {
  SendTimes& times;
  const RetentionPolicies& policies;
  Watermarks& watermarks;
  std::string relay_id;
  // Returns the log's figures of a backend.
  std::function<Result<QueueStats>(const BackendId&)> stats;
};

// Makes the worker of a backend; it logs when the backend fails, why, and when it has recovered.
// `jitter_seed` differs for each backend.
FleetMember MemberFor(const BackendConfig& backend, std::uint64_t jitter_seed,
                      const MemberDeps& deps);

// Makes one for each backend, in the configuration's order.
std::vector<FleetMember> MembersFor(const Config& config, const MemberDeps& deps);

}  // namespace relay
