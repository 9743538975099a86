#include "replay/expiry/known_policies.h"

#include <algorithm>

namespace relay {

Keeps KeepsFor(std::chrono::nanoseconds duration) {
  constexpr std::chrono::nanoseconds kWarningMax = std::chrono::hours(24);
  return {.duration = duration, .warning = std::min(duration / 4, kWarningMax)};
}

std::optional<LanePolicy> PolicyOf(const KnownPolicies& known,
                                   const std::vector<LaneRename>& renames, const Lane& lane) {
  const Lane theirs = LaneOf(
      Renamed(renames, {.database = lane.database, .retention_policy = lane.retention_policy}));
  const auto database = known.databases.find(theirs.database);
  if (database == known.databases.end()) return std::nullopt;
  for (const PolicyInfo& policy : database->second) {
    const bool is_it = theirs.retention_policy.empty() ? policy.is_default
                                                       : policy.name == theirs.retention_policy;
    if (!is_it) continue;
    if (policy.duration.count() <= 0) return std::nullopt;
    return LanePolicy{{theirs.database, policy.name}, KeepsFor(policy.duration)};
  }
  return std::nullopt;
}

std::optional<std::chrono::nanoseconds> YoungestDue(const KnownPolicies& known) {
  std::optional<std::chrono::nanoseconds> youngest;
  for (const auto& [database, policies] : known.databases) {
    for (const PolicyInfo& policy : policies) {
      if (policy.duration.count() <= 0) continue;
      const Keeps keeps = KeepsFor(policy.duration);
      const std::chrono::nanoseconds age = keeps.duration - keeps.warning;
      youngest = youngest ? std::min(*youngest, age) : age;
    }
  }
  return youngest;
}

}  // namespace relay
