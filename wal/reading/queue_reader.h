// Reads one backend's queue from a store.
//
// THREADS. Any number at once, like the store.
//
// ERRORS. kCorruption: the requested entry is damaged. Among the records of a Read, damage is no
// error but a StoredRecord that says so.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wal/log.h"
#include "wal/reading/age_limit.h"
#include "wal/reading/queue.h"
#include "wal/reading/record_cache.h"
#include "wal/store/store.h"

namespace relay {

// Limits on how long delivered records are kept for a rewind, by age and by size: the first one
// reached applies.
struct KeepPolicy {
  std::chrono::nanoseconds time = std::chrono::hours(24);
  Bytes size = 8_GiB;  // Stored size, per backend.
};

class QueueReader {
 public:
  // `queue` is a copy: marks and sums of one moment. REQUIRES: the store, and `recent` unless
  // nullptr, outlive the reader.
  QueueReader(const Store& store, Queue queue, const RecentRecords* recent = nullptr)
      : store_(store), queue_(std::move(queue)), recent_(recent) {}

  const Queue& queue() const { return queue_; }

  Result<std::vector<StoredRecord>> Read(Sequence after, ReadLimit limit) const;
  Result<QueueStats> ReadStats() const;
  Result<Sequence> LastBefore(WallTime time) const;
  // Returns the last kept sequence that the limit covers with all before it.
  Result<Sequence> LastOlder(const AgeLimit& limit) const;
  Result<std::vector<StoredDeadLetter>> ReadDead(std::uint64_t after, std::size_t count_max) const;
  Result<std::vector<StoredGap>> ReadGaps(std::uint64_t after, std::size_t count_max) const;
  std::vector<HeldLane> HeldLanes() const;
  Result<std::vector<StoredRecord>> ReadHeld(const Lane& lane, Sequence after,
                                             ReadLimit limit) const;
  Result<WriteOutcome> OutcomeOf(PayloadId payload) const;

  // REQUIRES: trimmed < sequence <= head.
  Result<Entry> ReadEntry(Sequence sequence) const;
  Result<Entry> EntryOrStretch(Sequence sequence) const;
  // REQUIRES: trimmed <= sequence <= head.
  Result<Position> PositionAt(Sequence sequence) const;
  // Returns the last record within `stored` bytes of payloads after `start`, but at least one
  // record. REQUIRES: start < head.
  Result<Position> EndOfStored(const Position& start, Bytes stored) const;
  // Returns the databases of the records (after, through], sorted, at most as many as a gap can
  // list. Unreadable records contribute none.
  Result<std::vector<std::string>> DatabasesIn(Sequence after, Sequence through) const;

  // Returns up to where delivered records no longer need to be kept: never past the cursor, never
  // before the trimmed position. `old`: the records that are older than `keep.time`.
  Result<Position> TrimTarget(const KeepPolicy& keep, const AgeLimit& old) const;

  // Returns the payload of the oldest record that is kept or owed; nullopt: there is none.
  Result<std::optional<PayloadId>> FirstPayload() const;

 private:
  template <typename Wanted>
  Result<Sequence> LastWhere(const Wanted& wanted) const;
  Result<WallTime> TimeAfter(Sequence sequence) const;
  Result<bool> IsHeld(Sequence sequence) const;
  Totals SizeOfStretch(Sequence before, const Position& end) const;
  std::optional<Totals> TotalsAt(Sequence sequence) const;

  const Store& store_;
  Queue queue_;
  const RecentRecords* recent_;
};

}  // namespace relay
