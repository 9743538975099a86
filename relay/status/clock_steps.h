// How often the wall clock was set while the relay ran.
//
// THREADS. Values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "wal/base/types.h"

namespace relay {

struct ClockSteps {
  std::uint64_t count = 0;  // Since the start.
  // The last one, and when, in terms of what the clock says now. Negative: it was put back.
  std::chrono::nanoseconds last_by{0};
  std::optional<WallTime> last_at = {};  // nullopt: none yet.
};

}  // namespace relay
