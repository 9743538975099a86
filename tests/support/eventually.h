// Waiting in tests: for a condition, never for a fixed time. The only polling
// and the only sleep in the tests are here.
#pragma once

#include <chrono>
#include <thread>

namespace relay::test {

using std::chrono::milliseconds;

// Timeout for steps that normally take milliseconds: long enough for a
// sanitizer build on a busy machine, short enough to end a hanging test.
inline constexpr milliseconds kPatience{60'000};

// A moment in the future.
class Deadline {
 public:
  explicit Deadline(milliseconds from_now) : at_(Clock::now() + from_now) {}

  // Zero once it has passed; rounded up, so that a wait of this length passes it.
  milliseconds remaining() const {
    const auto left = std::chrono::ceil<milliseconds>(at_ - Clock::now());
    return left > milliseconds{0} ? left : milliseconds{0};
  }
  bool passed() const { return remaining() == milliseconds{0}; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point at_;
};

// Measures elapsed time.
class Stopwatch {
 public:
  milliseconds elapsed() const {
    return std::chrono::duration_cast<milliseconds>(Clock::now() - start_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

// Returns true as soon as `holds()` does; false if it still does not at the
// deadline. Polls every few milliseconds, at least once.
template <typename Predicate>
bool Eventually(milliseconds within, Predicate holds) {
  const Deadline deadline(within);
  while (!holds()) {
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(milliseconds{5});
  }
  return true;
}

}  // namespace relay::test
