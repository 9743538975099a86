#include "replay/delivery/status_board.h"

#include <doctest/doctest.h>

#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/scripted_transport.h"

namespace relay::test::replay_delivery_status_board_test {
namespace {

using namespace std::chrono_literals;
using enum WorkerState;

struct Fixture {
  FakeClock clock;
  int changes = 0;
  DeliveryStatusBoard board{60'000ms, [this](const WorkerStatus&) { ++changes; }, clock};

  std::optional<Stuck> StuckAfterCheck(RecordCount lag, bool is_paused = false,
                                       const std::optional<LaneStatus>& held = std::nullopt) {
    board.CheckStuck(lag, is_paused, held);
    return board.Snapshot().stuck;
  }
};

TEST_CASE("status board: tells a change of state or of its reason, once") {
  Fixture on;
  on.board.Show({kCaughtUp}, {});
  CHECK_EQ(on.changes, 0);
  on.board.Show({kRetrying, "no answer", "see whether it runs"}, {.failures_in_a_row = 1});
  on.board.Show({kRetrying, "no answer", "see whether it runs"}, {.failures_in_a_row = 2});
  CHECK_EQ(on.changes, 1);
  CHECK_EQ(on.board.Snapshot().failures_in_a_row, 2);
  on.board.Show({kRetrying, "the backend is overloaded"}, {});
  CHECK_EQ(on.changes, 2);
  CHECK(on.board.state() == kRetrying);
}

TEST_CASE("status board: a state began when it changed, not when its reason did") {
  Fixture on;
  on.board.Show({kRetrying, "no answer"}, {});
  const WallTime began = on.board.Snapshot().since;
  on.clock.Advance(5'000ms);
  on.board.Show({kRetrying, "the backend is overloaded"}, {});
  CHECK(on.board.Snapshot().since == began);
  on.board.Show({kDelivering}, {});
  CHECK(on.board.Snapshot().since == began + 5'000ms);
}

TEST_CASE("status board: counts requests and keeps the last answer that was no success") {
  Fixture on;
  on.board.Answered(Http(503, "busy\n"));
  on.board.Answered(Status204());
  CHECK_EQ(on.board.Snapshot().last_answer, "HTTP 503: busy");
  CHECK_EQ(on.board.Snapshot().requests, 2);
  on.board.Answered(Http(500, "\x1b[31m"));
  CHECK_EQ(on.board.Snapshot().last_answer, "HTTP 500: ?[31m");
}

TEST_CASE("status board: stuck once records are owed and none was resolved for so long") {
  Fixture on;
  on.board.Show({kRetrying, "no answer", "see whether it runs"}, {});
  on.clock.Advance(59'999ms);
  CHECK_FALSE(on.StuckAfterCheck(1).has_value());
  on.clock.Advance(1ms);
  CHECK_FALSE(on.StuckAfterCheck(1, true).has_value());
  const std::optional<Stuck> stuck = on.StuckAfterCheck(1);
  REQUIRE(stuck.has_value());
  CHECK_EQ(stuck->reason, "no answer");
  CHECK_EQ(stuck->remedy, "see whether it runs");
  CHECK(stuck->since == on.clock.WallNow() - 60'000ms);
  CHECK_EQ(on.changes, 2);
  on.board.CursorMoved();
  CHECK_FALSE(on.StuckAfterCheck(1).has_value());
  CHECK_EQ(on.changes, 3);
}

TEST_CASE("status board: time without a lag does not count") {
  Fixture on;
  on.clock.Advance(100'000ms);
  CHECK_FALSE(on.StuckAfterCheck(0).has_value());
  CHECK_FALSE(on.StuckAfterCheck(1).has_value());
}

TEST_CASE("status board: a lane that is held for so long is stuck, though others go on") {
  Fixture on;
  LaneStatus held;
  held.reason = "database \"db\": the database does not exist on the backend";
  held.since = on.clock.Now();
  on.clock.Advance(59'999ms);
  CHECK_FALSE(on.StuckAfterCheck(0, false, held).has_value());
  on.clock.Advance(1ms);
  const std::optional<Stuck> stuck = on.StuckAfterCheck(0, false, held);
  REQUIRE(stuck.has_value());
  CHECK_EQ(stuck->reason, held.reason);
}

TEST_CASE("status board: durations are right though the wall clock is set forward and back") {
  Fixture on;
  LaneStatus held;
  held.since = on.clock.Now();
  on.board.Show({kRetrying, "no answer"}, {});
  on.clock.SetWallBy(2h);
  on.clock.Advance(30'000ms);
  CHECK(on.clock.WallNow() - on.board.Snapshot().since == 30'000ms);
  CHECK_FALSE(on.StuckAfterCheck(1, false, held).has_value());
  on.clock.SetWallBy(-5h);
  on.clock.Advance(30'000ms);
  CHECK(on.clock.WallNow() - on.board.Snapshot().since == 60'000ms);
  CHECK(on.StuckAfterCheck(1).value().since == on.clock.WallNow() - 60'000ms);
  on.board.CursorMoved();
  CHECK(on.StuckAfterCheck(0, false, held).value().since == on.clock.WallNow() - 60'000ms);
}

}  // namespace
}  // namespace relay::test::replay_delivery_status_board_test
