#include "replay/expiry/age_scan.h"

#include <algorithm>

namespace relay {

Status AgeScan::Advance(Sequence resolved, WallTime until, ScanBudget& budget, const Reader& read) {
  if (resolved < resolved_) {
    points_.Clear();
    scanned_ = resolved;
    next_at_.reset();
  }
  resolved_ = resolved;
  points_.DropThrough(resolved);
  if (scanned_ < resolved) {
    scanned_ = resolved;
    next_at_.reset();
  }
  whole_ = next_at_ && *next_at_ >= until;
  return whole_ ? Ok() : ReadOn(until, budget, read);
}

// The first record alone says whether there is anything to read.
Status AgeScan::ReadOn(WallTime until, ScanBudget& budget, const Reader& read) {
  ReadLimit limit{.records = 1, .bytes = 1_MiB};
  while (!whole_ && !budget.spent()) {
    ASSIGN_OR_RETURN(const std::vector<StoredRecord> records, read(scanned_, limit));
    limit.records = 1'000;
    whole_ = records.empty();
    if (whole_) next_at_.reset();
    for (const StoredRecord& stored : records) {
      if (Count(stored, until, budget)) continue;
      whole_ = true;
      break;
    }
  }
  return Ok();
}

bool AgeScan::Count(const StoredRecord& stored, WallTime until, ScanBudget& budget) {
  const Entry& entry = stored.entry;
  if (entry.accepted_at >= until) {
    next_at_ = entry.accepted_at;
    return false;
  }
  scanned_ = entry.position.sequence;
  next_at_.reset();
  budget.bytes =
      Bytes(budget.bytes.count() - std::min(budget.bytes.count(), entry.size.bytes.count() + 1));
  // Damaged ones are no longer delivered.
  if (!stored.record.ok()) return true;
  const Record& record = *stored.record.value();
  if (record.params.api == Api::kStatement) return true;
  points_.Add(LaneOf(record.params), scanned_, entry.accepted_at, record.points);
  return true;
}

}  // namespace relay
