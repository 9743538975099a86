// One accepted write, and its stored form.
//
// A record is encoded by the thread that accepted it (compression is the expensive part) and
// decoded by its reader. wal/FORMAT.md describes the layout.
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
#include "wal/record/lines_memo.h"

namespace relay {

// The destination of a write's lines and the unit of their timestamps. Records with equal
// parameters may be sent to a backend in one request.
struct WriteParams {
  Api api = Api::kV1;
  std::string database;
  std::string retention_policy;  // Empty: the database's default.
  Precision precision = Precision::kNanosecond;
  // Set if a listener passes the client's credentials on; empty for most records.
  ClientCredentials credentials = {};
  std::string hops = {};  // The relays that the write has passed before (hops.h); mostly empty.

  friend auto operator<=>(const WriteParams&, const WriteParams&) = default;
};

// One accepted write.
struct Record {
  WriteParams params;
  PointCount points = 0;
  // Valid line protocol: one point per line, each with a timestamp and terminated by a newline; no
  // blank lines, no comments. For Api::kStatement: the statement.
  std::string lines;
  LinesMemo memo = {};  // On these lines.

  friend bool operator==(const Record&, const Record&) = default;
};

// The encoding of a record's stored lines. The values are part of the stored format.
enum class Codec : std::uint8_t { kNone = 0, kZstd = 1, kColumns = 2 };

class ColumnsJudge;

// Numbers the accepted writes of one log 1, 2, 3, ... in commit order, independent of their
// backends.
class PayloadId {
 public:
  constexpr explicit PayloadId(std::uint64_t value) : value_(value) {}
  constexpr std::uint64_t value() const { return value_; }
  PayloadId Next() const { return PayloadId(value_ + 1); }
  friend constexpr auto operator<=>(PayloadId, PayloadId) = default;

 private:
  std::uint64_t value_;
};

// A record ready to be stored, complete except for its payload id.
class EncodedRecord {
 public:
  // Takes over the value of a record that another relay encoded and sealed under kUnplaced.
  // kCorruption: the bytes are not what was sealed there.
  static Result<EncodedRecord> FromUnplaced(std::string value);
  static constexpr PayloadId kUnplaced{0};

  // nullptr: another relay encoded the record.
  const std::shared_ptr<const Record>& record() const { return record_; }
  const Totals& size() const { return size_; }

  // Binds the checksum to the payload id, that is to the key, and returns the value. May be called
  // again: a record whose commit failed gets a new id.
  std::string_view Seal(PayloadId id);

 private:
  friend Result<EncodedRecord> Encode(Record record, Codec codec, ColumnsJudge* judge);
  EncodedRecord() = default;

  std::shared_ptr<const Record> record_;
  Totals size_;
  std::string value_;
  std::uint32_t unsealed_crc_ = 0;
};

// kInvalidInput: the database, retention policy or credentials are longer than 65535 bytes.
Status CheckStorable(const WriteParams& params);

// Stores the lines by the codec, or by another that makes them smaller if this one does not: zstd
// instead of columns, no codec instead of zstd. Columns are read back before they are believed.
// `judge` decides whether they are worth trying; nullptr: they are. kInvalidInput: as for
// CheckStorable.
Result<EncodedRecord> Encode(Record record, Codec codec, ColumnsJudge* judge = nullptr);

// Returns the record sealed under `id`. kCorruption: the bytes are not what was written there, or a
// newer version wrote them.
Result<Record> Decode(PayloadId id, std::string_view value);

// Decodes the parameters only; the lines' checksum is verified, but they are not decompressed.
Result<WriteParams> DecodeParams(PayloadId id, std::string_view value);

}  // namespace relay
