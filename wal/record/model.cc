#include "wal/record/model.h"

#include <fmt/format.h>

namespace relay {

const Lane& OverflowLane() {
  static const Lane lane{"(overflow)", ""};
  return lane;
}

std::string ToString(const Lane& lane) {
  if (lane.retention_policy.empty()) return lane.database;
  return fmt::format("{}.{}", lane.database, lane.retention_policy);
}

std::string DescribeLane(const Lane& lane) {
  if (lane == OverflowLane()) return "databases beyond those on hold by themselves";
  if (lane.retention_policy.empty()) return fmt::format("database \"{}\"", lane.database);
  return fmt::format("database \"{}\", retention policy \"{}\"", lane.database,
                     lane.retention_policy);
}

bool CountsAsDropped(GapReason reason) {
  return reason != GapReason::kDeadLetters && reason != GapReason::kDeadDropped &&
         reason != GapReason::kNotKept;
}

std::string_view ToString(GapReason reason) {
  switch (reason) {
    case GapReason::kSkipped: return "skipped";
    case GapReason::kDropOldest: return "drop oldest";
    case GapReason::kDamaged: return "damaged";
    case GapReason::kLost: return "lost";
    case GapReason::kDeadLetters: return "dead letters";
    case GapReason::kTooOld: return "too old";
    case GapReason::kDeadDropped: return "dead letters dropped";
    case GapReason::kNotKept: return "not kept";
    case GapReason::kOtherCopy: return "other copy";
  }
  return "unknown";  // Written by a newer program.
}

std::int64_t QueueStats::unaccounted() const {
  const PointCount known = delivered + owed.points + held.points + dead + dropped;
  return static_cast<std::int64_t>(accepted.points + rewound) - static_cast<std::int64_t>(known);
}

}  // namespace relay
