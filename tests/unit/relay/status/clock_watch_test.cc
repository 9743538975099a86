#include "relay/status/clock_watch.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "relay/status/relay_status.h"
#include "relay/status/sampler.h"
#include "tests/support/fakes/fake_clock.h"

namespace relay::test::relay_status_clock_watch_test {
namespace {

using namespace std::chrono_literals;

// Returns the clock, set to 1970-01-12: earlier stamps are times, too.
const Clock& Late(FakeClock& clock) {
  clock.SetWallBy(1'000'000s);
  return clock;
}

// A relay with one backend, to which nothing is delivered: its clock is set now and then.
struct Outage {
  FakeClock clock;
  ClockWatch watch{Late(clock)};
  QueueStats figures;
  std::vector<WallTime> stamps;

  void Accept() {
    stamps.push_back(clock.WallNow());
    figures.marks.head = Sequence(stamps.size());
    figures.oldest_owed = stamps[figures.marks.cursor.value()];
  }
  void Deliver() {
    figures.marks.cursor = Sequence(figures.marks.cursor.value() + 1);
    figures.oldest_owed = stamps[figures.marks.cursor.value()];
  }
  std::optional<std::chrono::nanoseconds> Look() { return watch.Note({{"a", figures}}); }
  // The status as a person sees it.
  RelayStatus Seen() {
    RelayStatus status;
    BackendStatus& backend = status.backends.emplace_back();
    backend.name = "a";
    backend.takes_writes = true;
    backend.figures = figures;
    Look();
    watch.Correct(status);
    return status;
  }
  std::chrono::nanoseconds Age() {
    const RelayStatus status = Seen();
    return OldestOwedAge(status.backends[0], status.now);
  }
};

TEST_CASE("clock: a record keeps its age while the clock is set forward and back") {
  Outage outage;
  outage.Look();
  outage.clock.Advance(1s);
  outage.Accept();
  outage.Look();
  outage.clock.Advance(10s);
  outage.clock.SetWallBy(2h);
  CHECK(outage.Age() == 10s);
  outage.clock.Advance(10s);
  outage.clock.SetWallBy(-5h);
  CHECK(outage.Age() == 20s);
}

TEST_CASE(
    "clock: a record accepted by a clock that is ahead ages from the moment it is put right") {
  Outage outage;
  outage.Look();
  outage.clock.SetWallBy(2h);
  outage.Look();
  outage.Accept();
  outage.clock.Advance(14s);
  outage.Look();
  outage.clock.SetWallBy(-2h);
  CHECK(outage.Age() == 14s);
  const RelayStatus seen = outage.Seen();
  CHECK_EQ(WhyNotReady(seen.backends[0], seen.now, {.max_lag = 2s}),
           "14.0s behind, more than 2.0s");
  CHECK_EQ(WhyNotReady(seen.backends[0], seen.now, {.max_lag = 14s}), "");
}

TEST_CASE("clock: between two looks it is told by which clock a record was stamped") {
  Outage outage;
  outage.Look();
  outage.clock.Advance(200ms);
  outage.Accept();  // Before the step ...
  outage.clock.Advance(200ms);
  outage.clock.SetWallBy(2h);
  outage.Accept();  // ... and after it.
  outage.clock.Advance(200ms);
  outage.Look();
  CHECK(outage.Age() == 400ms);
  outage.Deliver();
  CHECK(outage.Age() == 200ms);
}

TEST_CASE("clock: records of an earlier run are at least as old as this run") {
  Outage outage;
  outage.clock.SetWallBy(2h);
  outage.Accept();
  outage.clock.SetWallBy(-2h);
  Outage restarted;
  restarted.stamps = outage.stamps;
  restarted.figures = outage.figures;
  restarted.Look();
  restarted.clock.Advance(5s);
  CHECK(restarted.Age() == 5s);
}

TEST_CASE("clock: records of an earlier run keep their age while the clock is set") {
  Outage outage;
  outage.stamps = {outage.clock.WallNow() - 60s};
  outage.figures.marks.head = Sequence(1);
  outage.figures.oldest_owed = outage.stamps[0];
  outage.Look();
  CHECK(outage.Age() == 60s);
  outage.clock.SetWallBy(-1h);
  CHECK(outage.Age() == 60s);
}

TEST_CASE("clock: a step is counted once, and small ones when they add up") {
  Outage outage;
  CHECK_FALSE(outage.Look().has_value());
  outage.clock.SetWallBy(499ms);
  CHECK_FALSE(outage.Look().has_value());
  outage.clock.SetWallBy(1ms);
  CHECK(outage.Look() == 500ms);
  CHECK_FALSE(outage.Look().has_value());
  outage.clock.SetWallBy(-2h);
  outage.clock.Advance(3s);
  const RelayStatus seen = outage.Seen();
  REQUIRE(seen.clock.has_value());
  CHECK_EQ(seen.clock->count, 2);
  CHECK(seen.clock->last_by == -2h);
  CHECK(seen.now == outage.clock.WallNow());
}

TEST_CASE("clock: what is kept, and what is on hold, has the age of its first record") {
  Outage outage;
  outage.Look();
  outage.Accept();
  outage.Look();
  outage.clock.SetWallBy(-2h);
  outage.clock.Advance(7s);
  RelayStatus status;
  BackendStatus& backend = status.backends.emplace_back();
  backend.name = "a";
  backend.figures.marks = {Sequence(0), Sequence(1), Sequence(1)};
  backend.figures.oldest_kept = outage.stamps[0];
  backend.lanes.push_back({.held = {.first = Sequence(1), .oldest = outage.stamps[0]}});
  outage.Look();
  outage.watch.Correct(status);
  CHECK(status.now - *backend.figures.oldest_kept == 7s);
  CHECK(status.now - *backend.lanes[0].held.oldest == 7s);
}

TEST_CASE("history: its times are in order, whatever the clock says") {
  History history;
  history.Note(Clock::TimePoint(0s), {{"a", {}}});
  CHECK_FALSE(history.IsDue(Clock::TimePoint(4'999ms)));
  CHECK(history.IsDue(Clock::TimePoint(5s)));
  history.Note(Clock::TimePoint(5s), {{"a", {}}});
  const auto json = nlohmann::json::parse(history.ToJson({Clock::TimePoint(6s), WallTime(2'001s)}));
  CHECK_EQ(json["times"], nlohmann::json({1'995.0, 2'000.0}));
}

}  // namespace
}  // namespace relay::test::relay_status_clock_watch_test
