#include "wal/base/histogram.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace relay::test::wal_base_histogram_test {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

TEST_CASE("histogram: a time equal to a bound is within it, a nanosecond more is not") {
  for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i) {
    Histogram histogram;
    histogram.Record(Histogram::kBounds[i]);
    histogram.Record(Histogram::kBounds[i] + nanoseconds(1));
    const Histogram::Reading reading = histogram.Read();
    CHECK_EQ(reading.counts[i], 1);
    CHECK_EQ(reading.counts[i + 1], 1);
    CHECK_EQ(reading.sum, 2 * Histogram::kBounds[i] + nanoseconds(1));
  }
}

TEST_CASE("histogram: a negative time counts as zero") {
  Histogram histogram;
  histogram.Record(nanoseconds(-5));
  CHECK_EQ(histogram.Read().counts.front(), 1);
  CHECK_EQ(histogram.Read().sum.count(), 0);
}

TEST_CASE("histogram: nothing is lost where several threads record") {
  constexpr int kThreads = 4;
  constexpr int kEach = 10'000;
  Histogram histogram;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) histogram.Record(microseconds(n));
    });
  }
  threads.clear();
  CHECK_EQ(histogram.Read().count(), kThreads * kEach);
}

}  // namespace
}  // namespace relay::test::wal_base_histogram_test
