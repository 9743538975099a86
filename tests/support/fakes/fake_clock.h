#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "wal/base/clock.h"

namespace relay::test {

// Time that passes only when someone waits; remembers every wait.
class FakeClock final : public Clock {
 public:
  TimePoint Now() const override { return TimePoint(TimePoint::duration(now_)); }
  WallTime WallNow() const override { return WallTime(WallTime::duration(now_ + set_by_)); }
  void WaitFor(Signal&, Duration duration, const std::stop_token&) override {
    waits.push_back(duration);
    Advance(duration);
    if (on_wait) on_wait();
  }
  // Puts the wall clock forward or back; the monotonic one goes on.
  void SetWallBy(Duration step) { set_by_ += TimePoint::duration(step).count(); }
  void Advance(Duration duration) { now_ += TimePoint::duration(duration).count(); }

  std::vector<Duration> waits;
  std::function<void()> on_wait;

 private:
  std::atomic<std::int64_t> now_ = 0;     // Nanoseconds.
  std::atomic<std::int64_t> set_by_ = 0;  // How the wall clock is ahead; nanoseconds.
};

}  // namespace relay::test
