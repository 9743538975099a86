// Time, and waiting for it. Only SystemClock reads a clock or sleeps, so that a test can step to a
// millisecond before a deadline and past it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "wal/base/types.h"

namespace relay {

// Wakes one waiting thread. A Raise that precedes the wait is not lost.
//
// THREADS. Any thread may call Raise; one thread waits.
class Signal {
 public:
  void Raise();

  // Waits for the signal and clears it; returns true if it was raised. Returns early on `stop`.
  bool WaitFor(std::chrono::milliseconds duration, const std::stop_token& stop);

 private:
  std::mutex mutex_;
  std::condition_variable_any raised_changed_;
  bool raised_ = false;
};

// THREADS. Any number at once.
class Clock {
 public:
  using Duration = std::chrono::milliseconds;
  // Monotonic; meaningless outside the process.
  using TimePoint = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

  virtual ~Clock() = default;

  virtual TimePoint Now() const = 0;
  virtual WallTime WallNow() const = 0;

  // Waits for `duration`, for the signal or until `stop` is requested, whichever comes first.
  virtual void WaitFor(Signal& signal, Duration duration, const std::stop_token& stop) = 0;
};

// One moment by both clocks.
struct Moment {
  Clock::TimePoint steady;
  WallTime wall;
};

inline Moment MomentOf(const Clock& clock) {
  return {clock.Now(), clock.WallNow()};
}

class SystemClock final : public Clock {
 public:
  TimePoint Now() const override;
  WallTime WallNow() const override;
  void WaitFor(Signal& signal, Duration duration, const std::stop_token& stop) override;
};

}  // namespace relay
