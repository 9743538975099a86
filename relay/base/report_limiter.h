// Limits reports of an event that may happen a million times a second.
//
// THREADS. One.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "wal/base/clock.h"

namespace relay {

class ReportLimiter {
 public:
  explicit ReportLimiter(Clock::Duration every) : every_(every) {}

  // Notes `times` more events. Returns the number since the last report if one is due now: on the
  // first event, then at most once per `every`. nullopt: not due.
  std::optional<std::uint64_t> Note(std::uint64_t times, Clock::TimePoint now) {
    unreported_ += times;
    if (next_ && now < *next_) return std::nullopt;
    next_ = now + every_;
    return std::exchange(unreported_, 0);
  }

  // Returns whether an event was noted and not reported.
  bool pending() const { return unreported_ > 0; }

 private:
  Clock::Duration every_;
  std::uint64_t unreported_ = 0;
  std::optional<Clock::TimePoint> next_;
};

}  // namespace relay
