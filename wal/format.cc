#include "wal/format.h"

#include <fmt/format.h>

#include "wal/big_endian.h"
#include "wal/crc32c.h"

namespace relay {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kCrcAt = 1;
constexpr std::size_t kBodyAt = kCrcAt + sizeof(std::uint32_t);

// A key as a person can read it, for messages.
std::string Shown(std::string_view key) {
  if (key.size() == sizeof(std::uint32_t) + sizeof(std::uint64_t)) {
    BigEndianReader reader(key);
    const auto backend = reader.Take<std::uint32_t>();
    return fmt::format("backend number {}, {}", backend, reader.Take<std::uint64_t>());
  }
  return std::string(key);
}

std::string BeginValue() {
  std::string value;
  PutBigEndian(value, kVersion);
  PutBigEndian(value, std::uint32_t{0});  // By Seal.
  return value;
}

std::uint32_t ChecksumOf(std::string_view key, std::string_view body) {
  return ExtendCrc32c(Crc32c(key), body);
}

std::string Seal(std::string_view key, std::string value) {
  PatchBigEndian(value, kCrcAt, ChecksumOf(key, std::string_view(value).substr(kBodyAt)));
  return value;
}

Error Damaged(std::string_view key, std::string_view what) {
  return {ErrorCode::kCorruption, fmt::format("{}: {}", Shown(key), what)};
}

// The body of a value whose version and checksum were checked.
Result<BigEndianReader> Open(std::string_view key, std::string_view value) {
  BigEndianReader reader(value);
  const auto version = reader.Take<std::uint8_t>();
  const auto crc = reader.Take<std::uint32_t>();
  if (reader.ended_early()) return Damaged(key, "cut short");
  if (version != kVersion) return Damaged(key, fmt::format("version {} is not known", version));
  if (crc != ChecksumOf(key, reader.left())) return Damaged(key, "checksum does not match");
  return reader;
}

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

std::uint64_t ToStored(WallTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

WallTime TakeTime(BigEndianReader& reader) {
  const auto count = static_cast<std::int64_t>(reader.Take<std::uint64_t>());
  return WallTime(std::chrono::nanoseconds(count));
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

Result<NumberedKey> DecodeNumberedKey(std::string_view key) {
  BigEndianReader reader(key);
  const BackendNumber backend(reader.Take<std::uint32_t>());
  const auto number = reader.Take<std::uint64_t>();
  if (!reader.finished()) return Error(ErrorCode::kCorruption, "a key is not 12 bytes long");
  return NumberedKey{backend, number};
}

std::string EncodeEntry(std::string_view key, const Entry& entry) {
  std::string value = BeginValue();
  PutBigEndian(value, entry.payload.value());
  PutBigEndian(value, ToStored(entry.accepted_at));
  PutBigEndian(value, static_cast<std::uint32_t>(entry.size.points));
  PutBigEndian(value, static_cast<std::uint32_t>(entry.size.bytes.count()));
  PutBigEndian(value, static_cast<std::uint32_t>(entry.size.stored.count()));
  PutTotals(value, entry.position.totals);
  return Seal(key, std::move(value));
}

Result<Entry> DecodeEntry(std::string_view key, std::string_view value) {
  Result<NumberedKey> place = DecodeNumberedKey(key);
  if (!place.ok()) return std::move(place).error();
  Result<BigEndianReader> body = Open(key, value);
  if (!body.ok()) return std::move(body).error();
  BigEndianReader reader = body.value();

  Entry entry;
  entry.payload = PayloadId(reader.Take<std::uint64_t>());
  entry.accepted_at = TakeTime(reader);
  entry.size.points = reader.Take<std::uint32_t>();
  entry.size.bytes = Bytes(reader.Take<std::uint32_t>());
  entry.size.stored = Bytes(reader.Take<std::uint32_t>());
  entry.position.sequence = Sequence(place.value().number);
  entry.position.totals = TakeTotals(reader);
  if (!reader.finished()) return Damaged(key, "an entry of another length");
  return entry;
}

std::string EncodeDead(std::string_view key, const DeadLetter& letter) {
  std::string value = BeginValue();
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
  PutSized<std::uint16_t>(value, letter.words);
  PutSized<std::uint32_t>(value, letter.lines);
  return Seal(key, std::move(value));
}

Result<DeadLetter> DecodeDead(std::string_view key, std::string_view value) {
  Result<BigEndianReader> body = Open(key, value);
  if (!body.ok()) return std::move(body).error();
  BigEndianReader reader = body.value();

  DeadLetter letter;
  letter.sequence = Sequence(reader.Take<std::uint64_t>());
  letter.first_line = reader.Take<std::uint32_t>();
  letter.points = reader.Take<std::uint32_t>();
  letter.reason = static_cast<DeadReason>(reader.Take<std::uint8_t>());
  letter.http_status = reader.Take<std::uint16_t>();
  letter.when = TakeTime(reader);
  letter.params.api = static_cast<Api>(reader.Take<std::uint8_t>());
  letter.params.precision = static_cast<Precision>(reader.Take<std::uint8_t>());
  letter.params.database = reader.TakeSized<std::uint16_t>();
  letter.params.retention_policy = reader.TakeSized<std::uint16_t>();
  letter.words = reader.TakeSized<std::uint16_t>();
  letter.lines = reader.TakeSized<std::uint32_t>();
  if (!reader.finished()) return Damaged(key, "a dead letter of another length");
  return letter;
}

std::string BackendKey(const BackendId& name) {
  return std::string(kBackendPrefix) + name.text();
}

std::string RunKey(BackendNumber backend) {
  std::string key = "run/";
  PutBigEndian(key, backend.value());
  return key;
}

std::string EncodeNumber(std::string_view key, std::uint64_t number) {
  std::string value = BeginValue();
  PutBigEndian(value, number);
  return Seal(key, std::move(value));
}

Result<std::uint64_t> DecodeNumber(std::string_view key, std::string_view value) {
  Result<BigEndianReader> body = Open(key, value);
  if (!body.ok()) return std::move(body).error();
  BigEndianReader reader = body.value();
  const auto number = reader.Take<std::uint64_t>();
  if (!reader.finished()) return Damaged(key, "a number of another length");
  return number;
}

std::string EncodeRunState(std::string_view key, const RunState& state) {
  std::string value = BeginValue();
  PutPosition(value, state.trimmed);
  PutPosition(value, state.cursor);
  PutBigEndian(value, state.delivered);
  PutBigEndian(value, state.dead);
  PutBigEndian(value, state.dropped);
  PutBigEndian(value, state.last_dead_number);
  return Seal(key, std::move(value));
}

Result<RunState> DecodeRunState(std::string_view key, std::string_view value) {
  Result<BigEndianReader> body = Open(key, value);
  if (!body.ok()) return std::move(body).error();
  BigEndianReader reader = body.value();
  RunState state;
  state.trimmed = TakePosition(reader);
  state.cursor = TakePosition(reader);
  state.delivered = reader.Take<std::uint64_t>();
  state.dead = reader.Take<std::uint64_t>();
  state.dropped = reader.Take<std::uint64_t>();
  state.last_dead_number = reader.Take<std::uint64_t>();
  if (!reader.finished()) return Damaged(key, "a run of another length");
  return state;
}

}  // namespace relay
