#include "replay/delivery/request_gate.h"

#include <doctest/doctest.h>

#include "tests/support/fakes/fake_clock.h"

namespace relay::test::replay_delivery_request_gate_test {
namespace {

using namespace std::chrono_literals;

constexpr Backoff kBackoff{.first = 100ms, .max = 5'000ms};

RequestGate::Options FourAtOnce() {
  return {.batch_points_max = 1'000,
          .batch_bytes_max = 1_MiB,
          .at_once_max = 4,
          .timeout = 9'000ms,
          .rate = {}};
}

SendBatch BatchOf(PointCount points) {
  SendBatch batch;
  batch.points = points;
  batch.bytes = Bytes(10 * points);
  return batch;
}

void Fail(RequestGate& gate, Clock::TimePoint now) {
  gate.Close(kBackoff, 0.5, {{WorkerState::kRetrying, "no answer", ""}, std::nullopt}, now);
}

TEST_CASE("gate: as many requests at once as configured") {
  FakeClock clock;
  RequestGate gate(FourAtOnce());
  for (int i = 0; i < 4; ++i) {
    CHECK(gate.MayStart(clock.Now()));
    gate.Started(BatchOf(1), clock.Now());
  }
  CHECK_FALSE(gate.has_room());
  gate.Ended();
  CHECK(gate.MayStart(clock.Now()));
}

TEST_CASE("gate: after a failure it opens when the back-off ends, for one request") {
  FakeClock clock;
  RequestGate gate(FourAtOnce());
  Fail(gate, clock.Now());
  const Clock::TimePoint opens = gate.OpensAt(clock.Now());
  CHECK(opens > clock.Now());
  CHECK_FALSE(gate.MayStart(opens - 1ms));
  CHECK(gate.MayStart(opens));
  gate.Started(BatchOf(1), opens);
  CHECK_FALSE(gate.MayStart(opens));
  gate.Open(opens);
  CHECK(gate.MayStart(opens));
  CHECK_FALSE(gate.is_failing());
}

TEST_CASE("gate: concurrent failures count once, later ones one by one") {
  FakeClock clock;
  RequestGate gate(FourAtOnce());
  Fail(gate, clock.Now());
  Fail(gate, clock.Now());
  CHECK_EQ(gate.gauges().failures_in_a_row, 1);
  Fail(gate, gate.OpensAt(clock.Now()));
  CHECK_EQ(gate.gauges().failures_in_a_row, 2);
  CHECK_EQ(gate.failure().reason, "no answer");
  gate.ForgetFailures();
  CHECK_FALSE(gate.is_failing());
}

TEST_CASE("gate: a Retry-After is waited for where it is longer than the back-off") {
  FakeClock clock;
  RequestGate gate(FourAtOnce());
  gate.Close(kBackoff, 0.5, {{}, 7'000ms}, clock.Now());
  CHECK_EQ(gate.OpensAt(clock.Now()) - clock.Now(), 7'000ms);
}

TEST_CASE("gate: an overloaded backend gets smaller requests and rests after each") {
  FakeClock clock;
  RequestGate gate(FourAtOnce());
  gate.Overloaded();
  CHECK_EQ(gate.Limit().points, 500);
  CHECK_EQ(gate.Limit().bytes, 512_KiB);
  CHECK_EQ(gate.gauges().in_flight_max, 2);
  gate.Took(100ms, 500, clock.Now());
  CHECK(gate.OpensAt(clock.Now()) > clock.Now());
}

TEST_CASE("gate: one that is down gets smaller requests without a rest") {
  FakeClock clock;
  RequestGate gate(FourAtOnce());
  gate.Unreachable();
  CHECK_EQ(gate.Limit().points, 500);
  gate.Took(100ms, 500, clock.Now());
  CHECK_EQ(gate.OpensAt(clock.Now()), clock.Now());
}

TEST_CASE("gate: after a request that was too large the next has at most half its bytes") {
  FakeClock clock;
  RequestGate gate(FourAtOnce());
  gate.TooLarge(1_MiB, clock.Now());
  CHECK_EQ(gate.Limit().bytes, 512_KiB);
  CHECK_EQ(gate.Limit().points, 1'000);
  CHECK_EQ(gate.gauges().batch_bytes_max, 512_KiB);
}

TEST_CASE("gate: a rate limit is a debt to be waited for, and gives way to what comes in") {
  FakeClock clock;
  RequestGate::Options options = FourAtOnce();
  options.rate.points_per_second = 100;
  RequestGate gate(options);
  CHECK(gate.is_rate_limited());
  gate.Started(BatchOf(1'010), clock.Now());
  CHECK_EQ(gate.OpensAt(clock.Now()) - clock.Now(), 10'100ms);
  gate.NoteAccepted({.points = 0, .bytes = 0_B}, clock.Now());
  gate.NoteAccepted({.points = 100'000, .bytes = 0_B}, clock.Now());
  CHECK(gate.OpensAt(clock.Now()) - clock.Now() < 1'000ms);
}

TEST_CASE("gate: without a rate limit it only waits for the backend") {
  FakeClock clock;
  RequestGate gate(FourAtOnce());
  CHECK_FALSE(gate.is_rate_limited());
  gate.Started(BatchOf(1'000'000), clock.Now());
  CHECK_EQ(gate.OpensAt(clock.Now()), std::max(clock.Now(), Clock::TimePoint{}));
}

}  // namespace
}  // namespace relay::test::replay_delivery_request_gate_test
