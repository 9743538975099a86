// Says which of the numbered things of a queue, records or dead letters, are older than some age.
//
// THREADS. Values.
#pragma once

#include <cstdint>

#include "wal/base/types.h"

namespace relay {

struct AgeLimit {
  std::uint64_t seen = 0;     // All numbers up to this one are older.
  std::uint64_t stamped = 0;  // Those up to this one are if they are stamped before `before`.
  WallTime before;

  bool Covers(std::uint64_t number, WallTime stamp) const {
    return number <= seen || (number <= stamped && stamp < before);
  }
};

}  // namespace relay
