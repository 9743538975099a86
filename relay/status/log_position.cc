#include "relay/status/log_position.h"

#include <algorithm>
#include <utility>

namespace relay {
namespace {

// Parses and resolves; errors name the end of the range, "--from".
Result<Sequence> ResolveEnd(const LogView& log, const BackendId& backend, const std::string& text,
                            const std::string& name, WallTime now, bool included) {
  Result<TypedPosition> position = ParsePosition(text, now);
  if (!position.ok()) return std::move(position).error().Within(name);
  Result<Sequence> last = ResolvePosition(log, backend, position.value());
  if (!last.ok()) return std::move(last).error().Within(name);
  const bool is_time = std::holds_alternative<WallTime>(position.value());
  if (is_time || !included || last.value() == Sequence::BeforeFirst()) return last;
  return Sequence(last.value().value() - 1);
}

}  // namespace

Result<Sequence> ResolvePosition(const LogView& log, const BackendId& backend,
                                 const TypedPosition& position) {
  if (const auto* sequence = std::get_if<Sequence>(&position)) return *sequence;
  if (const auto* time = std::get_if<WallTime>(&position)) return log.LastBefore(backend, *time);
  ASSIGN_OR_RETURN(QueueStats stats, log.StatsOf(backend));
  return stats.marks.head;
}

Result<LogRange> ResolveRange(const LogView& log, const BackendId& backend, const TypedRange& typed,
                              LogRange whole, WallTime now) {
  const std::string prefix(typed.prefix);
  LogRange range = whole;
  if (!typed.from.empty()) {
    ASSIGN_OR_RETURN(range.after, ResolveEnd(log, backend, typed.from, prefix + "from", now, true));
  }
  if (!typed.to.empty()) {
    ASSIGN_OR_RETURN(Sequence last, ResolveEnd(log, backend, typed.to, prefix + "to", now, false));
    range.last = std::min(whole.last, last);
  }
  return range;
}

}  // namespace relay
