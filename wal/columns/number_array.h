// Arrays of integers, stored as they need the fewest bytes: packed, as steps, or as runs.
//
// THREADS. Pure functions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "wal/columns/wire.h"

namespace relay::columns {

// Describes an array, for the choice of its form.
struct Extent {
  explicit Extent(std::uint64_t first) : least(first), most(first), last(first) {}

  // Adds the next integer.
  void Add(std::uint64_t number) {
    const auto step = static_cast<std::int64_t>(number - last);
    least = std::min(least, number);
    most = std::max(most, number);
    least_step = std::min(least_step, step);
    most_step = std::max(most_step, step);
    changes += static_cast<std::size_t>(step != 0);
    last = number;
  }

  std::uint64_t least;
  std::uint64_t most;
  std::uint64_t last;
  // No step yet: the least is larger than the most.
  std::int64_t least_step = std::numeric_limits<std::int64_t>::max();
  std::int64_t most_step = std::numeric_limits<std::int64_t>::min();
  std::size_t changes = 0;
};

// Appends an array. REQUIRES: it is not empty, and `extent` is that of the whole array.
void PutNumbers(std::span<const std::uint64_t> numbers, const Extent& extent, std::string& out);
void PutNumbers(std::span<const std::uint64_t> numbers, std::string& out);

// Fills `numbers`, which is not empty; with zeros if the reader has failed or fails here. The
// frame can be read for kSlack bytes behind its end.
void TakeNumbers(FrameReader& reader, std::span<std::uint64_t> numbers);

}  // namespace relay::columns
