#include "relay/status/health_check.h"

#include <doctest/doctest.h>

#include <functional>

namespace relay::test::relay_status_health_check_test {
namespace {

using namespace std::chrono_literals;

RelayStatus Well() {
  BackendStatus west;
  west.name = "west";
  west.state = "caught up";
  west.takes_writes = true;
  return {.now = WallTime(1000s),
          .running = true,
          .disk = {.used = 1_MiB, .max = 10_MiB, .free = 1_GiB, .min_free = 0_B},
          .backends = {west}};
}

HealthReport After(const std::function<void(RelayStatus&, BackendStatus&)>& change) {
  RelayStatus status = Well();
  change(status, status.backends[0]);
  return CheckHealth(status, 5min);
}

TEST_CASE("health check: a relay that is well is OK, with figures") {
  const HealthReport report = CheckHealth(Well(), 5min);
  CHECK(report.health == Health::kOk);
  CHECK_EQ(report.line,
           "OK: no backend of 1 is more than 5m00s behind | west_lag=0.0s west_undelivered=0");
}

TEST_CASE("health check: a backend that lacks points older than max_lag is critical") {
  const auto owing = [](auto age) {
    return After([age](RelayStatus& status, BackendStatus& west) {
      west.figures.accepted.points = 7;
      west.figures.owed.points = 7;
      west.figures.oldest_owed = status.now - age;
    });
  };
  CHECK(owing(300s).health == Health::kOk);
  const HealthReport report = owing(301s);
  CHECK(report.health == Health::kCritical);
  CHECK_EQ(report.line,
           "CRITICAL: west: 5m01s behind, more than 5m00s, 7 points undelivered | west_lag=301.0s "
           "west_undelivered=7");
}

TEST_CASE("health check: points on hold count, whoever holds them") {
  const auto holding = [](auto age) {
    return After([age](RelayStatus& status, BackendStatus& west) {
      west.figures.accepted.points = 3;
      west.figures.held.points = 3;
      west.lanes.push_back({.held = {.size = {3, 0_B, 0_B}, .oldest = status.now - age}});
    });
  };
  CHECK(holding(10s).health == Health::kWarning);
  CHECK_EQ(holding(10s).line.substr(0, 31), "WARNING: west: 3 points on hold");
  CHECK(holding(301s).health == Health::kCritical);
}

TEST_CASE("health check: what an operator should look at is a warning") {
  CHECK(After([](RelayStatus&, BackendStatus& west) { west.takes_writes = false; }).health ==
        Health::kWarning);
  CHECK(After([](RelayStatus&, BackendStatus& west) { west.figures.dead_letters = 1; }).health ==
        Health::kWarning);
  CHECK(After([](RelayStatus& status, BackendStatus&) {
          status.log_alarms = {"records 1 to 2 are gone"};
        }).health == Health::kWarning);
  CHECK(After([](RelayStatus& status, BackendStatus&) {
          status.configuration_failure = "bad";
        }).health == Health::kWarning);
  CHECK(After([](RelayStatus& status, BackendStatus&) { status.disk.used = 8_MiB; }).health ==
        Health::kWarning);
}

TEST_CASE("health check: a backend that lacks what it acknowledged is critical") {
  const HealthReport report = After([](RelayStatus& status, BackendStatus& west) {
    west.watermarks = WatermarkReport{
        .watched = true,
        .diverged = DivergenceReport{.kind = "emptied", .since = status.now, .reason = "emptied"}};
  });
  CHECK(report.health == Health::kCritical);
  CHECK_NE(report.line.find("west: diverged: emptied"), std::string::npos);
}

TEST_CASE("health check: a log that refuses writes, or soon will, is critical and comes first") {
  const HealthReport full = After([](RelayStatus& status, BackendStatus& west) {
    west.takes_writes = false;
    west.state = "retrying";
    status.disk.used = 10_MiB;
    status.log_failure = "the log is full";
  });
  CHECK(full.health == Health::kCritical);
  CHECK_EQ(full.line.substr(0, full.line.find(" |")),
           "CRITICAL: writes are refused: the log is full; the log is 100% full (log.max_size); "
           "west: retrying");
  CHECK(After([](RelayStatus&, BackendStatus& west) { west.figures.dropped = 1; }).health ==
        Health::kCritical);
}

}  // namespace
}  // namespace relay::test::relay_status_health_check_test
