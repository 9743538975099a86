// The vocabulary of every layer: positions, counts, sizes, names and times that cannot be mixed up.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "wal/base/invariant.h"
#include "wal/base/result.h"

namespace relay {

// The distance between two sequences, or a number of records.
using RecordCount = std::uint64_t;

// A number of points: lines of line protocol that carry data.
using PointCount = std::uint64_t;

// Nanoseconds since 1970-01-01T00:00:00Z.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

// The position of one record in one backend's queue. Sequences can be compared and subtracted, but
// not added: the sum of two means nothing.
class Sequence {
 public:
  // Precedes the first record; no record is ever stored at it.
  static constexpr Sequence BeforeFirst() { return Sequence(0); }

  constexpr explicit Sequence(std::uint64_t value) : value_(value) {}

  constexpr std::uint64_t value() const { return value_; }

  Sequence Next() const {
    INVARIANT(value_ != std::numeric_limits<std::uint64_t>::max());
    return Sequence(value_ + 1);
  }

  friend constexpr auto operator<=>(Sequence, Sequence) = default;

  // REQUIRES: later >= earlier.
  friend RecordCount operator-(Sequence later, Sequence earlier) {
    INVARIANT(later >= earlier);
    return later.value_ - earlier.value_;
  }

 private:
  std::uint64_t value_;
};

// The name of a backend: 1 to 64 characters of [a-z0-9_-]. An object of this type has passed that
// check.
class BackendId {
 public:
  static constexpr std::size_t kSizeMax = 64;

  // kInvalidInput: the message says what is wrong with the name.
  static Result<BackendId> Parse(std::string_view text);

  const std::string& text() const { return text_; }

  friend auto operator<=>(const BackendId&, const BackendId&) = default;

 private:
  explicit BackendId(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

// A number of bytes, constructed only with its unit in sight: 64_MiB.
class Bytes {
 public:
  constexpr explicit Bytes(std::uint64_t count) : count_(count) {}
  constexpr std::uint64_t count() const { return count_; }

  constexpr Bytes& operator+=(Bytes other) {
    count_ += other.count_;
    return *this;
  }
  friend constexpr auto operator<=>(Bytes, Bytes) = default;
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return Bytes(a.count_ + b.count_); }

  // REQUIRES: a >= b.
  friend Bytes operator-(Bytes a, Bytes b) {
    INVARIANT(a.count_ >= b.count_);
    return Bytes(a.count_ - b.count_);
  }

 private:
  std::uint64_t count_;
};

constexpr Bytes operator""_B(unsigned long long n) {
  return Bytes(n);
}
constexpr Bytes operator""_KiB(unsigned long long n) {
  return Bytes(n << 10U);
}
constexpr Bytes operator""_MiB(unsigned long long n) {
  return Bytes(n << 20U);
}
constexpr Bytes operator""_GiB(unsigned long long n) {
  return Bytes(n << 30U);
}

// Returns "512 B", "6.8 KiB".
std::string ShownBytes(Bytes bytes);

// The size of one record, or the sums over a range of records.
struct Totals {
  PointCount points = 0;
  Bytes bytes{0};   // Line protocol, as accepted.
  Bytes stored{0};  // Payloads, as stored on disk.

  friend bool operator==(const Totals&, const Totals&) = default;
  friend Totals operator+(const Totals& a, const Totals& b) {
    return {a.points + b.points, a.bytes + b.bytes, a.stored + b.stored};
  }
  // REQUIRES: no part of b exceeds that part of a.
  friend Totals operator-(const Totals& a, const Totals& b) {
    INVARIANT(a.points >= b.points);
    return {a.points - b.points, a.bytes - b.bytes, a.stored - b.stored};
  }
};

// The unit of the timestamps in a write. Stored with the record and passed on unchanged: the relay
// never rewrites a client's timestamps. The values are part of the stored format.
enum class Precision : std::uint8_t {
  kNanosecond = 0,
  kMicrosecond = 1,
  kMillisecond = 2,
  kSecond = 3,
  kMinute = 4,
  kHour = 5,
};

// The length of one unit of `precision`.
std::chrono::nanoseconds UnitOf(Precision precision);

// Returns the value of InfluxDB 1.x's `precision` parameter: n, u, ms, s, m, h.
std::string_view ToString(Precision precision);

// The write endpoint that accepted a record, or kStatement for a statement that changes a database.
// The values up to kStatement are part of the stored format. kPrometheus is an API of backends
// only: samples of remote write are stored as lines of kV1.
enum class Api : std::uint8_t { kV1 = 1, kV2 = 2, kV3 = 3, kStatement = 4, kPrometheus = 5 };

// Takes the place of the retention policy in a statement's lane: statements have lanes of their
// own, so that one that creates what is missing does not wait behind the writes that wait for it.
inline constexpr std::string_view kStatementsPolicy = "(statements)";

}  // namespace relay
