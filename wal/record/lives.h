// The lives of a log, and the positions that it has given to writes in each.
//
// A write's number alone does not say which write it is: a copy of a log, or the log itself after
// an older state of its disk came back, gives the numbers behind that state to other writes. So
// every opening of a log begins a life with a random id, and keeps which life gave which numbers. A
// position has both. It is only known to logs that have that write, or had it: whatever was copied,
// moved or put back, because a copy has the lives of its original up to where it was copied, and
// gives the next number in a life of its own.
//
// The identity file and the number of openings cannot tell: a directory that is copied, or a
// snapshot of a disk, has both, and the next opening of either counts the same.
//
// THREADS. Values.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/record/record.h"

namespace relay {

class LifeId {
 public:
  constexpr LifeId() = default;  // No life: what gave the number is unknown.
  constexpr explicit LifeId(std::uint64_t value) : value_(value) {}
  static LifeId New();

  constexpr std::uint64_t value() const { return value_; }
  constexpr bool is_none() const { return value_ == 0; }
  friend constexpr auto operator<=>(LifeId, LifeId) = default;

 private:
  std::uint64_t value_ = 0;
};

// The position of a write in a log, as it is answered to clients.
struct WritePosition {
  PayloadId payload{0};
  LifeId life = {};  // Unset: given by an earlier version, or by a log that several relays share.

  // Parses "17-00c1e9a2f4b07d35" or "17". kInvalidInput: neither.
  static Result<WritePosition> Parse(std::string_view text);

  friend bool operator==(const WritePosition&, const WritePosition&) = default;
};

std::string ToString(const WritePosition& position);

// Which life gave which numbers, for the newest lives.
class Lives {
 public:
  static constexpr std::size_t kMax = 256;

  // Begins a life that gives the numbers from `first` on. One that gave none is forgotten, and so
  // is the oldest beyond kMax. No life (LifeId()): numbers are given without one from here on.
  void Begin(LifeId life, PayloadId first);

  // Returns the present life; none: there is none.
  LifeId current() const { return begun_.empty() ? LifeId() : begun_.back().life; }

  // Returns whether the log gave the position, where `last` is the last number that it gave. A
  // position without a life is judged by its number.
  bool Gave(const WritePosition& position, PayloadId last) const;

  friend std::string EncodeLives(std::string_view key, const Lives& lives);
  friend Result<Lives> DecodeLives(std::string_view key, std::string_view value);
  friend bool operator==(const Lives&, const Lives&) = default;

 private:
  struct Begun {
    LifeId life;
    PayloadId first{0};

    friend bool operator==(const Begun&, const Begun&) = default;
  };

  std::vector<Begun> begun_;  // The oldest first.
};

// A key of the `state` family.
inline constexpr std::string_view kLivesKey = "lives";

std::string EncodeLives(std::string_view key, const Lives& lives);
// kCorruption.
Result<Lives> DecodeLives(std::string_view key, std::string_view value);

}  // namespace relay
