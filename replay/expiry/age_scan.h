// Reads a queue, or the records that a lane holds, as far as they are old, and counts their points
// by lane and age. What was read once is not read again.
//
// THREADS. One at a time.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "replay/expiry/aged_points.h"
#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/log.h"

namespace relay {

// The bytes that may still be read in one turn.
struct ScanBudget {
  Bytes bytes{0};

  bool spent() const { return bytes == Bytes(0); }
};

class AgeScan {
 public:
  // Returns records after a sequence, the oldest first; none: there are no more.
  using Reader = std::function<Result<std::vector<StoredRecord>>(Sequence after, ReadLimit limit)>;

  // Reads on up to the first record that was accepted at `until` or later. Everything up to
  // `resolved` is no longer in the queue; a lower one than before: some of it is there again.
  Status Advance(Sequence resolved, WallTime until, ScanBudget& budget, const Reader& read);

  // Returns whether everything that is old was counted.
  bool whole() const { return whole_; }
  const AgedPoints& points() const { return points_; }

 private:
  Status ReadOn(WallTime until, ScanBudget& budget, const Reader& read);
  // Returns false at a record that is too young.
  bool Count(const StoredRecord& stored, WallTime until, ScanBudget& budget);

  AgedPoints points_;
  Sequence resolved_ = Sequence::BeforeFirst();
  Sequence scanned_ = Sequence::BeforeFirst();
  // When the record behind the scanned ones was accepted; nullopt: not known.
  std::optional<WallTime> next_at_;
  bool whole_ = false;
};

}  // namespace relay
