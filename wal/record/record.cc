#include "wal/record/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "wal/base/big_endian.h"
#include "wal/base/crc32c.h"
#include "wal/columns/columns.h"
#include "wal/compression/zstd.h"
#include "wal/record/columns_judge.h"

namespace relay {
namespace {

constexpr std::uint8_t kRecordVersion = 1;
constexpr std::uint8_t kRecordVersionWithCredentials = 2;
constexpr std::uint8_t kRecordVersionWithHops = 3;  // Credentials too, which may be empty.
constexpr std::size_t kRecordCrcAt = 1;
constexpr std::size_t kRecordCrcEnd = kRecordCrcAt + sizeof(std::uint32_t);
constexpr std::size_t kCodecAt = kRecordCrcEnd;
// Columns of fewer lines take more time than zstd, and often more space.
constexpr PointCount kPointsOfColumns = 8;

std::uint32_t SealedCrc(std::uint32_t unsealed, PayloadId id) {
  std::string place;
  PutBigEndian(place, id.value());
  return ExtendCrc32c(unsealed, place);
}

Error Damaged(PayloadId id, std::string_view what) {
  return {ErrorCode::kCorruption, fmt::format("payload {}: {}", id.value(), what)};
}

bool KnownApi(std::uint8_t api) {
  return api >= static_cast<std::uint8_t>(Api::kV1) &&
         api <= static_cast<std::uint8_t>(Api::kStatement);
}

// The checksum matched, so a value out of range was written by a newer program.
Result<std::string> DecodeLines(PayloadId id, std::uint8_t codec, std::string_view stored,
                                Bytes plain) {
  switch (static_cast<Codec>(codec)) {
    case Codec::kNone: return std::string(stored);
    case Codec::kZstd: return Decompress(stored, plain);
    case Codec::kColumns: return DecodeColumns(stored, plain);
  }
  return Damaged(id, fmt::format("unknown codec {}", codec));
}

// Appends the lines by zstd, or as they are if that is no larger.
Codec AppendByZstd(const std::string& lines, std::string& value) {
  if (AppendCompressed(lines, value)) return Codec::kZstd;
  value.append(lines);
  return Codec::kNone;
}

// Appends the smaller one of columns and zstd.
Codec AppendSmaller(const Record& record, ColumnsJudge& judge, std::string& value) {
  const std::size_t before = value.size();
  std::string by_zstd;
  const Codec other = AppendByZstd(record.lines, by_zstd);
  const bool won = judge.AppendChecked(record, value) && value.size() - before < by_zstd.size();
  judge.Learn(record.params, won);
  if (won) return Codec::kColumns;
  value.resize(before);
  value.append(by_zstd);
  return other;
}

Codec AppendJudged(const Record& record, ColumnsJudge& judge, std::string& value) {
  const ColumnsJudge::Attempt attempt = judge.Next(record.params);
  if (attempt == ColumnsJudge::Attempt::kZstd) return AppendByZstd(record.lines, value);
  if (attempt == ColumnsJudge::Attempt::kBoth) return AppendSmaller(record, judge, value);
  const bool won = judge.AppendChecked(record, value);
  judge.Learn(record.params, won);
  return won ? Codec::kColumns : AppendByZstd(record.lines, value);
}

// Appends the record's lines and returns the codec that made them smaller.
Codec AppendLines(const Record& record, Codec codec, ColumnsJudge* judge, std::string& value) {
  if (codec == Codec::kColumns && record.points >= kPointsOfColumns) {
    if (judge != nullptr) return AppendJudged(record, *judge, value);
    if (ColumnsJudge().AppendChecked(record, value)) return codec;
  }
  if (codec != Codec::kNone) return AppendByZstd(record.lines, value);
  value.append(record.lines);
  return Codec::kNone;
}

std::uint8_t VersionFor(const WriteParams& params) {
  if (!params.hops.empty()) return kRecordVersionWithHops;
  return params.credentials.empty() ? kRecordVersion : kRecordVersionWithCredentials;
}

}  // namespace

Status CheckStorable(const WriteParams& params) {
  constexpr std::size_t kNameMax = std::numeric_limits<std::uint16_t>::max();
  const std::size_t longest = std::max({params.database.size(), params.retention_policy.size(),
                                        params.credentials.Reveal().size(), params.hops.size()});
  if (longest <= kNameMax) return Ok();
  return Error(ErrorCode::kInvalidInput, "a database or retention policy name is too long");
}

Result<EncodedRecord> Encode(Record record, Codec codec, ColumnsJudge* judge) {
  constexpr std::size_t kLinesMax = std::numeric_limits<std::uint32_t>::max();
  const WriteParams& params = record.params;
  const std::string& credentials = params.credentials.Reveal();
  RETURN_IF_ERROR(CheckStorable(params));
  INVARIANT(record.lines.size() <= kLinesMax && record.points <= kLinesMax);

  EncodedRecord encoded;
  std::string& value = encoded.value_;
  PutBigEndian(value, VersionFor(params));
  PutBigEndian(value, std::uint32_t{0});  // Filled in by Seal.
  PutBigEndian(value, static_cast<std::uint8_t>(codec));
  PutBigEndian(value, static_cast<std::uint8_t>(params.api));
  PutBigEndian(value, static_cast<std::uint8_t>(params.precision));
  PutSized<std::uint16_t>(value, params.database);
  PutSized<std::uint16_t>(value, params.retention_policy);
  const bool has_hops = !params.hops.empty();
  if (!credentials.empty() || has_hops) PutSized<std::uint16_t>(value, credentials);
  if (has_hops) PutSized<std::uint16_t>(value, params.hops);
  PutBigEndian(value, static_cast<std::uint32_t>(record.points));
  PutBigEndian(value, static_cast<std::uint32_t>(record.lines.size()));
  value[kCodecAt] = static_cast<char>(AppendLines(record, codec, judge, value));
  encoded.unsealed_crc_ = Crc32c(std::string_view(value).substr(kRecordCrcEnd));
  encoded.size_ = {record.points, Bytes(record.lines.size()), Bytes(value.size())};
  encoded.record_ = std::make_shared<const Record>(std::move(record));
  return encoded;
}

std::string_view EncodedRecord::Seal(PayloadId id) {
  PatchBigEndian(value_, kRecordCrcAt, SealedCrc(unsealed_crc_, id));
  return value_;
}

namespace {

// The fields before the lines.
struct Head {
  std::uint8_t codec = 0;
  WriteParams params;
  PointCount points = 0;
  Bytes plain{0};
  std::string_view stored;
};

Result<Head> DecodeHead(PayloadId id, std::string_view value) {
  BigEndianReader reader(value);
  const auto version = reader.Take<std::uint8_t>();
  const auto crc = reader.Take<std::uint32_t>();
  if (reader.ended_early()) return Damaged(id, "truncated");
  if (version < kRecordVersion || version > kRecordVersionWithHops) {
    return Damaged(id, fmt::format("unknown version {}", version));
  }
  if (crc != SealedCrc(Crc32c(reader.left()), id)) return Damaged(id, "checksum mismatch");

  Head head;
  head.codec = reader.Take<std::uint8_t>();
  const auto api = reader.Take<std::uint8_t>();
  const auto precision = reader.Take<std::uint8_t>();
  head.params.database = reader.TakeSized<std::uint16_t>();
  head.params.retention_policy = reader.TakeSized<std::uint16_t>();
  if (version >= kRecordVersionWithCredentials) {
    head.params.credentials = ClientCredentials(std::string(reader.TakeSized<std::uint16_t>()));
  }
  if (version >= kRecordVersionWithHops) {
    head.params.hops = std::string(reader.TakeSized<std::uint16_t>());
  }
  head.points = reader.Take<std::uint32_t>();
  head.plain = Bytes(reader.Take<std::uint32_t>());
  if (reader.ended_early() || !KnownApi(api) ||
      precision > static_cast<std::uint8_t>(Precision::kHour)) {
    return Damaged(id, "a field is out of range");
  }
  head.params.api = static_cast<Api>(api);
  head.params.precision = static_cast<Precision>(precision);
  head.stored = reader.left();
  return head;
}

}  // namespace

Result<EncodedRecord> EncodedRecord::FromUnplaced(std::string value) {
  ASSIGN_OR_RETURN(const Head head, DecodeHead(kUnplaced, value));
  EncodedRecord encoded;
  encoded.size_ = {head.points, head.plain, Bytes(value.size())};
  encoded.unsealed_crc_ = Crc32c(std::string_view(value).substr(kRecordCrcEnd));
  encoded.value_ = std::move(value);
  return encoded;
}

Result<Record> Decode(PayloadId id, std::string_view value) {
  ASSIGN_OR_RETURN(Head decoded, DecodeHead(id, value));
  Head& head = decoded;
  Result<std::string> lines = DecodeLines(id, head.codec, head.stored, head.plain);
  if (!lines.ok()) return std::move(lines).error().Within(fmt::format("payload {}", id.value()));
  if (lines.value().size() != head.plain.count()) {
    return Damaged(id, "its decompressed size differs from the stored size");
  }
  return Record{
      .params = std::move(head.params), .points = head.points, .lines = std::move(lines).value()};
}

Result<WriteParams> DecodeParams(PayloadId id, std::string_view value) {
  ASSIGN_OR_RETURN(Head head, DecodeHead(id, value));
  return std::move(head.params);
}

}  // namespace relay
