#include "relay/status.h"

#include <doctest/doctest.h>

#include "relay/counters.h"
#include "relay/metrics.h"

namespace relay::test {
namespace {

RelayStatus Example() {
  BackendStatus west;
  west.name = "west";
  west.state = "held";
  west.why = "the database does not exist there";
  west.last_answer = "HTTP 404: database not found";
  west.since = WallTime(std::chrono::seconds(900));
  west.figures.marks = {Sequence(1), Sequence(5), Sequence(12)};
  west.figures.accepted = {120, 12'000_B};
  west.figures.owed = {70, 7'000_B};
  west.figures.oldest_owed = WallTime(std::chrono::seconds(880));
  west.figures.delivered = 45;
  west.figures.dead = 5;
  BackendStatus east;
  east.name = "east";
  east.state = "caught up";
  return {.version = "9.9",
          .now = WallTime(std::chrono::seconds(1000)),
          .running = true,
          .log_path = "/data",
          .log_failure = "",
          .log_alarms = {},
          .backends = {east, west}};
}

TEST_CASE("status: JSON holds every figure and comes back as it was") {
  const std::string json = ToJson(Example());
  const RelayStatus back = StatusFromJson(json).value();
  CHECK_EQ(ToJson(back), json);
  CHECK_EQ(ToTable(back), ToTable(Example()));
  CHECK(!StatusFromJson("{}").ok());
  CHECK(!StatusFromJson("no JSON").ok());
}

TEST_CASE("status: the table has a row per backend and says what is wrong and the last answer") {
  CHECK_EQ(ToTable(Example()),
           "BACKEND  STATE      CURSOR  HEAD  LAG  POINTS    BYTES  OLDEST  DEAD\n"
           "east     caught up       0     0    0       0      0 B       -     0\n"
           "west     held            5    12    7      70  6.8 KiB   2m00s     5\n"
           "\n"
           "west: the database does not exist there\n"
           "west: last answer: HTTP 404: database not found\n");
}

TEST_CASE("status: damage to the log is said, and counted") {
  RelayStatus status = Example();
  status.log_alarms = {"records 1 to 2 are gone"};
  CHECK(ToTable(status).find("\nlog: records 1 to 2 are gone\n") != std::string::npos);
  CHECK_EQ(StatusFromJson(ToJson(status)).value().log_alarms, status.log_alarms);
  CHECK(ToMetrics(status, Counters()).find("influxdb_relay_log_alarms 1\n") != std::string::npos);
}

TEST_CASE("status: points that are not accounted for are shouted about") {
  RelayStatus status = Example();
  status.backends[1].figures.delivered = 44;
  CHECK(ToTable(status).find("1 points are unaccounted for: this is a bug") != std::string::npos);
}

TEST_CASE("metrics: the figures of status under the names of the design") {
  const std::string text = ToMetrics(Example(), Counters());
  for (const char* line : {
           "influxdb_relay_backend_pending_records{backend=\"west\"} 7\n",
           "influxdb_relay_backend_pending_points{backend=\"west\"} 70\n",
           "influxdb_relay_backend_pending_bytes{backend=\"west\"} 7000\n",
           "influxdb_relay_backend_oldest_pending_seconds{backend=\"west\"} 120\n",
           "influxdb_relay_backend_oldest_pending_seconds{backend=\"east\"} 0\n",
           "influxdb_relay_backend_delivered_points_total{backend=\"west\"} 45\n",
           "influxdb_relay_backend_dead_points_total{backend=\"west\"} 5\n",
           "influxdb_relay_backend_unaccounted_points{backend=\"west\"} 0\n",
           "influxdb_relay_backend_state{backend=\"west\",state=\"held\"} 1\n",
           "influxdb_relay_backend_state{backend=\"west\",state=\"retrying\"} 0\n",
           "influxdb_relay_build_info{version=\"9.9\"} 1\n",
       }) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  }
}

TEST_CASE("time: is shown as RFC 3339, with nanoseconds where there are some") {
  CHECK_EQ(ToRfc3339(WallTime(std::chrono::seconds(1'700'000'000))), "2023-11-14T22:13:20Z");
  CHECK_EQ(ToRfc3339(WallTime(std::chrono::nanoseconds(1'700'000'000'000'000'042))),
           "2023-11-14T22:13:20.000000042Z");
}

}  // namespace
}  // namespace relay::test
