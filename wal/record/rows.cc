#include "wal/record/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "wal/base/big_endian.h"
#include "wal/record/checked_value.h"

namespace relay {
namespace {

constexpr std::uint8_t kRunVersion = 3;
constexpr std::uint8_t kRunVersionWithoutDeadBytes = 2;

// The flags of a lane.
constexpr unsigned kLaneByOperator = 1;
constexpr unsigned kLaneGivesUp = 2;
constexpr std::uint8_t kDeadVersionWithCredentials = 2;
constexpr std::size_t kEntrySize =
    kCheckedValueHead + 5 * sizeof(std::uint64_t) + 3 * sizeof(std::uint32_t);

void PutTotals(std::string& out, const Totals& totals) {
  PutBigEndian(out, totals.points);
  PutBigEndian(out, totals.bytes.count());
  PutBigEndian(out, totals.stored.count());
}

Totals TakeTotals(BigEndianReader& reader) {
  const PointCount points = reader.Take<std::uint64_t>();
  const Bytes bytes(reader.Take<std::uint64_t>());
  const Bytes stored(reader.Take<std::uint64_t>());
  return {points, bytes, stored};
}

void PutPosition(std::string& out, const Position& position) {
  PutBigEndian(out, position.sequence.value());
  PutTotals(out, position.totals);
}

Position TakePosition(BigEndianReader& reader) {
  const Sequence sequence(reader.Take<std::uint64_t>());
  return {sequence, TakeTotals(reader)};
}

void PutEntry(std::string& out, const Entry& entry) {
  PutBigEndian(out, entry.payload.value());
  PutBigEndian(out, ToStored(entry.accepted_at));
  PutBigEndian(out, static_cast<std::uint32_t>(entry.size.points));
  PutBigEndian(out, static_cast<std::uint32_t>(entry.size.bytes.count()));
  PutBigEndian(out, static_cast<std::uint32_t>(entry.size.stored.count()));
  PutTotals(out, entry.position.totals);
}

// The sequence comes from the key.
Entry TakeEntry(BigEndianReader& reader, Sequence sequence) {
  Entry entry;
  entry.payload = PayloadId(reader.Take<std::uint64_t>());
  entry.accepted_at = TakeTime(reader);
  entry.size.points = reader.Take<std::uint32_t>();
  entry.size.bytes = Bytes(reader.Take<std::uint32_t>());
  entry.size.stored = Bytes(reader.Take<std::uint32_t>());
  entry.position.sequence = sequence;
  entry.position.totals = TakeTotals(reader);
  return entry;
}

void PutLane(std::string& out, const Lane& lane) {
  PutSized<std::uint16_t>(out, lane.database);
  PutSized<std::uint16_t>(out, lane.retention_policy);
}

std::string NumberedKeyOf(BackendNumber backend, std::uint64_t number) {
  std::string key;
  PutBigEndian(key, backend.value());
  PutBigEndian(key, number);
  return key;
}

}  // namespace

std::string PayloadKey(PayloadId id) {
  std::string key;
  PutBigEndian(key, id.value());
  return key;
}

Result<PayloadId> DecodePayloadKey(std::string_view key) {
  BigEndianReader reader(key);
  const PayloadId id(reader.Take<std::uint64_t>());
  if (!reader.finished()) return Error(ErrorCode::kCorruption, "a payload key is not 8 bytes long");
  return id;
}

std::string EntryKey(BackendNumber backend, Sequence sequence) {
  return NumberedKeyOf(backend, sequence.value());
}

std::string DeadKey(BackendNumber backend, std::uint64_t number) {
  return NumberedKeyOf(backend, number);
}

std::string GapKey(BackendNumber backend, std::uint64_t number) {
  return NumberedKeyOf(backend, number);
}

std::string BackendKeys(BackendNumber backend) {
  std::string prefix;
  PutBigEndian(prefix, backend.value());
  return prefix;
}

std::string BackendKeysEnd(BackendNumber backend) {
  INVARIANT(backend.value() != std::numeric_limits<std::uint32_t>::max());
  return BackendKeys(BackendNumber(backend.value() + 1));
}

std::string HeldPrefix(BackendNumber backend, const Lane& lane) {
  std::string prefix = BackendKeys(backend);
  PutLane(prefix, lane);
  return prefix;
}

std::string HeldKey(BackendNumber backend, const Lane& lane, Sequence sequence) {
  std::string key = HeldPrefix(backend, lane);
  PutBigEndian(key, sequence.value());
  return key;
}

Result<Sequence> DecodeHeldKey(std::string_view key, std::string_view prefix) {
  INVARIANT(key.starts_with(prefix));
  BigEndianReader reader(key.substr(prefix.size()));
  const Sequence sequence(reader.Take<std::uint64_t>());
  if (!reader.finished()) return Error(ErrorCode::kCorruption, "a held record's key is damaged");
  return sequence;
}

Result<NumberedKey> DecodeNumberedKey(std::string_view key) {
  BigEndianReader reader(key);
  const BackendNumber backend(reader.Take<std::uint32_t>());
  const auto number = reader.Take<std::uint64_t>();
  if (!reader.finished()) return Error(ErrorCode::kCorruption, "a key is not 12 bytes long");
  return NumberedKey{backend, number};
}

std::string EncodeEntry(std::string_view key, const Entry& entry) {
  std::string value = BeginChecked();
  PutEntry(value, entry);
  return SealChecked(key, std::move(value));
}

Result<Entry> DecodeEntry(std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(NumberedKey place, DecodeNumberedKey(key));
  ASSIGN_OR_RETURN(BigEndianReader body, OpenChecked(key, value));
  BigEndianReader reader = body;
  const Entry entry = TakeEntry(reader, Sequence(place.number));
  if (!reader.finished()) return DamagedValue(key, "an entry of the wrong length");
  return entry;
}

std::string EncodeDead(std::string_view key, const DeadLetter& letter) {
  const std::string& credentials = letter.params.credentials.Reveal();
  std::string value = BeginChecked(credentials.empty() ? kRowVersion : kDeadVersionWithCredentials);
  PutBigEndian(value, letter.sequence.value());
  PutBigEndian(value, letter.first_line);
  PutBigEndian(value, static_cast<std::uint32_t>(letter.points));
  PutBigEndian(value, static_cast<std::uint8_t>(letter.reason));
  PutBigEndian(value, static_cast<std::uint16_t>(letter.http_status));
  PutBigEndian(value, ToStored(letter.when));
  PutBigEndian(value, static_cast<std::uint8_t>(letter.params.api));
  PutBigEndian(value, static_cast<std::uint8_t>(letter.params.precision));
  PutSized<std::uint16_t>(value, letter.params.database);
  PutSized<std::uint16_t>(value, letter.params.retention_policy);
  if (!credentials.empty()) PutSized<std::uint16_t>(value, credentials);
  PutSized<std::uint16_t>(value, letter.message);
  PutSized<std::uint32_t>(value, letter.lines);
  return SealChecked(key, std::move(value));
}

Result<DeadLetter> DecodeDead(std::string_view key, std::string_view value) {
  const bool has_credentials = VersionOf(value) == kDeadVersionWithCredentials;
  ASSIGN_OR_RETURN(
      BigEndianReader body,
      OpenChecked(key, value, has_credentials ? kDeadVersionWithCredentials : kRowVersion));
  BigEndianReader reader = body;

  DeadLetter letter;
  letter.sequence = Sequence(reader.Take<std::uint64_t>());
  letter.first_line = reader.Take<std::uint32_t>();
  letter.points = reader.Take<std::uint32_t>();
  const auto reason = reader.Take<std::uint8_t>();
  letter.reason = static_cast<DeadReason>(reason);
  letter.http_status = reader.Take<std::uint16_t>();
  letter.when = TakeTime(reader);
  letter.params.api = static_cast<Api>(reader.Take<std::uint8_t>());
  letter.params.precision = static_cast<Precision>(reader.Take<std::uint8_t>());
  letter.params.database = reader.TakeSized<std::uint16_t>();
  letter.params.retention_policy = reader.TakeSized<std::uint16_t>();
  if (has_credentials) {
    letter.params.credentials = ClientCredentials(std::string(reader.TakeSized<std::uint16_t>()));
  }
  letter.message = reader.TakeSized<std::uint16_t>();
  letter.lines = reader.TakeSized<std::uint32_t>();
  if (!reader.finished()) return DamagedValue(key, "a dead letter of the wrong length");
  if (reason == 0 || reason > kDeadReasons) return DamagedValue(key, "an unknown reason");
  return letter;
}

std::string EncodeGap(std::string_view key, const Gap& gap) {
  std::string value = BeginChecked();
  PutBigEndian(value, gap.first.value());
  PutBigEndian(value, gap.last.value());
  PutBigEndian(value, ToStored(gap.from));
  PutBigEndian(value, ToStored(gap.to));
  PutBigEndian(value, gap.points);
  PutBigEndian(value, gap.bytes.count());
  PutBigEndian(value, static_cast<std::uint8_t>(gap.reason));
  PutBigEndian(value, ToStored(gap.when));
  PutSized<std::uint16_t>(value, std::string_view(gap.note).substr(0, Gap::kTextMax));
  PutSized<std::uint16_t>(value, std::string_view(gap.by).substr(0, Gap::kTextMax));
  INVARIANT(gap.databases.size() <= Gap::kDatabasesMax);
  PutBigEndian(value, static_cast<std::uint16_t>(gap.databases.size()));
  for (const std::string& database : gap.databases) PutSized<std::uint16_t>(value, database);
  return SealChecked(key, std::move(value));
}

Result<Gap> DecodeGap(std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(BigEndianReader body, OpenChecked(key, value));
  BigEndianReader reader = body;

  Gap gap;
  gap.first = Sequence(reader.Take<std::uint64_t>());
  gap.last = Sequence(reader.Take<std::uint64_t>());
  gap.from = TakeTime(reader);
  gap.to = TakeTime(reader);
  gap.points = reader.Take<std::uint64_t>();
  gap.bytes = Bytes(reader.Take<std::uint64_t>());
  gap.reason = static_cast<GapReason>(reader.Take<std::uint8_t>());
  gap.when = TakeTime(reader);
  gap.note = reader.TakeSized<std::uint16_t>();
  gap.by = reader.TakeSized<std::uint16_t>();
  const auto databases = reader.Take<std::uint16_t>();
  for (std::uint16_t i = 0; i < databases && !reader.ended_early(); ++i) {
    gap.databases.emplace_back(reader.TakeSized<std::uint16_t>());
  }
  if (!reader.finished()) return DamagedValue(key, "a gap of the wrong length");
  return gap;
}

std::string EncodeHeld(std::string_view key, const Entry& entry, std::string_view payload) {
  return EncodeEntry(key, entry).append(payload);
}

Result<Entry> DecodeHeldEntry(std::string_view key, Sequence sequence, std::string_view value) {
  ASSIGN_OR_RETURN(BigEndianReader body, OpenChecked(key, value.substr(0, kEntrySize)));
  BigEndianReader reader = body;
  const Entry entry = TakeEntry(reader, sequence);
  if (!reader.finished()) return DamagedValue(key, "a held record of the wrong length");
  return entry;
}

std::string_view HeldPayload(std::string_view value) {
  return value.substr(std::min(value.size(), kEntrySize));
}

std::string BackendKey(const BackendId& name) {
  return std::string(kBackendPrefix) + name.text();
}

std::string QueueKey(BackendNumber backend) {
  std::string key = "run/";
  PutBigEndian(key, backend.value());
  return key;
}

std::string EncodeNumber(std::string_view key, std::uint64_t number) {
  std::string value = BeginChecked();
  PutBigEndian(value, number);
  return SealChecked(key, std::move(value));
}

Result<std::uint64_t> DecodeNumber(std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(BigEndianReader body, OpenChecked(key, value));
  BigEndianReader reader = body;
  const auto number = reader.Take<std::uint64_t>();
  if (!reader.finished()) return DamagedValue(key, "a number of the wrong length");
  return number;
}

PointCount QueueState::dead_points() const {
  return dead[DeadReason::kRefused] + dead[DeadReason::kExpired] + dead[DeadReason::kLimit] +
         dead[DeadReason::kDamaged];
}

std::string EncodeQueueState(std::string_view key, const QueueState& state) {
  std::string value = BeginChecked(kRunVersion);
  PutPosition(value, state.trimmed);
  PutPosition(value, state.cursor);
  PutBigEndian(value, state.rewound);
  PutBigEndian(value, state.delivered);
  PutBigEndian(value, state.dropped);
  for (std::size_t i = 1; i <= kDeadReasons; ++i) {
    PutBigEndian(value, state.dead[static_cast<DeadReason>(i)]);
  }
  PutTotals(value, state.held);
  PutBigEndian(value, state.held_records);
  PutBigEndian(value, state.dead_letters);
  PutBigEndian(value, state.first_dead);
  PutBigEndian(value, state.last_dead);
  PutBigEndian(value, state.last_gap);
  PutBigEndian(value, state.edition);
  PutBigEndian(value, static_cast<std::uint8_t>(state.paused));
  PutBigEndian(value, state.dead_bytes.count());
  PutBigEndian(value, state.dead_removed);
  PutBigEndian(value, state.dead_letters_removed);
  return SealChecked(key, std::move(value));
}

namespace {

Result<QueueState> DecodeFirstRunState(std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(BigEndianReader body, OpenChecked(key, value));
  BigEndianReader reader = body;
  QueueState state;
  state.trimmed = TakePosition(reader);
  state.cursor = TakePosition(reader);
  state.delivered = reader.Take<std::uint64_t>();
  state.dead[DeadReason::kRefused] = reader.Take<std::uint64_t>();
  state.dropped = reader.Take<std::uint64_t>();
  state.last_dead = reader.Take<std::uint64_t>();
  state.dead_letters = state.last_dead;
  if (!reader.finished()) return DamagedValue(key, "a queue state of the wrong length");
  return state;
}

}  // namespace

Result<QueueState> DecodeQueueState(std::string_view key, std::string_view value) {
  if (VersionOf(value) == 1) {
    return DecodeFirstRunState(key, value);
  }
  const bool is_older = VersionOf(value) == kRunVersionWithoutDeadBytes;
  ASSIGN_OR_RETURN(BigEndianReader body,
                   OpenChecked(key, value, is_older ? kRunVersionWithoutDeadBytes : kRunVersion));
  BigEndianReader reader = body;
  QueueState state;
  state.trimmed = TakePosition(reader);
  state.cursor = TakePosition(reader);
  state.rewound = reader.Take<std::uint64_t>();
  state.delivered = reader.Take<std::uint64_t>();
  state.dropped = reader.Take<std::uint64_t>();
  for (std::size_t i = 1; i <= kDeadReasons; ++i) {
    state.dead[static_cast<DeadReason>(i)] = reader.Take<std::uint64_t>();
  }
  state.held = TakeTotals(reader);
  state.held_records = reader.Take<std::uint64_t>();
  state.dead_letters = reader.Take<std::uint64_t>();
  state.first_dead = reader.Take<std::uint64_t>();
  state.last_dead = reader.Take<std::uint64_t>();
  state.last_gap = reader.Take<std::uint64_t>();
  state.edition = reader.Take<std::uint64_t>();
  state.paused = reader.Take<std::uint8_t>() != 0;
  if (!is_older) {
    state.dead_bytes = Bytes(reader.Take<std::uint64_t>());
    state.dead_removed = reader.Take<std::uint64_t>();
    state.dead_letters_removed = reader.Take<std::uint64_t>();
  }
  if (!reader.finished()) return DamagedValue(key, "a queue state of the wrong length");
  return state;
}

std::string LanePrefix(BackendNumber backend) {
  std::string prefix = "lane/";
  PutBigEndian(prefix, backend.value());
  return prefix;
}

std::string LaneKey(BackendNumber backend, const Lane& lane) {
  std::string key = LanePrefix(backend);
  PutLane(key, lane);
  return key;
}

Result<Lane> DecodeLaneKey(std::string_view key, BackendNumber backend) {
  const std::string prefix = LanePrefix(backend);
  INVARIANT(key.starts_with(prefix));
  BigEndianReader reader(key.substr(prefix.size()));
  Lane lane;
  lane.database = reader.TakeSized<std::uint16_t>();
  lane.retention_policy = reader.TakeSized<std::uint16_t>();
  if (!reader.finished()) return Error(ErrorCode::kCorruption, "a lane's key is damaged");
  return lane;
}

std::string EncodeLane(std::string_view key, const LaneState& lane) {
  std::string value = BeginChecked();
  PutBigEndian(value, lane.records);
  PutTotals(value, lane.size);
  PutBigEndian(value, lane.first.value());
  PutBigEndian(value, lane.last.value());
  PutBigEndian(value, ToStored(lane.oldest));
  const unsigned flags =
      (lane.by_operator ? kLaneByOperator : 0U) | (lane.gives_up ? kLaneGivesUp : 0U);
  PutBigEndian(value, static_cast<std::uint8_t>(flags));
  return SealChecked(key, std::move(value));
}

Result<LaneState> DecodeLane(std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(BigEndianReader body, OpenChecked(key, value));
  BigEndianReader reader = body;
  LaneState lane;
  lane.records = reader.Take<std::uint64_t>();
  lane.size = TakeTotals(reader);
  lane.first = Sequence(reader.Take<std::uint64_t>());
  lane.last = Sequence(reader.Take<std::uint64_t>());
  lane.oldest = TakeTime(reader);
  const unsigned flags = reader.Take<std::uint8_t>();
  lane.by_operator = (flags & kLaneByOperator) != 0;
  lane.gives_up = (flags & kLaneGivesUp) != 0;
  if (!reader.finished()) return DamagedValue(key, "a lane of the wrong length");
  return lane;
}

}  // namespace relay
