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
  for (int i = 0; i < 1000; ++i) size.OnAccepted(size.now(), now);
  CHECK_GT(size.now(), 3_MiB);
  CHECK_LT(size.now(), 4_MiB);
  now += 11min;
  for (int i = 0; i < 1000; ++i) size.OnAccepted(size.now(), now);
  CHECK_EQ(size.now(), 4_MiB);
}

TEST_CASE("pacing: small requests say nothing about the size that is taken") {
  AdaptiveBatchSize size(4_MiB);
  size.TooLarge(4_MiB, {});
  for (int i = 0; i < 1000; ++i) size.OnAccepted(1_KiB, {});
  CHECK_EQ(size.now(), 2_MiB);
}

TEST_CASE(
    "pacing: an overloaded backend gets less at once, smaller and with rests; step by step "
    "more again") {
  ConcurrencyLimiter limiter(4, 3s);
  CHECK_EQ(limiter.at_once(), 4);
  CHECK_EQ(limiter.RestAfter(1s), 0ms);
  limiter.Overloaded();
  limiter.Overloaded();
  CHECK_EQ(limiter.at_once(), 1);
  CHECK_EQ(limiter.share(), 0.25);
  CHECK_GE(limiter.RestAfter(1s), 1s);
  limiter.OnAccepted(10ms, 100);
  CHECK_LT(limiter.share(), 0.5);
  CHECK_GT(limiter.RestAfter(1s), 0ms);
  for (int i = 0; i < 40; ++i) limiter.OnAccepted(10ms, 100);
  CHECK_EQ(limiter.share(), 1);
  CHECK_EQ(limiter.at_once(), 4);
  CHECK_EQ(limiter.RestAfter(1s), 0ms);
}

TEST_CASE("pacing: a backend that was down is begun with small requests, and without rests") {
  ConcurrencyLimiter limiter(1, 3s);
  for (int i = 0; i < 10; ++i) limiter.Unreachable();
  CHECK_LT(limiter.share(), 0.1);
  CHECK_EQ(limiter.RestAfter(1s), 0ms);
  for (int i = 0; i < 16; ++i) limiter.OnAccepted(100ms, 1000);
  CHECK_EQ(limiter.share(), 1);
}

TEST_CASE("pacing: a backend that becomes slow is rested in proportion, until it is not") {
  ConcurrencyLimiter limiter(2, 3s);
  for (int i = 0; i < 10; ++i) limiter.OnAccepted(300ms, 10'000);
  CHECK_EQ(limiter.RestAfter(1s), 0ms);
  for (int i = 0; i < 10; ++i) limiter.OnAccepted(3s, 10'000);
  CHECK_GE(limiter.RestAfter(1s), 500ms);
  CHECK_LE(limiter.RestAfter(1s), 1s);
  for (int i = 0; i < 10; ++i) limiter.OnAccepted(300ms, 10'000);
  CHECK_EQ(limiter.RestAfter(1s), 0ms);
}

TEST_CASE("pacing: a request that takes a good part of its time is not followed by a larger one") {
  ConcurrencyLimiter limiter(1, 3s);
  double before = limiter.share();
  for (int i = 0; i < 5; ++i) {
    limiter.OnAccepted(3s, 10'000);
    CHECK_LT(limiter.share(), before);
    before = limiter.share();
  }
  for (int i = 0; i < 100; ++i) limiter.OnAccepted(3s, 10'000);
  CHECK_GT(limiter.share(), 0);
  for (int i = 0; i < 16; ++i) limiter.OnAccepted(3s - 1ms, 10'000);
  CHECK_EQ(limiter.share(), 1);
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
