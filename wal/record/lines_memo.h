// Remembers what a reader has found out about a record's lines: the delivery of each backend asks
// the same of the same record.
//
// THREADS. Any number may ask at once; two that ask for the first time may both look.
#pragma once

#include <atomic>
#include <cstdint>

namespace relay {

enum class LinesQuestion : std::uint8_t {
  kAreAscii = 0,
  kMayHaveOpaqueSamples = 1,  // See replay/transport/remote_write.h.
};

// A copy knows nothing: its lines may be changed.
class LinesMemo {
 public:
  LinesMemo() = default;
  LinesMemo(const LinesMemo& /*other*/) noexcept {}
  LinesMemo& operator=(const LinesMemo& /*other*/) noexcept {
    known_ = 0;
    return *this;
  }
  ~LinesMemo() = default;

  // Returns what `look` returned for this question, which is called unless the answer is known.
  // REQUIRES: the lines do not change after the first question.
  template <typename Look>
  bool Answer(LinesQuestion question, const Look& look) const {
    const auto shift = static_cast<unsigned>(question) * 2;
    const unsigned known = unsigned{known_.load(std::memory_order_relaxed)} >> shift;
    if ((known & kAsked) != 0) return (known & kYes) != 0;
    const bool answer = look();
    known_.fetch_or(static_cast<std::uint8_t>((answer ? kAsked | kYes : kAsked) << shift),
                    std::memory_order_relaxed);
    return answer;
  }

  friend bool operator==(const LinesMemo&, const LinesMemo&) { return true; }

 private:
  static constexpr unsigned kAsked = 1;
  static constexpr unsigned kYes = 2;
  mutable std::atomic<std::uint8_t> known_{0};
};

}  // namespace relay
