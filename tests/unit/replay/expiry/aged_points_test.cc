#include "replay/expiry/aged_points.h"

#include <doctest/doctest.h>

namespace relay::test::unit_replay_expiry_aged_points_test {
namespace {

using namespace std::chrono_literals;

const Lane kDb{"db", ""};

WallTime At(std::chrono::nanoseconds time) {
  return WallTime(time);
}

TEST_CASE(
    "aged points: a month of records takes bounded memory and is counted to one part in 128") {
  AgedPoints points;
  constexpr std::uint64_t kMinutes = 30 * 24 * 60;
  for (std::uint64_t i = 1; i <= kMinutes; ++i) points.Add(kDb, Sequence(i), At(1min * i), 1);
  const WallTime now = At(1min * kMinutes);
  const Keeps keeps{.duration = 24h * 15, .warning = 24h};
  const DuePoints due = points.DueOf(kDb, keeps, now);
  CHECK_LE(due.expired, kMinutes / 2);
  CHECK_GE(due.expired, kMinutes / 2 - kMinutes / 128);
  CHECK_GE(due.expired + due.expiring, kMinutes * 16 / 30);
  points.DropThrough(Sequence(kMinutes - 1));
  CHECK_EQ(points.Lanes().size(), 1);
  points.DropThrough(Sequence(kMinutes));
  CHECK(points.Lanes().empty());
}

TEST_CASE("aged points: those of several queues add up to the time of all of them") {
  DuePoints due;
  due.Add({.expired = 1});
  due.Add({.expiring = 2, .from = At(5s), .to = At(7s)});
  due.Add({.expiring = 3, .from = At(3s), .to = At(4s)});
  CHECK_EQ(due.expired, 1);
  CHECK_EQ(due.expiring, 5);
  CHECK_EQ(due.from, At(3s));
  CHECK_EQ(due.to, At(7s));
}

}  // namespace
}  // namespace relay::test::unit_replay_expiry_aged_points_test
