// Positions in the stream of writes that both servers receive.
//
// A difference counts only if both servers have passed a position that was taken after it was seen:
// then no write on its way explains it, and writers need not stop.
//
// THREADS. One.
#pragma once

#include <cstdint>

#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

struct Mark {
  std::uint64_t a = 0;  // The last write accepted for each.
  std::uint64_t b = 0;
  WallTime time = {};  // By the clock that gives times to points without one.

  bool SamePlace(const Mark& other) const { return a == other.a && b == other.b; }
};

class Fence {
 public:
  virtual ~Fence() = default;

  virtual Result<Mark> Here() = 0;

  // kUnavailable: one has not passed it in time; the message says which and why.
  virtual Status WaitPassed(const Mark& mark) = 0;
};

}  // namespace relay
