// The durable log: every accepted record, and how far each backend has got through it.
//
// Each backend has its own queue of records, numbered 1, 2, 3, ... without gaps.
// Three marks divide a queue, and always BeforeFirst <= trimmed <= cursor <= head:
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
// where `rewound` are the points that a rewind made owed once more. Counters never
// fall; only `owed` and `held` do.
//
// DURABILITY. When an append completes with a Durable, the record is on stable
// storage (fdatasync) for every named backend; an append without one is there for all
// of them or for none. A Resolve of delivered records takes effect at once and is on
// stable storage within the log's cursor interval: a crash can move a cursor
// back, never forward, so records may be sent again and are never skipped. Every
// other change is on stable storage when its call returns, all of it in one step.
//
// THREADS. Every method may be called from any thread at any time. One thread
// per backend delivers (Resolve, ResolveHeld); kConflict tells it that an
// operator's command has changed what it has read.
//
// ERRORS. kFull from an append: the log has reached its limit on disk; it takes
// appends again by itself once there is room. Nothing of the record was stored.
// A write or sync that fails closes the log for appends, because what is on disk is
// then unknown: pending and later appends and changes are refused with kUnavailable
// until the log has reopened itself and has read its state back from disk. A refused
// append may still turn out to be on disk after the reopen; it is then delivered as
// usual. A refused change may likewise have taken effect.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/log_command.h"
#include "wal/record/lives.h"
#include "wal/record/model.h"
#include "wal/record/record.h"

namespace relay {

// Limits what a Read returns: at most this many records and, unless it is the
// first, no record that takes the lines beyond `bytes`.
struct ReadLimit {
  RecordCount records = 1;
  Bytes bytes = 4_MiB;
};

// The action of a log that has reached its limit on disk and keeps nothing for a
// rewind any more.
enum class WhenFull : std::uint8_t {
  kRefuse,      // Refuses appends until backends have taken what they are owed.
  kDropOldest,  // Drops what has been owed for the longest time: it becomes a gap.
};

// The disk space that the log uses, and its limits.
struct DiskUse {
  Bytes used{0};
  Bytes max{0};
  Bytes free{0};  // On the file system.
  Bytes min_free{0};
  Bytes dead_max{0};  // The most that dead letters may take.

  bool full() const { return used >= max || free <= min_free; }
};

// Proves that a record was synced. Only a log can make one, and only a
// Durable can become the response 204.
class Durable {
 public:
  PayloadId payload() const { return last_; }
  WritePosition position() const { return {last_, life_}; }

  // Returns the first part's number; the parts of a write have the numbers from here to payload().
  PayloadId first_payload() const { return first_; }

  // Returns the proof for one part. REQUIRES: the write has a part with this index.
  Durable OfPart(std::size_t index) const {
    const PayloadId payload(first_.value() + index);
    INVARIANT(payload <= last_);
    return {payload, payload, life_};
  }

 private:
  friend class SyncGate;
  Durable(PayloadId first, PayloadId last, LifeId life) : first_(first), last_(last), life_(life) {}

  PayloadId first_;
  PayloadId last_;
  LifeId life_;
};

// Lets the implementations of Log make a Durable, after a sync.
class SyncGate {
 public:
  static Durable Passed(PayloadId payload) { return {payload, payload, LifeId()}; }
  static Durable Passed(PayloadId first, PayloadId last, LifeId life) {
    return {first, last, life};
  }
};

// Ends the name of a checkpoint that is unfinished or was abandoned.
inline constexpr std::string_view kUnfinishedCheckpoint = ".incomplete";

// Asks for a copy of the log while it is in use.
struct CheckpointRequest {
  std::string directory;  // Absolute. Its parent is created if only that is missing.
  // Files, and directories of files, in the log's directory that other parts of the
  // relay keep there: copied as they are, if they exist.
  std::vector<std::string> beside = {};
};

// Reads a log without changing a byte on disk.
class LogView {
 public:
  LogView() = default;
  LogView(const LogView&) = delete;
  LogView& operator=(const LogView&) = delete;
  virtual ~LogView() = default;

  // Returns every backend that the log has records or marks of, by name.
  virtual std::vector<BackendId> Backends() const = 0;

  // kNotFound, here and below: the log does not know the backend.
  virtual Result<QueueStats> StatsOf(const BackendId& backend) const = 0;

  // Returns the records after `after`, oldest first; empty: the head is reached.
  // REQUIRES: limit.records > 0.
  virtual Result<std::vector<StoredRecord>> Read(const BackendId& backend, Sequence after,
                                                 ReadLimit limit) const = 0;

  // Returns the last sequence accepted before `time`; BeforeFirst: none is kept.
  virtual Result<Sequence> LastBefore(const BackendId& backend, WallTime time) const = 0;

  // Returns up to `count_max` dead letters with numbers above `after`, oldest first.
  virtual Result<std::vector<StoredDeadLetter>> ReadDead(const BackendId& backend,
                                                         std::uint64_t after,
                                                         std::size_t count_max) const = 0;

  // Returns entries of the gap ledger likewise.
  virtual Result<std::vector<StoredGap>> ReadGaps(const BackendId& backend, std::uint64_t after,
                                                  std::size_t count_max) const = 0;

  virtual Result<std::vector<HeldLane>> HeldLanes(const BackendId& backend) const = 0;

  // Returns records that the lane holds, as Read does.
  virtual Result<std::vector<StoredRecord>> ReadHeld(const BackendId& backend, const Lane& lane,
                                                     Sequence after, ReadLimit limit) const = 0;

  virtual Result<WriteOutcome> OutcomeOf(const BackendId& backend, PayloadId payload) const = 0;

  // Returns whether this log gave the position to a write. If not, OutcomeOf its number is that of
  // another write: it was given by another copy of the log, or lies behind the head.
  virtual bool Gave(const WritePosition& position) const = 0;
};

// A routed write: the record and its backends.
struct AppendRequest {
  EncodedRecord record;
  std::shared_ptr<const std::vector<BackendId>> backends;  // Not empty, no name twice.
  WallTime accepted_at;
};

// A write that is too small to be worth a record of its own.
struct SmallWrite {
  Record record;
  Codec codec = Codec::kZstd;
  std::shared_ptr<const std::vector<BackendId>> backends;  // Not empty, no name twice.
  WallTime accepted_at;
  ColumnsJudge* judge = nullptr;  // See Encode; it outlives the log.
};

// Called exactly once, on a thread of the log: it must not block.
using AppendDone = std::function<void(Result<Durable>)>;

// Says what became of the records (after, through].
struct Resolution {
  Sequence after;  // The cursor when they were read.
  Position through;
  PointCount delivered = 0;
  std::vector<DeadLetter> letters;      // Their points are dead.
  std::vector<Gap> gaps;                // Their points are dropped.
  std::vector<Sequence> held;           // Records to hold whole, in their lanes.
  std::vector<Sequence> overflow = {};  // Those of `held` to hold in the overflow lane instead.
};

// Says what became of the oldest records that a lane held, or of consecutive ones that the overflow
// lane held.
struct HeldResolution {
  Sequence first;
  Sequence through;  // Inclusive.
  PointCount delivered = 0;
  std::vector<DeadLetter> letters;
  std::vector<Gap> gaps;
};

class Log : public LogView {
 public:
  // Limits the lanes that a backend may hold besides the overflow lane: a client that invents
  // databases must not make the log keep account of each.
  static constexpr std::size_t kHeldLanesMax = 1'000;

  // Returns at once; `done` is called when the record is on stable storage or
  // refused. Appends of one thread are stored in their order.
  // kUnavailable: the log is closed after a failure, or too much already waits for
  // the disk; nothing was stored.
  virtual void Append(AppendRequest request, AppendDone done) = 0;

  // Appends the parts of one write, for different backends: as Append, and either
  // all of them are stored or none. REQUIRES: `parts` is not empty.
  virtual void AppendParts(std::vector<AppendRequest> parts, AppendDone done) = 0;

  // Appends a small write, as Append does. Small writes that wait for the disk at the
  // same time, for the same backends and with equal parameters, may be stored as one
  // record, one behind the other; each of them then has this record's number.
  // kInvalidInput: a name is too long to be stored. REQUIRES: the write is no statement.
  virtual void AppendSmall(SmallWrite write, AppendDone done) = 0;

  // Returns the last sequence that was accepted longer than `age` ago, by a clock that nobody sets;
  // BeforeFirst: none was. It may be somewhat too low (see wal/log/record_ages.h).
  virtual Result<Sequence> LastOlderThan(const BackendId& backend, std::chrono::nanoseconds age,
                                         Clock::TimePoint now) const = 0;

  // Resolves records and moves the cursor over them. Takes effect at once without
  // letters, gaps and held records; with them it waits for the disk.
  // kConflict: the cursor is no longer at `after`; nothing changed, and the records
  // must be read again. kFull: more than kHeldLanesMax lanes would be held
  // besides the overflow lane. kElsewhere: as LeaseOf. REQUIRES: after < through <= head; `held`
  // and `overflow` ascend, within (after, through].
  virtual Status Resolve(const BackendId& backend, Resolution resolution) = 0;

  // Resolves the oldest records that the lane holds, or consecutive ones of the overflow
  // lane; they leave it. Waits for the disk. kConflict: `first` is not the oldest that the
  // lane holds (of the overflow lane: is not held), or `through` is not held.
  virtual Status ResolveHeld(const BackendId& backend, const Lane& lane,
                             HeldResolution resolution) = 0;

  // Executes an operator's command (log_command.h says what each does and how it fails) and
  // waits until its change is on stable storage. kUnavailable: the log takes no writes.
  // kElsewhere: the relay that delivers to the backend executes its commands.
  virtual Result<CommandResult> Execute(const BackendId& backend, const LogCommand& command) = 0;

  virtual Marks MarksOf(const BackendId& backend) const = 0;  // REQUIRES: a known backend.

  virtual bool PausedOf(const BackendId& backend) const = 0;  // REQUIRES: a known backend.

  // Returns the number of the lease under which a request to the backend may begin at this moment.
  // With another number than before, another relay may have delivered meanwhile: what was read
  // earlier must be read again. A log that is not shared has one lease for ever. kElsewhere:
  // another relay delivers to the backend, or may do so by now; ask again.
  virtual Result<std::uint64_t> LeaseOf(const BackendId& /*backend*/) const {
    return std::uint64_t{0};
  }

  // Calls `listener` after every group of records that became readable and after
  // every command that changes what is to be delivered, on a thread of the log: it
  // must not block. Set once, before the first append.
  virtual void OnReadable(std::function<void()> listener) = 0;

  // Returns Ok, or the reason why appends are refused at this moment.
  virtual Status Health() const = 0;
};

}  // namespace relay
