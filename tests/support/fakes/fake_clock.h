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
  WallTime WallNow() const override { return WallTime(WallTime::duration(now_)); }
  void WaitFor(Signal&, Duration duration, const std::stop_token&) override {
    waits.push_back(duration);
    Advance(duration);
    if (on_wait) on_wait();
  }
  void Advance(Duration duration) { now_ += TimePoint::duration(duration).count(); }

  std::vector<Duration> waits;
  std::function<void()> on_wait;

 private:
  std::atomic<std::int64_t> now_ = 0;  // Nanoseconds.
};

}  // namespace relay::test
