#include "replay/delivery/pacing.h"

#include <doctest/doctest.h>

namespace relay::test::replay_delivery_pacing_test {
namespace {

using namespace std::chrono_literals;
using TimePoint = Clock::TimePoint;

TEST_CASE("pacing: an allowance is kept on average, and a pause is not followed by a burst") {
  TokenBucket allowance;
  allowance.Allow(1000);
  TimePoint now = TimePoint{} + 3600s;
  double spent = 0;
  for (const TimePoint start = now; now - start < 10s; now += 1ms) {
    if (allowance.Wait(now) > 0ms) continue;
    allowance.Spend(250, now);
    spent += 250;
  }
  CHECK_GE(spent, 9'900);
  CHECK_LE(spent, 10'600);
}

TEST_CASE("pacing: what takes more than is left is waited for afterwards") {
  TokenBucket allowance;
  allowance.Allow(100);
  const TimePoint now = TimePoint{} + 1s;
  CHECK_EQ(allowance.Wait(now), 0ms);
  allowance.Spend(1010, now);
  CHECK_EQ(allowance.Wait(now), 10s);
  CHECK_GT(allowance.Wait(now + 9999ms), 0ms);
  CHECK_EQ(allowance.Wait(now + 10s), 0ms);
}

TEST_CASE("pacing: without a limit nothing waits") {
  TokenBucket allowance;
  allowance.Spend(1e12, TimePoint{});
  CHECK_EQ(allowance.Wait(TimePoint{}), 0ms);
}

TEST_CASE("pacing: a request that was too large halves the next, which grow back but not to it") {
  AdaptiveBatchSize size(4_MiB);
  TimePoint now{};
  size.TooLarge(4_MiB, now);
  CHECK_EQ(size.now(), 2_MiB);
  for (int i = 0; i < 1000; ++i) size.Taken(size.now(), now);
  CHECK_GT(size.now(), 3_MiB);
  CHECK_LT(size.now(), 4_MiB);
  now += 11min;
  for (int i = 0; i < 1000; ++i) size.Taken(size.now(), now);
  CHECK_EQ(size.now(), 4_MiB);
}

TEST_CASE("pacing: small requests say nothing about the size that is taken") {
  AdaptiveBatchSize size(4_MiB);
  size.TooLarge(4_MiB, {});
  for (int i = 0; i < 1000; ++i) size.Taken(1_KiB, {});
  CHECK_EQ(size.now(), 2_MiB);
}

TEST_CASE(
    "pacing: an overloaded backend gets less at once, smaller and with rests; step by step "
    "more again") {
  ConcurrencyLimiter throttle(4, 3s);
  CHECK_EQ(throttle.at_once(), 4);
  CHECK_EQ(throttle.RestAfter(1s), 0ms);
  throttle.Overloaded();
  throttle.Overloaded();
  CHECK_EQ(throttle.at_once(), 1);
  CHECK_EQ(throttle.share(), 0.25);
  CHECK_GE(throttle.RestAfter(1s), 1s);
  throttle.Taken(10ms, 100);
  CHECK_LT(throttle.share(), 0.5);
  CHECK_GT(throttle.RestAfter(1s), 0ms);
  for (int i = 0; i < 40; ++i) throttle.Taken(10ms, 100);
  CHECK_EQ(throttle.share(), 1);
  CHECK_EQ(throttle.at_once(), 4);
  CHECK_EQ(throttle.RestAfter(1s), 0ms);
}

TEST_CASE("pacing: a backend that was down is begun with small requests, and without rests") {
  ConcurrencyLimiter throttle(1, 3s);
  for (int i = 0; i < 10; ++i) throttle.Unreachable();
  CHECK_LT(throttle.share(), 0.1);
  CHECK_EQ(throttle.RestAfter(1s), 0ms);
  for (int i = 0; i < 16; ++i) throttle.Taken(100ms, 1000);
  CHECK_EQ(throttle.share(), 1);
}

TEST_CASE("pacing: a backend that becomes slow is rested in proportion, until it is not") {
  ConcurrencyLimiter throttle(2, 3s);
  for (int i = 0; i < 10; ++i) throttle.Taken(300ms, 10'000);
  CHECK_EQ(throttle.RestAfter(1s), 0ms);
  for (int i = 0; i < 10; ++i) throttle.Taken(3s, 10'000);
  CHECK_GE(throttle.RestAfter(1s), 500ms);
  CHECK_LE(throttle.RestAfter(1s), 1s);
  for (int i = 0; i < 10; ++i) throttle.Taken(300ms, 10'000);
  CHECK_EQ(throttle.RestAfter(1s), 0ms);
}

TEST_CASE("pacing: a request that takes a good part of its time is not followed by a larger one") {
  ConcurrencyLimiter throttle(1, 3s);
  double before = throttle.share();
  for (int i = 0; i < 5; ++i) {
    throttle.Taken(3s, 10'000);
    CHECK_LT(throttle.share(), before);
    before = throttle.share();
  }
  for (int i = 0; i < 100; ++i) throttle.Taken(3s, 10'000);
  CHECK_GT(throttle.share(), 0);
  for (int i = 0; i < 16; ++i) throttle.Taken(3s - 1ms, 10'000);
  CHECK_EQ(throttle.share(), 1);
}

TEST_CASE("pacing: a rate is that of the last seconds") {
  RateMeter meter;
  TimePoint now = TimePoint{} + 1h;
  for (int i = 0; i < 600; ++i, now += 100ms) meter.Add(100, now);
  CHECK_GT(meter.PerSecond(now), 950);
  CHECK_LT(meter.PerSecond(now), 1050);
  CHECK_LT(meter.PerSecond(now + 60s), 10);
}

}  // namespace
}  // namespace relay::test::replay_delivery_pacing_test
