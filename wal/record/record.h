// One accepted write, and the bytes it is stored as.
//
// A record is encoded on the thread that accepted it (compression is the
// expensive part) and decoded by whoever reads it. The layout is on the format
// page, wal/FORMAT.md.
//
// THREADS. Encode and Decode may run on any number of threads at once.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "wal/base/client_credentials.h"
#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// Where the lines of one write go and how their timestamps are read. Records
// with equal parameters may be sent to a backend in one request.
struct WriteParams {
  Api api = Api::kV1;
  std::string database;
  std::string retention_policy;  // Empty: the database's default.
  Precision precision = Precision::kNanosecond;
  // The client's own, where they are to be passed on; most records have none.
  ClientCredentials credentials = {};

  friend auto operator<=>(const WriteParams&, const WriteParams&) = default;
};

// One accepted write.
struct Record {
  WriteParams params;
  PointCount points = 0;
  // Valid line protocol: one point a line, each with its timestamp, each ended
  // by a newline; no blank lines, no comments. Of Api::kStatement the statement.
  std::string lines;

  friend bool operator==(const Record&, const Record&) = default;
};

// How the lines of a record are stored. The values are part of the format.
enum class Codec : std::uint8_t { kNone = 0, kZstd = 1 };

// Numbers the accepted writes of one log, 1, 2, 3, ... in commit order,
// whatever backends they are for.
class PayloadId {
 public:
  constexpr explicit PayloadId(std::uint64_t value) : value_(value) {}
  constexpr std::uint64_t value() const { return value_; }
  PayloadId Next() const { return PayloadId(value_ + 1); }
  friend constexpr auto operator<=>(PayloadId, PayloadId) = default;

 private:
  std::uint64_t value_;
};

// A record ready to be stored; everything but its payload id is fixed.
class EncodedRecord {
 public:
  const std::shared_ptr<const Record>& record() const { return record_; }
  Totals size() const {
    return {record_->points, Bytes(record_->lines.size()), Bytes(value_.size())};
  }

  // Binds the checksum to the place where the value will lie and returns the
  // value. May be called again: a record whose commit failed gets a new id.
  std::string_view Seal(PayloadId id);

 private:
  friend Result<EncodedRecord> Encode(Record record, Codec codec);
  EncodedRecord() = default;

  std::shared_ptr<const Record> record_;
  std::string value_;
  std::uint32_t unsealed_crc_ = 0;
};

// kInvalidInput: a database, retention policy or credentials longer than 65535
// bytes.
Status CheckStorable(const WriteParams& params);

// Stored plain where compressing does not make it smaller. kInvalidInput: as
// CheckStorable.
Result<EncodedRecord> Encode(Record record, Codec codec);

// The record that was sealed under `id`. kCorruption: the bytes are not what
// was written there, or were written by a newer version.
Result<Record> Decode(PayloadId id, std::string_view value);

// The same of its parameters alone: its lines are checked, not decoded.
Result<WriteParams> DecodeParams(PayloadId id, std::string_view value);

}  // namespace relay
