#include "relay/status/range_summary.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "relay/base/human_format.h"

namespace relay {
namespace {

Result<Entry> EntryAfter(const LogView& log, const BackendId& backend, Sequence after) {
  ASSIGN_OR_RETURN(std::vector<StoredRecord> read,
                   log.Read(backend, after, {.records = 1, .bytes = 1_B}));
  if (read.empty() || read.front().entry.position.sequence != after.Next()) {
    return Error(ErrorCode::kNotFound, fmt::format("record {} is not kept", after.Next().value()));
  }
  return read.front().entry;
}

std::string ToTheSecond(WallTime time) {
  return ToRfc3339(std::chrono::floor<std::chrono::seconds>(time));
}

std::string Records(RecordCount count) {
  return fmt::format("{} record{}", count, count == 1 ? "" : "s");
}

}  // namespace

Result<RangeSummary> SummarizeRange(const LogView& log, const BackendId& backend, Sequence after,
                                    Sequence last) {
  if (last <= after) return RangeSummary();
  const Result<Entry> first = EntryAfter(log, backend, after);
  if (!first.ok()) return Error(first.error());
  const Result<Entry> end = EntryAfter(log, backend, Sequence(last.value() - 1));
  if (!end.ok()) return Error(end.error());
  const Totals before = first.value().position.totals - first.value().size;
  return RangeSummary{.records = last - after,
                      .size = end.value().position.totals - before,
                      .first = first.value().accepted_at,
                      .last = end.value().accepted_at};
}

std::string ToString(const RangeSummary& summary) {
  if (summary.records == 0) return Records(0);
  return fmt::format("{} ({} points, {}, accepted from {} to {})", Records(summary.records),
                     summary.size.points, ShownBytes(summary.size.bytes),
                     ToTheSecond(summary.first), ToTheSecond(summary.last));
}

std::string ShownRange(const LogView& log, const BackendId& backend, Sequence after,
                       Sequence last) {
  const Result<RangeSummary> summary = SummarizeRange(log, backend, after, last);
  return summary.ok() ? ToString(summary.value()) : Records(last - after);
}

}  // namespace relay
