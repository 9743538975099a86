// A wall clock that is set while the relay runs, forward and back, during an outage: what load
// balancers, operators and monitoring are told.
#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/places.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_stepping_clock_test {
namespace {

using namespace std::chrono_literals;

// See stepping_clock.cc.
class WallClock {
 public:
  explicit WallClock(std::string path) : path_(std::move(path)) { SetAhead(0s); }

  // Sets how far it is ahead of the machine's; in place, since the relay has mapped the file.
  void SetAhead(std::chrono::nanoseconds ahead) {
    const std::int64_t count = ahead.count();
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    if (!file) file.open(path_, std::ios::out | std::ios::binary);
    REQUIRE(file.write(reinterpret_cast<const char*>(&count), sizeof(count)));
  }

 private:
  std::string path_;
};

struct Site {
  TempDir directory;
  WallClock wall{directory.File("clock")};
  FakeBackend backend{[](const FakeRequest&) { return FakeAnswer{.status = 503}; }};
  RelayProcess relay{
      directory.path(),
      {.backends = {{"a", backend.Url()}},
       .environment = {"LD_PRELOAD=" + SteppingClock(), "RELAY_CLOCK=" + directory.File("clock")}}};

  int ReadyWithin(const std::string& max_lag) const {
    return Get(relay.admin(), "/api/v1/backends/a/ready?max_lag=" + max_lag).status;
  }
  double Age() const {
    const RelayStatus status = StatusFromJson(relay.Status()).value();
    return std::chrono::duration<double>(OldestOwedAge(status.backends.at(0), status.now)).count();
  }
};

TEST_CASE("stepping clock: a backend that is behind is not called ready, and its lag is right") {
  Site site;
  const Deadline whole(kPatience);
  site.wall.SetAhead(2h);
  REQUIRE_EQ(site.relay.Write("d", "m v=1 1\n").status, 204);
  REQUIRE(WaitForState(site.relay, "a", "retrying"));
  site.backend.Follow([](const FakeRequest&) { return FakeAnswer{.status = 429}; });
  REQUIRE(Eventually(kPatience, [&] { return site.Age() > 2.5; }));
  site.wall.SetAhead(0s);
  CHECK_GT(site.Age(), 2.5);
  CHECK_LT(site.Age(), 600);
  CHECK_EQ(site.ReadyWithin("2s"), 503);
  const std::string status = site.relay.Status();
  CHECK_NE(status.find("\"steps\":2"), std::string::npos);
  const RelayStatus seen = StatusFromJson(status).value();
  CHECK_LT(seen.now - *seen.backends.at(0).since, 10min);
  CHECK_GE(seen.now, *seen.backends.at(0).since);
  const std::string metrics = Get(site.relay.admin(), "/metrics").body;
  CHECK_NE(metrics.find("influxdb_relay_clock_steps_total 2\n"), std::string::npos);
  CHECK(Eventually(kPatience, [&] {
    return site.relay.Output().find("event=\"wall clock stepped\" by=\"-2h00m\"") !=
           std::string::npos;
  }));
}

TEST_CASE(
    "stepping clock: neither set forward nor at a start ahead does it delete anything early") {
  TempDir directory;
  WallClock wall(directory.File("clock"));
  FakeBackend taking;
  FakeBackend down{[](const FakeRequest&) { return FakeAnswer{.status = 503}; }};
  RelayProcess relay{
      directory.path(),
      {.backends = {{"a", taking.Url()}, {"b", down.Url(), {"max_age: 20s"}}},
       .log = {"keep_delivered: { for: 20s }"},
       .environment = {"LD_PRELOAD=" + SteppingClock(), "RELAY_CLOCK=" + directory.File("clock")}}};
  REQUIRE_EQ(relay.Write("d", "m v=1 1\n").status, 204);
  REQUIRE(Eventually(kPatience, [&] { return StatusOf(relay, "a").figures.delivered == 1; }));
  const auto all_there = [&] {
    return StatusOf(relay, "a").figures.kept.points == 1 &&
           StatusOf(relay, "b").figures.owed.points == 1;
  };
  wall.SetAhead(24h * 365);
  REQUIRE(Eventually(kPatience,
                     [&] { return relay.Status().find("\"steps\":1") != std::string::npos; }));
  CHECK(all_there());
  relay.Kill();
  wall.SetAhead(24h * 3650);
  relay.Start();
  REQUIRE(WaitForState(relay, "b", "retrying"));
  CHECK(all_there());
  wall.SetAhead(0s);
  CHECK(Eventually(kPatience, [&] {
    return StatusOf(relay, "a").figures.kept.points == 0 &&
           StatusOf(relay, "b").figures.dropped == 1;
  }));
}

TEST_CASE("stepping clock: after a restart a record from the future is as old as the relay") {
  Site site;
  site.wall.SetAhead(2h);
  REQUIRE_EQ(site.relay.Write("d", "m v=1 1\n").status, 204);
  site.relay.Kill();
  site.wall.SetAhead(0s);
  site.relay.Start();
  CHECK(Eventually(kPatience, [&] { return site.Age() > 1; }));
  CHECK_LT(site.Age(), 600);
}

}  // namespace
}  // namespace relay::test::integration_delivery_stepping_clock_test
