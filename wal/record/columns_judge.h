// Decides which records are tried as columns (Codec::kColumns). Columns take their time also where
// they gain nothing: a lane that loses several times in a row is stored by zstd alone for a while,
// and then tried again. Its first record, one after each pause and one in kCompareEvery are encoded
// by both, and the smaller one is stored.
//
// Lanes share a fixed table by their hash. Two in one place only cost time or space, never a
// record.
//
// THREADS. Any number at once; records of one lane that are encoded at the same moment may count as
// one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/columns/columns.h"
#include "wal/record/record.h"

namespace relay {

// The two halves of the codec, as in wal/columns/columns.h.
struct ColumnsCodec {
  std::function<bool(std::string_view body, std::string& out)> append = &AppendColumns;
  std::function<Result<std::string>(std::string_view frame, Bytes size_limit)> decode =
      &DecodeColumns;
};

class ColumnsJudge {
 public:
  static constexpr unsigned kLossesToPause = 4;  // In a row.
  static constexpr unsigned kPauseFirst = 64;    // Records; each pause is twice the one before ...
  static constexpr unsigned kPauseMax = 4'096;   // ... up to this.
  static constexpr unsigned kCompareEvery = 64;  // Records stored as columns.
  static constexpr std::size_t kPlaces = 1U << 10U;

  // Called with a record that does not read back after it was encoded, on the thread that encodes.
  using OnMismatch = std::function<void(const Record& record)>;

  explicit ColumnsJudge(OnMismatch on_mismatch = nullptr, ColumnsCodec codec = {})
      : on_mismatch_(std::move(on_mismatch)), codec_(std::move(codec)) {}

  enum class Attempt : std::uint8_t { kZstd, kColumns, kBoth };

  // Returns how the next record with these parameters is encoded.
  Attempt Next(const WriteParams& params);

  // Learns whether columns made the record smaller than without them. REQUIRES: it was tried.
  void Learn(const WriteParams& params, bool columns_won);

  // Appends the lines' columns, from which the same lines were read again: a mistake in their codec
  // may cost time, but not a record. Returns false and leaves `value` unchanged if there are none.
  bool AppendChecked(const Record& record, std::string& value) const;

 private:
  using Place = std::atomic<std::uint32_t>;

  Place& PlaceOf(const WriteParams& params);

  const OnMismatch on_mismatch_;
  const ColumnsCodec codec_;
  std::array<Place, kPlaces> places_{};
};

}  // namespace relay
