// The retention policies of one backend, as far as they are known.
//
// THREADS. Values and pure functions.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replay/compare/source.h"
#include "replay/expiry/aged_points.h"
#include "wal/base/types.h"
#include "wal/record/lane_rename.h"

namespace relay {

struct KnownPolicies {
  WallTime asked_at;
  std::map<std::string, std::vector<PolicyInfo>> databases;  // By the backend's names.
};

// Returns how long before they expire points are told of: a quarter of what the policy keeps, at
// most a day. `duration`: not 0.
Keeps KeepsFor(std::chrono::nanoseconds duration);

// Where a lane's points go on the backend, and how long they stay.
struct LanePolicy {
  Lane theirs;  // The backend's names; the policy is named.
  Keeps keeps;
};

// Returns what becomes of the lane's points. nullopt: they stay for ever, or that is not known.
// `lane`: the clients' names.
std::optional<LanePolicy> PolicyOf(const KnownPolicies& known,
                                   const std::vector<LaneRename>& renames, const Lane& lane);

// Returns the youngest age that is told of, of any policy; nullopt: no point expires.
std::optional<std::chrono::nanoseconds> YoungestDue(const KnownPolicies& known);

}  // namespace relay
