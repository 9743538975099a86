#include "wal/base/clock.h"

namespace relay {

void Signal::Raise() {
  {
    const std::lock_guard lock(mutex_);
    raised_ = true;
  }
  raised_changed_.notify_one();
}

bool Signal::WaitFor(std::chrono::milliseconds duration, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  raised_changed_.wait_for(lock, stop, duration, [this] { return raised_; });
  return std::exchange(raised_, false);
}

Clock::TimePoint SystemClock::Now() const {
  return std::chrono::steady_clock::now();
}

WallTime SystemClock::WallNow() const {
  return std::chrono::system_clock::now();
}

void SystemClock::WaitFor(Signal& signal, Duration duration, const std::stop_token& stop) {
  signal.WaitFor(duration, stop);
}

}  // namespace relay
