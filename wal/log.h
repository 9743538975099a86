// The relay's memory: what was accepted and not yet delivered, per backend.
//
// Each backend has its own run of records, numbered 1, 2, 3, ... without gaps.
// Three marks divide a run, and always BeforeFirst <= trimmed <= cursor <= head:
//
//     1 .. trimmed          deleted from disk
//     trimmed+1 .. cursor   delivered, kept for a rewind
//     cursor+1 .. head      owed to the backend; head - cursor is the cursor lag
//
// DURABILITY. When an append completes with a Durable, the record is on stable
// storage (fdatasync) for every named backend; without one it is there for all
// of them or for none. An Advance counts at once and is on stable storage
// within the log's cursor interval: a crash can move a cursor back, never
// forward, so records may be sent again and are never skipped. A SetAside is on
// stable storage when it returns, the dead letters and the cursor in one step.
//
// THREADS. Every method may be called from any thread at any time; per backend,
// one thread at a time moves the cursor.
//
// ERRORS. kFull from an append: the log has reached its limit on disk; it takes
// appends again by itself once there is room. Nothing of the record was stored.
// A write or sync that fails closes the log for appends: what is on
// disk is unknown. Everything that waits, and every later append, is refused
// with kUnavailable until the log has closed and reopened itself and derived
// the heads anew from what is there. A record that was refused so may turn out
// to be stored; it is then delivered like any other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wal/record.h"
#include "wal/result.h"
#include "wal/types.h"

namespace relay {

// A sequence and the sums from the first record up to and including it: lag in records, points and
// bytes is the difference of two positions.
struct Position {
  Sequence sequence = Sequence::BeforeFirst();
  Totals totals;

  friend bool operator==(const Position&, const Position&) = default;
};

// What the log knows of one record of a backend without reading its lines.
struct Entry {
  Position position;
  PayloadId payload{0};
  WallTime accepted_at;  // Never earlier than that of the record before it.
  Totals size;           // Of this record alone.
};

struct StoredRecord {
  Entry entry;
  // kCorruption where the stored bytes fail a check. The entry's position is
  // right all the same; its points are what is missing from the sums.
  Result<std::shared_ptr<const Record>> record;
};

struct Marks {
  Sequence trimmed = Sequence::BeforeFirst();
  Sequence cursor = Sequence::BeforeFirst();
  Sequence head = Sequence::BeforeFirst();

  RecordCount lag() const { return head - cursor; }
};

// Why lines were set aside. The values are part of the stored format.
enum class DeadReason : std::uint8_t {
  kRefused = 1,  // The backend will never take them: not line protocol to it, a type conflict.
  kExpired = 2,  // Older than the retention policy keeps.
  kLimit = 3,    // A limit of the backend: series, tag values, size of a request.
  kDamaged = 4,  // The stored bytes failed a check; there are no lines to show.
};

// Lines that a backend refused for good, with what it said.
struct DeadLetter {
  Sequence sequence = Sequence::BeforeFirst();
  std::uint32_t first_line = 0;  // In the record, from 1.
  PointCount points = 0;
  DeadReason reason = DeadReason::kRefused;
  int http_status = 0;  // 0: no answer was involved.
  WallTime when;
  WriteParams params;
  std::string words;  // The backend's, cut at 4 KiB.
  std::string lines;

  friend bool operator==(const DeadLetter&, const DeadLetter&) = default;
};

struct StoredDeadLetter {
  std::uint64_t number = 0;
  DeadLetter letter;
};

// One backend's figures, all from the same moment.
struct Figures {
  Marks marks;
  Totals accepted;  // Up to head.
  Totals owed;      // Between cursor and head.
  Totals kept;      // Between trimmed and cursor: can be rewound to.
  std::optional<WallTime> oldest_owed;
  PointCount delivered = 0;
  PointCount held = 0;
  PointCount dead = 0;
  PointCount dropped = 0;

  // accepted - (delivered + owed + held + dead + dropped). Anything but 0 is a bug.
  std::int64_t unaccounted() const;
};

// How much a Read may return: at most this many records and, unless it is the
// first, no record that takes the lines beyond `bytes`.
struct ReadLimit {
  RecordCount records = 1;
  Bytes bytes = 4_MiB;
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
  PayloadId payload() const { return payload_; }

 private:
  friend class SyncGate;
  explicit Durable(PayloadId payload) : payload_(payload) {}

  PayloadId payload_;
};

// What the implementations of Log use to make a Durable, after a sync.
class SyncGate {
 public:
  static Durable Passed(PayloadId payload) { return Durable(payload); }
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
  virtual Result<Figures> FiguresOf(const BackendId& backend) const = 0;

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
};

// One write, routed: what to store and for whom.
struct AppendRequest {
  EncodedRecord record;
  std::shared_ptr<const std::vector<BackendId>> backends;  // Not empty, no name twice.
  WallTime accepted_at;
};

// Called exactly once, on a thread of the log: it must not block.
using AppendDone = std::function<void(Result<Durable>)>;

class Log : public LogView {
 public:
  // Returns at once; `done` is called when the record is on stable storage or
  // refused. Appends of one thread are stored in their order.
  // kUnavailable: the log is closed after a failure, or more waits for the disk
  // than may; nothing was stored.
  virtual void Append(AppendRequest request, AppendDone done) = 0;

  // Everything up to `through` is delivered; `delivered` points of it reached
  // the backend. REQUIRES: cursor <= through <= head.
  virtual Status Advance(const BackendId& backend, const Position& through,
                         PointCount delivered) = 0;

  // As Advance; the rest of the points is in `letters`, which are kept. Waits
  // for the disk. kUnavailable: nothing changed.
  virtual Status SetAside(const BackendId& backend, const Position& through, PointCount delivered,
                          std::vector<DeadLetter> letters) = 0;

  virtual Marks MarksOf(const BackendId& backend) const = 0;  // REQUIRES: a known backend.

  // Calls `listener` after every group of records that became readable, on a
  // thread of the log: it must not block. Set once, before the first append.
  virtual void OnReadable(std::function<void()> listener) = 0;

  // Ok, or why appends are refused at this moment.
  virtual Status Health() const = 0;
};

}  // namespace relay
