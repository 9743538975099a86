// A server that goes away for a while and comes back: the purpose of the relay.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/load_clients.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/two_servers.h"

namespace relay::test::integration_delivery_outage_test {
namespace {

constexpr milliseconds kAway{10'000};

PointCount Owed(const RelayProcess& relay, const std::string& backend) {
  return StatusOf(relay, backend).figures.owed.points;
}

PointCount CheckOwesMore(const BackendStatus& status, PointCount before) {
  CHECK_GT(status.figures.owed.points, before);
  CHECK_GT(status.figures.marks.lag(), 0);
  CHECK_EQ(status.state, "retrying");
  CHECK_FALSE(status.why.empty());
  return status.figures.owed.points;
}

// Checks the lag every second while the server is away.
void CheckLagGrows(const RelayProcess& relay, const std::string& backend) {
  PointCount owed = Owed(relay, backend);
  for (const Deadline back(kAway); !back.passed();) {
    Eventually(milliseconds{1'000}, [] { return false; });
    // Writers may stall for a while if the disk does.
    REQUIRE(Eventually(kPatience, [&] { return Owed(relay, backend) > owed; }));
    owed = CheckOwesMore(StatusOf(relay, backend), owed);
  }
}

void CheckNothingOwed(const BackendStatus& status) {
  CHECK_EQ(status.figures.marks.lag(), 0);
  CHECK_EQ(status.figures.owed.points, 0);
  CHECK_EQ(status.figures.delivered, status.figures.accepted.points);
  CHECK_EQ(status.figures.dead, 0);
  CHECK_EQ(status.figures.unaccounted(), 0);
}

TEST_CASE("outage: a server that was away ends up with everything acknowledged, like the other") {
  TwoServers both;
  Writers writers({.relay = both.relay.endpoint(), .pause = milliseconds{5}});
  REQUIRE(writers.WaitForMore(200));

  both.a.Kill();
  CheckLagGrows(both.relay, "a");
  CHECK_LT(Owed(both.relay, "b"), Owed(both.relay, "a") / 2);
  both.a.Start();
  REQUIRE(writers.WaitForMore(200));  // The backlog drains meanwhile.
  writers.Stop();
  REQUIRE(both.relay.WaitDrained(milliseconds{60'000}));

  CHECK_EQ(writers.unanswered(), 0);
  CHECK_GT(writers.OverwrittenCount(), 100);
  const std::vector<StoredPoint> points = both.a.ReadPoints("metrics", "load");
  CHECK_EQ(points.size(), writers.PointCount());
  CHECK_EQ(writers.Differences(points), "");
  CHECK(points == both.b.ReadPoints("metrics", "load"));
  CheckNothingOwed(StatusOf(both.relay, "a"));
  CheckNothingOwed(StatusOf(both.relay, "b"));
}

}  // namespace
}  // namespace relay::test::integration_delivery_outage_test
