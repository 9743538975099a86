// Keys and values of the log's families. The layout, with a worked example, is
// on the format page: wal/FORMAT.md. Every value begins with a version byte and
// carries a checksum that also covers its key, so that a value found under
// another key is damage too.
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

// A backend in keys: given to its name when the name is first seen, never to
// another one.
class BackendNumber {
 public:
  constexpr explicit BackendNumber(std::uint32_t value) : value_(value) {}
  constexpr std::uint32_t value() const { return value_; }
  friend constexpr auto operator<=>(BackendNumber, BackendNumber) = default;

 private:
  std::uint32_t value_;
};

// What the `state` family keeps of one backend.
struct QueueState {
  Position trimmed;
  Position cursor;
  PointCount rewound = 0;
  PointCount delivered = 0;
  PointCount dropped = 0;
  DeadByReason dead;
  Totals held;
  RecordCount held_records = 0;
  std::uint64_t dead_letters = 0;  // That are stored.
  std::uint64_t first_dead = 1;    // No letter that is stored has a lower number.
  std::uint64_t last_dead = 0;     // The highest number ever given.
  std::uint64_t last_gap = 0;
  // Goes up with every change but a mere move of the cursor: tells after a
  // failed write whether that change is on disk.
  std::uint64_t edition = 0;
  bool paused = false;

  PointCount dead_points() const;

  friend bool operator==(const QueueState&, const QueueState&) = default;
};

// What the `state` family keeps of one lane that holds something.
struct LaneState {
  RecordCount records = 0;
  Totals size;
  Sequence first = Sequence::BeforeFirst();  // Of the records; reading begins here.
  Sequence last = Sequence::BeforeFirst();
  WallTime oldest;  // Of the record `first`.
  bool by_operator = false;

  bool empty() const { return records == 0 && !by_operator; }

  friend bool operator==(const LaneState&, const LaneState&) = default;
};

std::string PayloadKey(PayloadId id);
Result<PayloadId> DecodePayloadKey(std::string_view key);

// The keys of a backend's entries, in their order; the same for dead letters
// and gaps.
std::string EntryKey(BackendNumber backend, Sequence sequence);
std::string DeadKey(BackendNumber backend, std::uint64_t number);
std::string GapKey(BackendNumber backend, std::uint64_t number);

// What all keys of a backend in a family begin with, and where the next one's
// begin. REQUIRES: not the last number there is.
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

// The keys of what a lane holds begin with its prefix and are in order.
std::string HeldPrefix(BackendNumber backend, const Lane& lane);
std::string HeldKey(BackendNumber backend, const Lane& lane, Sequence sequence);
Result<Sequence> DecodeHeldKey(std::string_view key, std::string_view prefix);

// A held record keeps its payload with it, as it was stored: the checksum here
// covers the entry, the payload has its own.
std::string EncodeHeld(std::string_view key, const Entry& entry, std::string_view payload);
// REQUIRES: `sequence` is what the key ends with.
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

// The version of the whole: which families there are and what they mean.
inline constexpr std::uint32_t kFormatVersion = 3;
inline constexpr std::uint32_t kFormatVersionOldest = 1;  // That can be read.

std::string EncodeNumber(std::string_view key, std::uint64_t number);
Result<std::uint64_t> DecodeNumber(std::string_view key, std::string_view value);

// What format 1 stored is decoded too: all that is dead in it has the reason
// kRefused until its letters are counted.
std::string EncodeQueueState(std::string_view key, const QueueState& state);
Result<QueueState> DecodeQueueState(std::string_view key, std::string_view value);

std::string EncodeLane(std::string_view key, const LaneState& lane);
Result<LaneState> DecodeLane(std::string_view key, std::string_view value);

}  // namespace relay
