// Keys and values of the log's families. wal/FORMAT.md has the layout with a worked example. Every
// value begins with a version byte and carries a checksum that also covers its key, so that a value
// found under another key counts as damaged too.
//
// ERRORS. Decoding fails with kCorruption only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/record/model.h"

namespace relay {

// Stands for a backend in keys: assigned when its name is first seen, never reused for another
// name.
class BackendNumber {
 public:
  constexpr explicit BackendNumber(std::uint32_t value) : value_(value) {}
  constexpr std::uint32_t value() const { return value_; }
  friend constexpr auto operator<=>(BackendNumber, BackendNumber) = default;

 private:
  std::uint32_t value_;
};

// The state of one backend's queue, as the `state` family stores it.
struct QueueState {
  Position trimmed;
  Position cursor;
  PointCount rewound = 0;
  PointCount delivered = 0;
  PointCount dropped = 0;
  DeadByReason dead;
  Totals held;
  RecordCount held_records = 0;
  std::uint64_t dead_letters = 0;          // Currently stored.
  std::uint64_t first_dead = 1;            // No stored dead letter has a lower number.
  std::uint64_t last_dead = 0;             // The highest number ever assigned.
  Bytes dead_bytes{0};                     // The rows of the stored dead letters, keys and values.
  PointCount dead_removed = 0;             // Points of the letters removed beyond their budget.
  std::uint64_t dead_letters_removed = 0;  // Those letters.
  std::uint64_t last_gap = 0;
  // Incremented by every change other than an advance of the cursor: after a failed write it tells
  // whether the change is on disk.
  std::uint64_t edition = 0;
  bool paused = false;

  PointCount dead_points() const;

  friend bool operator==(const QueueState&, const QueueState&) = default;
};

// One lane with held records, as the `state` family stores it.
struct LaneState {
  RecordCount records = 0;
  Totals size;
  Sequence first = Sequence::BeforeFirst();  // The first held record; reading begins here.
  Sequence last = Sequence::BeforeFirst();
  WallTime oldest;  // The time of the record `first`.
  bool by_operator = false;
  bool gives_up = false;  // Only while it has records.

  bool empty() const { return records == 0 && !by_operator; }

  friend bool operator==(const LaneState&, const LaneState&) = default;
};

std::string PayloadKey(PayloadId id);
Result<PayloadId> DecodePayloadKey(std::string_view key);

// Keys of a backend's entries, in order of sequence; the same for dead letters and gaps.
std::string EntryKey(BackendNumber backend, Sequence sequence);
std::string DeadKey(BackendNumber backend, std::uint64_t number);
std::string GapKey(BackendNumber backend, std::uint64_t number);

// Common prefix of all keys of a backend in a family, and where the next backend's begin. REQUIRES:
// not the last possible number.
std::string BackendKeys(BackendNumber backend);
std::string BackendKeysEnd(BackendNumber backend);

struct NumberedKey {
  BackendNumber backend{0};
  std::uint64_t number = 0;
};
Result<NumberedKey> DecodeNumberedKey(std::string_view key);

// The sequence is in the key.
std::string EncodeEntry(std::string_view key, const Entry& entry);
Result<Entry> DecodeEntry(std::string_view key, std::string_view value);

std::string EncodeDead(std::string_view key, const DeadLetter& letter);
Result<DeadLetter> DecodeDead(std::string_view key, std::string_view value);

std::string EncodeGap(std::string_view key, const Gap& gap);
Result<Gap> DecodeGap(std::string_view key, std::string_view value);

// Keys of a lane's held records begin with its prefix and are in order of sequence.
std::string HeldPrefix(BackendNumber backend, const Lane& lane);
std::string HeldKey(BackendNumber backend, const Lane& lane, Sequence sequence);
Result<Sequence> DecodeHeldKey(std::string_view key, std::string_view prefix);

// A held record is stored with a copy of its payload: the checksum here covers the entry, the
// payload has its own.
std::string EncodeHeld(std::string_view key, const Entry& entry, std::string_view payload);
// REQUIRES: the key ends with `sequence`.
Result<Entry> DecodeHeldEntry(std::string_view key, Sequence sequence, std::string_view value);
std::string_view HeldPayload(std::string_view value);

// Keys of the `state` family.
inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kLastBackendKey = "last-backend";
inline constexpr std::string_view kLastPayloadKey = "last-payload";
inline constexpr std::string_view kBackendPrefix = "backend/";
std::string BackendKey(const BackendId& name);
std::string QueueKey(BackendNumber backend);
std::string LanePrefix(BackendNumber backend);
std::string LaneKey(BackendNumber backend, const Lane& lane);
Result<Lane> DecodeLaneKey(std::string_view key, BackendNumber backend);

// Version of the stored format as a whole: which families exist and what they mean.
inline constexpr std::uint32_t kFormatVersion = 5;
inline constexpr std::uint32_t kFormatVersionOldest = 1;  // The oldest that can be read.
inline constexpr std::uint32_t kFirstFormatWithDeadBytes = 4;

std::string EncodeNumber(std::string_view key, std::uint64_t number);
Result<std::uint64_t> DecodeNumber(std::string_view key, std::string_view value);

// Also decodes what formats before 4 wrote, which did not know the size of their dead letters; in
// format 1 all dead points have the reason kRefused until its dead letters are counted.
std::string EncodeQueueState(std::string_view key, const QueueState& state);
Result<QueueState> DecodeQueueState(std::string_view key, std::string_view value);

std::string EncodeLane(std::string_view key, const LaneState& lane);
Result<LaneState> DecodeLane(std::string_view key, std::string_view value);

}  // namespace relay
