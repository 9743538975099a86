#include "relay/status/log_position.h"

#include <algorithm>
#include <utility>

namespace relay {
namespace {

enum class Included : bool { kNo, kYes };

// The backend of the positions, and the time of typing.
struct Query {
  const LogView& log;
  const BackendId& backend;
  WallTime now;
};

// Parses and resolves one end of a range: returns the last record before it, or the
// record itself if it is included.
Result<Sequence> ResolveEnd(const Query& query, const std::string& text, Included included) {
  ASSIGN_OR_RETURN(const TypedPosition position, ParsePosition(text, query.now));
  ASSIGN_OR_RETURN(const Sequence last, ResolvePosition(query.log, query.backend, position));
  const bool as_it_is = std::holds_alternative<WallTime>(position) || included == Included::kNo ||
                        last == Sequence::BeforeFirst();
  return as_it_is ? last : Sequence(last.value() - 1);
}

// The same; an error names the end: "--from".
Result<Sequence> ResolveNamed(const Query& query, const std::string& text, const std::string& name,
                              Included included) {
  Result<Sequence> end = ResolveEnd(query, text, included);
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
  const Query query{log, backend, typed.now};
  const std::string prefix(typed.prefix);
  LogRange range = whole;
  if (!typed.from.empty()) {
    ASSIGN_OR_RETURN(range.after, ResolveNamed(query, typed.from, prefix + "from", Included::kYes));
  }
  if (!typed.to.empty()) {
    ASSIGN_OR_RETURN(const Sequence last,
                     ResolveNamed(query, typed.to, prefix + "to", Included::kNo));
    range.last = std::min(whole.last, last);
  }
  return range;
}

}  // namespace relay
