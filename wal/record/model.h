// Values of the log: positions, entries, marks, lanes, dead letters, gaps and a backend's stats.
// Plain data without a store. Enumerations whose values are part of the stored format say so.
//
// THREADS. Values: as safe as an int.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/record/record.h"

namespace relay {

// A sequence and the sums over all records up to and including it: the lag in records, points and
// bytes is the difference of two positions.
struct Position {
  Sequence sequence = Sequence::BeforeFirst();
  Totals totals;

  friend bool operator==(const Position&, const Position&) = default;
};

// One record in a backend's queue, without its lines.
struct Entry {
  Position position;
  PayloadId payload{0};
  WallTime accepted_at;  // No earlier than the previous record's.
  Totals size;           // This record alone.
};

struct StoredRecord {
  Entry entry;
  // kCorruption: the stored bytes fail a check. The entry's position is right even then; its points
  // are those missing from the sums.
  Result<std::shared_ptr<const Record>> record;
};

struct Marks {
  Sequence trimmed = Sequence::BeforeFirst();
  Sequence cursor = Sequence::BeforeFirst();
  Sequence head = Sequence::BeforeFirst();

  RecordCount lag() const { return head - cursor; }
};

// Records of one database and retention policy are delivered in order; records of different lanes
// have no order.
struct Lane {
  std::string database;
  std::string retention_policy;  // Empty: the database's default.

  friend auto operator<=>(const Lane&, const Lane&) = default;
};

inline Lane LaneOf(const WriteParams& params) {
  return {params.database, params.retention_policy};
}

// Holds the records of all databases that a backend did not accept while Log::kHeldLanesMax others
// were on hold. A client's database of this name shares it.
const Lane& OverflowLane();

// Returns "telegraf" or "telegraf.autogen": short, for tables and keys. Clients choose the names,
// which may hold any bytes.
std::string ToString(const Lane& lane);

// Returns `database "telegraf"` or `database "telegraf", retention policy "autogen"`, for
// sentences.
std::string DescribeLane(const Lane& lane);

// The reason why lines became dead letters. The values are part of the stored format.
enum class DeadReason : std::uint8_t {
  kRefused = 1,  // The backend will never accept them: invalid to it, or a type conflict.
  kExpired = 2,  // Older than the retention policy keeps.
  kLimit = 3,    // A limit of the backend: series, tag values, size of a request.
  kDamaged = 4,  // Format 1 only; damage now goes to the gap ledger.
};
inline constexpr std::size_t kDeadReasons = 4;

// Points by the reason why they are dead letters.
class DeadByReason {
 public:
  PointCount& operator[](DeadReason reason) { return counts_.at(IndexOf(reason)); }
  PointCount operator[](DeadReason reason) const { return counts_.at(IndexOf(reason)); }

  friend bool operator==(const DeadByReason&, const DeadByReason&) = default;

 private:
  static std::size_t IndexOf(DeadReason reason) { return static_cast<std::size_t>(reason) - 1; }

  std::array<PointCount, kDeadReasons> counts_{};
};

// Lines that a backend rejected for good, with its response.
struct DeadLetter {
  Sequence sequence = Sequence::BeforeFirst();
  std::uint32_t first_line = 0;  // Within the record, from 1.
  PointCount points = 0;
  DeadReason reason = DeadReason::kRefused;
  int http_status = 0;  // 0: there was no response.
  WallTime when;
  WriteParams params;
  std::string message;  // The backend's message, cut at 4 KiB.
  std::string lines;

  friend bool operator==(const DeadLetter&, const DeadLetter&) = default;
};

// A backend's dead letters have ascending numbers, never used twice.
struct StoredDeadLetter {
  std::uint64_t number = 0;
  DeadLetter letter;
};

// The reason why records will never be delivered. The values are part of the stored format.
enum class GapReason : std::uint8_t {
  kSkipped = 1,      // By an operator.
  kDropOldest = 2,   // The log was full and configured to drop the oldest records.
  kDamaged = 3,      // The stored bytes failed a check.
  kLost = 4,         // The log's newest records were missing when it was opened.
  kDeadLetters = 5,  // Dead letters beyond their budget. Their points stay counted as dead.
  kTooOld = 6,       // Accepted longer ago than the backend's max_age.
  kDeadDropped = 7,  // Dead letters that an operator deleted. Their points stay counted as dead.
  // Records that a rewind asked for and that were no longer kept; they stay counted as they were.
  kNotKept = 8,
  kOtherCopy = 9,  // The log was started on a checkpoint: what its original accepted later.
};

// Returns whether the points of such gaps are counted as dropped: they are counted otherwise if
// they were already resolved.
bool CountsAsDropped(GapReason reason);

// Returns "skipped", "drop oldest", "damaged", "lost", "dead letters", "too old", "dead letters
// dropped", "not kept" or "other copy".
std::string_view ToString(GapReason reason);

// An entry of the gap ledger: records that will never be delivered to a backend. For kDeadLetters
// and kDeadDropped: the range of their records, most of which may have been delivered, and when the
// first and the last of the letters were written. For kNotKept: the range that the missing records
// lie in, and between which times they were accepted, as far as it is known; no points: unknown.
// For kOtherCopy: the last record before them, and between which times they were accepted.
struct Gap {
  static constexpr std::size_t kDatabasesMax = 100;
  static constexpr std::size_t kTextMax = 4U << 10U;  // For `note` and for `by`.

  Sequence first = Sequence::BeforeFirst();
  Sequence last = Sequence::BeforeFirst();  // Inclusive.
  WallTime from;                            // Accepted at, of the first record ...
  WallTime to;                              // ... and of the last, inclusive.
  PointCount points = 0;
  Bytes bytes{0};                      // Line protocol.
  std::vector<std::string> databases;  // Sorted; at most kDatabasesMax; empty: unknown.
  GapReason reason = GapReason::kSkipped;
  std::string note;  // The operator's note, or the failed check.
  std::string by;    // The actor; "relay": no operator was involved.
  WallTime when;

  friend bool operator==(const Gap&, const Gap&) = default;
};

// The numbers of a backend's gaps are 1, 2, 3, ...
struct StoredGap {
  std::uint64_t number = 0;
  Gap gap;
};

// A lane of one backend that has held records or is held by an operator.
struct HeldLane {
  Lane lane;
  RecordCount records = 0;
  Totals size;
  std::optional<Sequence> first;  // nullopt: it holds no records. The same below.
  std::optional<Sequence> last;
  std::optional<WallTime> oldest;
  bool by_operator = false;  // New records are held until ReleaseLane.
  bool gives_up = false;     // Refused lines become dead letters: GiveUpRefused.
};

// Identifies who made a change, for the ledgers.
struct Actor {
  std::string by;
  std::string note;
  WallTime when;
};

// One backend's stats, all from the same moment.
struct QueueStats {
  Marks marks;
  Totals accepted;  // Up to the head.
  Totals owed;      // Between cursor and head.
  Totals kept;      // Between trimmed and cursor: available to a rewind.
  Totals held;
  std::optional<WallTime> oldest_owed;
  std::optional<WallTime> oldest_kept;
  PointCount rewound = 0;
  PointCount delivered = 0;
  PointCount dead = 0;
  PointCount dropped = 0;
  DeadByReason dead_by_reason;
  RecordCount held_records = 0;
  std::uint64_t dead_letters = 0;  // Currently stored.
  Bytes dead_bytes{0};             // Their size as stored.
  PointCount dead_removed = 0;     // Points of letters removed beyond the budget; part of `dead`.
  std::uint64_t dead_letters_removed = 0;  // Those letters.
  std::uint64_t gaps = 0;                  // In the gap ledger.
  bool paused = false;

  // accepted + rewound - (delivered + owed + held + dead + dropped). Anything but 0 is a bug.
  std::int64_t unaccounted() const;
};

// The state of a write at one backend.
enum class WriteOutcome : std::uint8_t {
  kNotRouted,  // The write was not for this backend.
  kOwed,
  kHeld,
  kPassed,   // The cursor is past it: delivered, dead or dropped.
  kTrimmed,  // Older than what is kept: if it was for this backend, it is resolved or held.
};

}  // namespace relay
