#include "wal/record/model.h"

namespace relay {

std::string_view ToString(GapReason reason) {
  switch (reason) {
    case GapReason::kSkipped: return "skipped";
    case GapReason::kDropOldest: return "drop oldest";
    case GapReason::kDamaged: return "damaged";
    case GapReason::kLost: return "lost";
  }
  return "unknown";  // Written by a newer program.
}

std::int64_t QueueStats::unaccounted() const {
  const PointCount known = delivered + owed.points + held.points + dead + dropped;
  return static_cast<std::int64_t>(accepted.points + rewound) - static_cast<std::int64_t>(known);
}

}  // namespace relay
