#pragma once

#include <functional>
#include <vector>

#include "replay/clock.h"

namespace relay::test {

// Time that passes only when someone waits; remembers every wait.
class FakeClock final : public Clock {
 public:
  TimePoint Now() const override { return now_; }
  WallTime WallNow() const override { return WallTime(now_.time_since_epoch()); }
  void WaitFor(Signal&, Duration duration, const std::stop_token&) override {
    waits.push_back(duration);
    now_ += duration;
    if (on_wait) on_wait();
  }
  void Advance(Duration duration) { now_ += duration; }

  std::vector<Duration> waits;
  std::function<void()> on_wait;

 private:
  TimePoint now_{};
};

}  // namespace relay::test
