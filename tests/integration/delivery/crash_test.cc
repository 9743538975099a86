// The relay is killed again and again while clients write: RELAY_KILLS says how often.
#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <random>
#include <vector>

#include "tests/support/process/load_clients.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/two_servers.h"
#include "tests/support/seed.h"

namespace relay::test::integration_delivery_crash_test {
namespace {

constexpr int kKills = 50;  // Unless RELAY_KILLS is given.
// One in this many kills is followed by one in the middle of the next start.
constexpr int kStartKillEvery = 5;
constexpr unsigned kRunningMax = 120;  // Milliseconds between two kills, under load.
constexpr unsigned kStartingMax = 40;

using Random = std::mt19937_64;

milliseconds Moment(Random& random, unsigned max) {
  return milliseconds{static_cast<int>(random() % max)};
}

void KillWhileStarting(const RelayProcess& relay, milliseconds moment) {
  Process starting({.argv = {RelayBinary(), "serve", "--config", relay.config_path()},
                    .output_path = relay.log_path() + ".killed-start"});
  CHECK_FALSE(starting.WaitFor(moment));
}

void KillAndStart(RelayProcess& relay, Random& random, bool twice) {
  REQUIRE_FALSE(relay.process().WaitFor(Moment(random, kRunningMax)));
  relay.Kill();
  if (twice) KillWhileStarting(relay, Moment(random, kStartingMax));
  relay.Start();
}

void CheckAllDelivered(const BackendStatus& status, std::size_t acknowledged) {
  CHECK_EQ(status.figures.unaccounted(), 0);
  CHECK_EQ(status.figures.delivered, status.figures.accepted.points);
  CHECK_GE(status.figures.accepted.points, acknowledged);
  CHECK_EQ(status.figures.dead, 0);
}

TEST_CASE("crash: what was acknowledged survives 50 kills at random moments") {
  const char* const wanted = std::getenv("RELAY_KILLS");
  const int kills = wanted == nullptr ? kKills : std::atoi(wanted);
  const std::uint64_t seed = PrintedSeed();
  Random random(seed);
  TwoServers both;
  Writers writers({.relay = both.relay.endpoint(), .seed = seed});
  for (int kill = 0; kill < kills; ++kill) {
    REQUIRE(writers.WaitForMore(1));
    KillAndStart(both.relay, random, kill % kStartKillEvery == 0);
  }
  REQUIRE(writers.WaitForMore(1));
  writers.Stop();
  REQUIRE(both.relay.WaitDrained(milliseconds{60'000}));

  const std::vector<StoredPoint> points = both.a.ReadPoints("metrics", "load");
  CHECK_EQ(writers.Differences(points), "");
  CHECK(points == both.b.ReadPoints("metrics", "load"));
  CheckAllDelivered(StatusOf(both.relay, "a"), writers.PointCount());
  CheckAllDelivered(StatusOf(both.relay, "b"), writers.PointCount());
  MESSAGE(writers.PointCount(), " points acknowledged, ", writers.unanswered(),
          " requests cut off");
}

}  // namespace
}  // namespace relay::test::integration_delivery_crash_test
