// The values that the log is made of: positions, entries, marks, lanes, dead
// letters, gaps and the figures of a backend. Plain data without a store; the
// enumerations whose values are part of the stored format say so.
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

// Records of one database and retention policy keep their order among each
// other; those of different lanes have none to keep.
struct Lane {
  std::string database;
  std::string retention_policy;  // Empty: the database's default.

  friend auto operator<=>(const Lane&, const Lane&) = default;
};

inline Lane LaneOf(const WriteParams& params) {
  return {params.database, params.retention_policy};
}

// "telegraf" or "telegraf.autogen": short, for tables and keys. Clients choose the
// names: they may hold any bytes.
std::string ToString(const Lane& lane);

// `database "telegraf"` or `database "telegraf", retention policy "autogen"`: for sentences.
std::string DescribeLane(const Lane& lane);

// Why lines were set aside. The values are part of the stored format.
enum class DeadReason : std::uint8_t {
  kRefused = 1,  // The backend will never take them: not line protocol to it, a type conflict.
  kExpired = 2,  // Older than the retention policy keeps.
  kLimit = 3,    // A limit of the backend: series, tag values, size of a request.
  kDamaged = 4,  // Of format 1, no longer written: damage goes to the gap ledger.
};
inline constexpr std::size_t kDeadReasons = 4;

// Points, by the reason they are dead for.
class DeadByReason {
 public:
  PointCount& operator[](DeadReason reason) { return counts_.at(IndexOf(reason)); }
  PointCount operator[](DeadReason reason) const { return counts_.at(IndexOf(reason)); }

  friend bool operator==(const DeadByReason&, const DeadByReason&) = default;

 private:
  static std::size_t IndexOf(DeadReason reason) { return static_cast<std::size_t>(reason) - 1; }

  std::array<PointCount, kDeadReasons> counts_{};
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

// The numbers of a backend's letters ascend and are never given twice.
struct StoredDeadLetter {
  std::uint64_t number = 0;
  DeadLetter letter;
};

// Why records will never be delivered. The values are part of the stored format.
enum class GapReason : std::uint8_t {
  kSkipped = 1,     // By an operator.
  kDropOldest = 2,  // The log was full, and told to drop rather than to refuse.
  kDamaged = 3,     // The stored bytes failed a check.
  kLost = 4,        // The log's end was gone when it was opened.
};

// "skipped", "drop oldest", "damaged", "lost".
std::string_view ToString(GapReason reason);

// An entry of the gap ledger: what will never be delivered to a backend.
struct Gap {
  static constexpr std::size_t kDatabasesMax = 100;
  static constexpr std::size_t kWordsMax = 4U << 10U;  // Of `note` and of `by`.

  Sequence first = Sequence::BeforeFirst();
  Sequence last = Sequence::BeforeFirst();  // Inclusive.
  WallTime from;                            // Accepted from ...
  WallTime to;                              // ... to, inclusive.
  PointCount points = 0;
  Bytes bytes{0};                      // Of lines.
  std::vector<std::string> databases;  // Sorted; at most kDatabasesMax; none where unknown.
  GapReason reason = GapReason::kSkipped;
  std::string note;  // The operator's words, or what the check said.
  std::string by;    // Who asked; "relay": nobody.
  WallTime when;

  friend bool operator==(const Gap&, const Gap&) = default;
};

// The numbers of a backend's gaps are 1, 2, 3, ...
struct StoredGap {
  std::uint64_t number = 0;
  Gap gap;
};

// A lane of one backend that has records on hold or is held by an operator.
struct HeldLane {
  Lane lane;
  RecordCount records = 0;
  Totals size;
  std::optional<Sequence> first;  // Of what it holds; nothing where that is nothing. So below.
  std::optional<Sequence> last;
  std::optional<WallTime> oldest;
  bool by_operator = false;  // Records of it are to be held until ReleaseLane.
};

// What an operator's change is remembered by.
struct Actor {
  std::string by;
  std::string note;
  WallTime when;
};

// One backend's figures, all from the same moment.
struct QueueStats {
  Marks marks;
  Totals accepted;  // Up to head.
  Totals owed;      // Between cursor and head.
  Totals kept;      // Between trimmed and cursor: can be rewound to.
  Totals held;
  std::optional<WallTime> oldest_owed;
  std::optional<WallTime> oldest_kept;
  PointCount rewound = 0;
  PointCount delivered = 0;
  PointCount dead = 0;
  PointCount dropped = 0;
  DeadByReason dead_by_reason;
  RecordCount held_records = 0;
  std::uint64_t dead_letters = 0;  // That are stored now.
  std::uint64_t gaps = 0;          // In the ledger.
  bool paused = false;

  // accepted + rewound - (delivered + owed + held + dead + dropped). Anything but 0 is a bug.
  std::int64_t unaccounted() const;
};

// What became of a write at one backend.
enum class WriteOutcome : std::uint8_t {
  kNotRouted,  // It was not for this backend.
  kOwed,
  kHeld,
  kPassed,   // The cursor is beyond it: delivered, dead or dropped.
  kTrimmed,  // Older than what is kept: if it was for this backend, it is resolved or held.
};

}  // namespace relay
