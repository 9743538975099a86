#include "relay/compare/relay_fence.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/fakes/fake_clock.h"

namespace relay::test::unit_relay_compare_relay_fence_test {
namespace {

BackendStatus Backend(const std::string& name, std::uint64_t cursor, std::uint64_t head) {
  BackendStatus backend{.name = name, .state = "retrying", .why = "connection refused"};
  backend.figures.marks.cursor = Sequence(cursor);
  backend.figures.marks.head = Sequence(head);
  return backend;
}

struct Relay {
  RelayStatus status{.backends = {Backend("a", 5, 7), Backend("b", 9, 9)}};
  FakeClock clock;
  RelayFence fence{clock,
                   {.a = "a", .b = "b", .patience = std::chrono::seconds(30), .status = [this] {
                      return Result<RelayStatus>(status);
                    }}};
};

TEST_CASE("fence: a position is each backend's head, and passed when both cursors have it") {
  Relay relay;
  const Mark mark = relay.fence.Here().value();
  CHECK_EQ(mark.a, 7);
  CHECK_EQ(mark.b, 9);
  relay.clock.on_wait = [&relay] {
    BackendStatus& a = relay.status.backends[0];
    a = Backend("a", a.figures.marks.cursor.value() + 1, 20);
  };
  CHECK(relay.fence.WaitPassed(mark).ok());
  CHECK_EQ(relay.clock.waits.size(), 2);
}

TEST_CASE("fence: a backend that does not get there in time is named with its trouble") {
  Relay relay;
  const Status passed = relay.fence.WaitPassed({.a = 7, .b = 9});
  REQUIRE_FALSE(passed.ok());
  CHECK_EQ(passed.error().message(),
           "a is owed 2 records up to position 7 (retrying: connection refused), after 30 s");
  CHECK_EQ(relay.clock.Now().time_since_epoch(), std::chrono::seconds(30));
}

TEST_CASE("fence: a backend that the relay does not have is told") {
  Relay relay;
  relay.status.backends.pop_back();
  CHECK_EQ(relay.fence.Here().error().message(),
           "the running relay has no backend b: reload its configuration");
}

TEST_CASE("fence: points on hold and refused ones are told as reasons") {
  Relay relay;
  relay.status.backends[0].figures.held.points = 3;
  relay.status.backends[0].figures.dead = 2;
  const auto reasons = ReasonsForGaps(relay.status, "a");
  REQUIRE_EQ(reasons.size(), 2);
  CHECK_EQ(reasons[0], "3 points are on hold for a");
  CHECK_EQ(reasons[1], "a has refused 2 points: `influxdb-relay dead list --backend a`");
  CHECK(ReasonsForGaps(relay.status, "b").empty());
}

}  // namespace
}  // namespace relay::test::unit_relay_compare_relay_fence_test
