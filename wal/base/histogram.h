// Durations, counted in fixed buckets: cheap enough for every write.
//
// THREADS. Any number at once, without a lock. A reading taken during a Record may have that
// duration in the sum but not yet in a bucket; the count is always that of the buckets.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace relay {

class Histogram {
 public:
  // Upper bounds of the buckets; one more bucket takes everything longer. They range from a sync on
  // a fast disk to a backend's timeout, each about 2.5 times the one before.
  static constexpr std::array<std::chrono::microseconds, 16> kBounds = {
      std::chrono::microseconds(100),        std::chrono::microseconds(250),
      std::chrono::microseconds(500),        std::chrono::microseconds(1'000),
      std::chrono::microseconds(2'500),      std::chrono::microseconds(5'000),
      std::chrono::microseconds(10'000),     std::chrono::microseconds(25'000),
      std::chrono::microseconds(50'000),     std::chrono::microseconds(100'000),
      std::chrono::microseconds(250'000),    std::chrono::microseconds(500'000),
      std::chrono::microseconds(1'000'000),  std::chrono::microseconds(2'500'000),
      std::chrono::microseconds(10'000'000), std::chrono::microseconds(60'000'000)};

  // A copy of everything recorded so far.
  struct Reading {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};  // Per bucket, not cumulative.
    std::chrono::nanoseconds sum{0};

    std::uint64_t count() const {
      std::uint64_t all = 0;
      for (const std::uint64_t of_bucket : counts) all += of_bucket;
      return all;
    }
  };

  // Counts a negative duration as zero: the clocks of two threads may differ.
  void Record(std::chrono::nanoseconds took) {
    if (took < std::chrono::nanoseconds::zero()) took = std::chrono::nanoseconds::zero();
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && took > kBounds[bucket]) ++bucket;
    counts_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
  }

  Reading Read() const {
    Reading reading;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      reading.counts[i] = counts_[i].load(std::memory_order_relaxed);
    }
    reading.sum = std::chrono::nanoseconds(sum_ns_.load(std::memory_order_relaxed));
    return reading;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

}  // namespace relay
