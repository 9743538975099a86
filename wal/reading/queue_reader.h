// Reading one backend's run out of a store.
//
// THREADS. As the store: any number at once.
//
// ERRORS. kCorruption where an entry that was asked for is damaged; among the
// records of a Read it is no error but a StoredRecord that says so.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wal/log.h"
#include "wal/reading/queue.h"
#include "wal/reading/record_cache.h"
#include "wal/store/store.h"

namespace relay {

// How long delivered records are kept for a rewind: whichever ends first.
struct KeepPolicy {
  std::chrono::nanoseconds time = std::chrono::hours(24);
  Bytes size = 8_GiB;  // As stored, for each backend.
};

class QueueReader {
 public:
  // `run` is a copy: marks and sums of one moment. The store outlives the
  // reader, and so does `recent`, where there is one.
  QueueReader(const Store& store, Queue run, const RecentRecords* recent = nullptr)
      : store_(store), queue_(std::move(run)), recent_(recent) {}

  const Queue& run() const { return queue_; }

  Result<std::vector<StoredRecord>> Read(Sequence after, ReadLimit limit) const;
  Result<QueueStats> ReadFigures() const;
  Result<Sequence> LastBefore(WallTime time) const;
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
  // Of the last record that lies within `stored` bytes of payloads behind
  // `start`, at least of one. REQUIRES: start < head.
  Result<Position> EndOfStored(const Position& start, Bytes stored) const;
  // The names that the records (after, through] were written to: sorted, as
  // many as a gap has room for. What cannot be read has none.
  Result<std::vector<std::string>> DatabasesIn(Sequence after, Sequence through) const;

  // Up to where delivered records need not be kept; never beyond the cursor,
  // never before what is trimmed.
  Result<Position> TrimTarget(const KeepPolicy& keep, WallTime now) const;

  // Of the oldest record that is kept or owed; nothing where there is none.
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
