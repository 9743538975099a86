// The relay's memory: what was accepted and not yet delivered, per backend.
//
// Each backend has its own run of records, numbered 1, 2, 3, ... without gaps.
// Three marks divide a run, and always BeforeFirst <= trimmed <= cursor <= head:
//
//     1 .. trimmed          deleted from disk
//     trimmed+1 .. cursor   resolved, kept for a rewind
//     cursor+1 .. head      owed to the backend; head - cursor is the cursor lag
//
// A point that the cursor has passed is resolved: delivered, dead (kept as a
// dead letter), dropped (written in the gap ledger) or held (kept until its
// lane takes writes again).
//
// INVARIANT. At every moment, for every backend, in points:
//
//     accepted + rewound = delivered + owed + held + dead + dropped
//
// where `rewound` are those that a rewind made owed once more. No counter ever
// falls; only what is owed and held does.
//
// DURABILITY. When an append completes with a Durable, the record is on stable
// storage (fdatasync) for every named backend; without one it is there for all
// of them or for none. A Resolve of what was delivered counts at once and is on
// stable storage within the log's cursor interval: a crash can move a cursor
// back, never forward, so records may be sent again and are never skipped. Every
// other change is on stable storage when its call returns, all of it in one step.
//
// THREADS. Every method may be called from any thread at any time. One thread
// per backend delivers (Resolve, ResolveHeld); when an operator's command changes
// what it has read, it is told by kConflict.
//
// ERRORS. kFull from an append: the log has reached its limit on disk; it takes
// appends again by itself once there is room. Nothing of the record was stored.
// A write or sync that fails closes the log for appends: what is on
// disk is unknown. Everything that waits, and every later append and change, is
// refused with kUnavailable until the log has closed and reopened itself and
// derived what it knows anew from what is there. What was refused so may turn
// out to be stored: a record is then delivered like any other, a change has
// happened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/log_command.h"
#include "wal/record/model.h"
#include "wal/record/record.h"

namespace relay {

// How much a Read may return: at most this many records and, unless it is the
// first, no record that takes the lines beyond `bytes`.
struct ReadLimit {
  RecordCount records = 1;
  Bytes bytes = 4_MiB;
};

// What a log does that has reached its limit on disk, once nothing is kept for a
// rewind any more.
enum class WhenFull : std::uint8_t {
  kRefuse,      // Appends, until backends have taken what they are owed.
  kDropOldest,  // What is owed for the longest time: it becomes a gap.
};

// What the log takes on its disk.
struct DiskUse {
  Bytes used{0};
  Bytes max{0};
  Bytes free{0};  // On the file system.
  Bytes min_free{0};

  bool full() const { return used >= max || free <= min_free; }
};

// The proof that a record was synced. Only a log can make one, and only a
// Durable can become the answer 204.
class Durable {
 public:
  PayloadId payload() const { return last_; }

  // Of a write in several parts; they have the numbers from here to payload().
  PayloadId first_payload() const { return first_; }

  // Of its part with that index. REQUIRES: there is one.
  Durable OfPart(std::size_t index) const {
    const PayloadId payload(first_.value() + index);
    INVARIANT(payload <= last_);
    return {payload, payload};
  }

 private:
  friend class SyncGate;
  Durable(PayloadId first, PayloadId last) : first_(first), last_(last) {}

  PayloadId first_;
  PayloadId last_;
};

// What the implementations of Log use to make a Durable, after a sync.
class SyncGate {
 public:
  static Durable Passed(PayloadId payload) { return {payload, payload}; }
  static Durable Passed(PayloadId first, PayloadId last) { return {first, last}; }
};

// How the name of a copy ends that is not finished, or will never be.
inline constexpr std::string_view kUnfinishedCheckpoint = ".incomplete";

// A copy of the log that is to be made while it is in use.
struct CheckpointRequest {
  std::string directory;  // Absolute. Its parent is made where only that is missing.
  // Files, and directories of files, in the log's directory that are others' and
  // belong to it: copied as they are, where they are there.
  std::vector<std::string> beside = {};
};

// A log as an inspector sees it: nothing here changes a byte on disk.
class LogView {
 public:
  LogView() = default;
  LogView(const LogView&) = delete;
  LogView& operator=(const LogView&) = delete;
  virtual ~LogView() = default;

  // Every backend the log has records or marks of, by name.
  virtual std::vector<BackendId> Backends() const = 0;

  // kNotFound: the log does not know the backend. The same holds below.
  virtual Result<QueueStats> StatsOf(const BackendId& backend) const = 0;

  // The records after `after`, oldest first; none when the head is reached.
  // REQUIRES: limit.records > 0.
  virtual Result<std::vector<StoredRecord>> Read(const BackendId& backend, Sequence after,
                                                 ReadLimit limit) const = 0;

  // The last sequence accepted before `time` (BeforeFirst if none is kept).
  virtual Result<Sequence> LastBefore(const BackendId& backend, WallTime time) const = 0;

  // Up to `count_max` dead letters with numbers above `after`, oldest first.
  virtual Result<std::vector<StoredDeadLetter>> ReadDead(const BackendId& backend,
                                                         std::uint64_t after,
                                                         std::size_t count_max) const = 0;

  // The same of the gap ledger.
  virtual Result<std::vector<StoredGap>> ReadGaps(const BackendId& backend, std::uint64_t after,
                                                  std::size_t count_max) const = 0;

  virtual Result<std::vector<HeldLane>> HeldLanes(const BackendId& backend) const = 0;

  // As Read, of what a lane holds.
  virtual Result<std::vector<StoredRecord>> ReadHeld(const BackendId& backend, const Lane& lane,
                                                     Sequence after, ReadLimit limit) const = 0;

  virtual Result<WriteOutcome> OutcomeOf(const BackendId& backend, PayloadId payload) const = 0;
};

// One write, routed: what to store and for whom.
struct AppendRequest {
  EncodedRecord record;
  std::shared_ptr<const std::vector<BackendId>> backends;  // Not empty, no name twice.
  WallTime accepted_at;
};

// One write that is too small to be worth a record of its own.
struct SmallWrite {
  Record record;
  Codec codec = Codec::kZstd;
  std::shared_ptr<const std::vector<BackendId>> backends;  // Not empty, no name twice.
  WallTime accepted_at;
};

// Called exactly once, on a thread of the log: it must not block.
using AppendDone = std::function<void(Result<Durable>)>;

// What became of the records (after, through].
struct Resolution {
  Sequence after;  // Where the cursor was when they were read.
  Position through;
  PointCount delivered = 0;
  std::vector<DeadLetter> letters;  // Their points are dead.
  std::vector<Gap> gaps;            // Their points are dropped.
  std::vector<Sequence> held;       // Records that go on hold whole, in their lanes.
};

// What became of the oldest records that a lane held.
struct HeldResolution {
  Sequence first;    // Of those read.
  Sequence through;  // The last one, inclusive.
  PointCount delivered = 0;
  std::vector<DeadLetter> letters;
  std::vector<Gap> gaps;
};

class Log : public LogView {
 public:
  // Lanes that a backend may hold: a client that invents databases must not
  // make the log keep account of each.
  static constexpr std::size_t kHeldLanesMax = 1'000;

  // Returns at once; `done` is called when the record is on stable storage or
  // refused. Appends of one thread are stored in their order.
  // kUnavailable: the log is closed after a failure, or more waits for the disk
  // than may; nothing was stored.
  virtual void Append(AppendRequest request, AppendDone done) = 0;

  // The parts of one write that go to different backends: as Append, and either
  // all of them are stored or none. REQUIRES: there is a part.
  virtual void AppendParts(std::vector<AppendRequest> parts, AppendDone done) = 0;

  // As Append, but the log may store several that wait for the disk at the same
  // time, for the same backends and with equal parameters, as one record, one
  // behind the other; its number is then that of each of them.
  // kInvalidInput: a name is too long to be stored. REQUIRES: no statement.
  virtual void AppendSmall(SmallWrite write, AppendDone done) = 0;

  // The records are resolved and the cursor moves over them. Without letters,
  // gaps and held records it counts at once; with them it waits for the disk.
  // kConflict: the cursor is not at `after` any more; nothing changed, what was
  // read must be read again. kFull: more than kHeldLanesMax lanes would be held.
  // REQUIRES: after < through <= head; `held` ascends, within (after, through].
  virtual Status Resolve(const BackendId& backend, Resolution resolution) = 0;

  // The oldest records that the lane holds are resolved and leave it. Waits for
  // the disk. kConflict: `first` is not the oldest that the lane holds, or
  // `through` is not held.
  virtual Status ResolveHeld(const BackendId& backend, const Lane& lane,
                             HeldResolution resolution) = 0;

  // Executes an operator's command (log_command.h says what each does and how it fails) and
  // waits until its change is on stable storage. kUnavailable: the log takes no writes.
  virtual Result<CommandResult> Execute(const BackendId& backend, const LogCommand& command) = 0;

  virtual Marks MarksOf(const BackendId& backend) const = 0;  // REQUIRES: a known backend.

  virtual bool PausedOf(const BackendId& backend) const = 0;  // REQUIRES: the same.

  // Calls `listener` after every group of records that became readable and
  // after every change that an operator asked for, on a thread of the log: it
  // must not block. Set once, before the first append.
  virtual void OnReadable(std::function<void()> listener) = 0;

  // Ok, or why appends are refused at this moment.
  virtual Status Health() const = 0;
};

}  // namespace relay
