// Limits of a log that follow the size of its file system where the configuration sets none.
//
// THREADS. Pure functions.
#pragma once

#include <algorithm>
#include <cstdint>

#include "wal/base/types.h"

namespace relay {

// Returns the space to leave free on a file system of this size: a tenth, 2 GiB at most, so that a
// log on a small volume accepts writes too.
constexpr Bytes DefaultMinFree(Bytes capacity) {
  constexpr std::uint64_t kShare = 10;
  return std::min(2_GiB, Bytes(capacity.count() / kShare));
}

// Returns the most that dead letters may take: a tenth of what the log may, so that lines that
// nobody can deliver leave the room to those that can be.
constexpr Bytes DefaultDeadLetters(Bytes size_max, Bytes capacity) {
  constexpr std::uint64_t kShare = 10;
  return Bytes(std::min(size_max, capacity).count() / kShare);
}

}  // namespace relay
