// Plans the changes of a log: each is planned from the current queue of one backend and
// then written in one batch.
//
// INVARIANT. A ChangePlan only reads. Nobody else may change its queue until the change
// is written or abandoned (QueueLock).
//
// THREADS. One.
//
// ERRORS. As the functions of Log and the commands (wal/log_command.h) that are planned.
#pragma once

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wal/log.h"
#include "wal/reading/queue.h"
#include "wal/reading/queue_reader.h"
#include "wal/store/store.h"

namespace relay {

struct Change {
  struct Row {
    Family family;
    std::string key;
    std::optional<std::string> value;  // nullopt deletes the row.
  };

  std::uint64_t follows = 0;        // The edition of the queue that it was planned from.
  std::optional<QueueState> state;  // nullopt deletes the queue.
  std::map<Lane, LaneState> lanes;  // The changed ones; an empty lane is deleted.
  std::vector<Row> rows;
  std::vector<EncodedRecord> records;  // New records of this backend alone.
  WallTime accepted_at;                // The time of `records`.
  std::optional<Gap> gap;              // Given up by a command. nullopt: nothing.
};

// The dead letters that are beyond their budget: the oldest ones up to this size, and those that
// are too old.
struct DeadExcess {
  Bytes size{0};
  std::optional<AgeLimit> too_old;  // nullopt: no age is.
};

class ChangePlan {
 public:
  // Limits what one RemoveDead removes, so that deliveries do not wait for it.
  static constexpr Bytes kRemovedBytesMax = 8_MiB;
  static constexpr std::uint64_t kRemovedLettersMax = 20'000;

  // The arguments outlive the plan; `queue` belongs to `backend`.
  ChangePlan(const Store& store, const BackendId& backend, const Queue& queue);

  Result<Change> Resolve(const Resolution& resolution) &&;
  Result<Change> ResolveHeld(const Lane& lane, const HeldResolution& resolution) &&;
  // Plans an operator's command.
  Result<Change> Plan(const LogCommand& command) &&;
  // Drops the oldest records that are owed, or that a lane holds: about `stored` bytes of
  // them, at least one record.
  Result<Change> DropOwed(Bytes stored, WallTime now) &&;
  Result<Change> DropHeld(const Lane& lane, Bytes stored, WallTime now) &&;
  Result<Change> Trim(const Position& through) &&;
  // Removes the oldest dead letters beyond their budget: they become a gap.
  // kConflict: none of them is beyond it.
  Result<Change> RemoveDead(const DeadExcess& excess, WallTime now) &&;
  // Writes in the gap ledger that the log was started on a copy, whose newest record was accepted
  // at `newest`.
  Result<Change> NoteCopy(WallTime newest, WallTime now) &&;

 private:
  Result<Change> PlanFor(const Rewind& command);
  Result<Change> PlanFor(const Skip& command);
  Result<Change> PlanFor(const SkipHeld& command);
  Result<Change> PlanFor(const HoldLane& command);
  Result<Change> PlanFor(const ReleaseLane& command);
  Result<Change> PlanFor(const GiveUpRefused& command);
  Result<Change> PlanFor(const SetPaused& command);
  Result<Change> PlanFor(const DropDead& command);
  Result<Change> PlanFor(const Redrive& command);
  Result<Change> PlanFor(const Forget& command);

  Result<Change> Done();

  void RecordDeadLetters(const std::vector<DeadLetter>& letters);
  void AppendGaps(const std::vector<Gap>& gaps);
  Status AppendOrExtend(std::vector<Gap> gaps);
  Result<Change> AppendSkippedGap(Gap gap, const Actor& actor);
  Status AppendNotKept(const Rewind& command);
  void PutNewGap(const Gap& gap);
  Status AppendDroppedGap(Gap gap, WallTime now);
  Result<std::optional<StoredGap>> LastGap() const;
  Status AppendDeadGap(const Gap& gap);
  void ExtendGap(StoredGap last, const Gap& by);
  Status Hold(Sequence sequence, bool in_overflow);
  LaneState& LaneToChange(const Lane& lane);
  Status CheckLaneCount() const;
  Result<Gap> GapOf(Sequence first, const Position& last) const;

  // Removes a lane's records from `from` to `to` and returns what was removed;
  // stops after the first record that reaches `stored`.
  struct Taken {
    RecordCount records = 0;
    Totals size;
    Sequence first = Sequence::BeforeFirst();
    Sequence last = Sequence::BeforeFirst();
    WallTime newest;
  };
  static constexpr Bytes kAll{std::numeric_limits<std::uint64_t>::max()};
  Result<Taken> TakeHeld(const Lane& lane, Sequence from, Sequence to, Bytes stored = kAll);
  static Gap GapOf(const Lane& lane, const LaneState& before, const Taken& taken);
  Status FindEnds(const Lane& lane, LaneState& state, Sequence from, Sequence to) const;
  Result<DeadLetter> TakeLetter(std::uint64_t number);
  Status FindFirstDead(const std::vector<std::uint64_t>& gone);

  const Store& store_;
  const BackendId& backend_;
  const Queue& queue_;
  QueueReader reader_;
  QueueState state_;
  Change change_;
};

}  // namespace relay
