#include "relay/status/log_position.h"

#include <algorithm>
#include <utility>

namespace relay {
namespace {

enum class Included : bool { kNo, kYes };

// Whose positions are typed, and when.
struct Asked {
  const LogView& log;
  const BackendId& backend;
  WallTime now;
};

// Parses and resolves one end of a range. A sequence that is not included means
// the record before it.
Result<Sequence> ResolveEnd(const Asked& asked, const std::string& text, Included included) {
  ASSIGN_OR_RETURN(const TypedPosition position, ParsePosition(text, asked.now));
  ASSIGN_OR_RETURN(const Sequence last, ResolvePosition(asked.log, asked.backend, position));
  const bool as_it_is = std::holds_alternative<WallTime>(position) || included == Included::kNo ||
                        last == Sequence::BeforeFirst();
  return as_it_is ? last : Sequence(last.value() - 1);
}

// The same; an error names the end: "--from".
Result<Sequence> ResolveNamed(const Asked& asked, const std::string& text, const std::string& name,
                              Included included) {
  Result<Sequence> end = ResolveEnd(asked, text, included);
  if (!end.ok()) return std::move(end).error().Within(name);
  return end;
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
                              LogRange whole) {
  const Asked asked{log, backend, typed.now};
  const std::string prefix(typed.prefix);
  LogRange range = whole;
  if (!typed.from.empty()) {
    ASSIGN_OR_RETURN(range.after, ResolveNamed(asked, typed.from, prefix + "from", Included::kYes));
  }
  if (!typed.to.empty()) {
    ASSIGN_OR_RETURN(const Sequence last,
                     ResolveNamed(asked, typed.to, prefix + "to", Included::kNo));
    range.last = std::min(whole.last, last);
  }
  return range;
}

}  // namespace relay
