#include "relay/status/relay_status.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "relay/base/counters.h"
#include "relay/status/ledger_json.h"
#include "relay/status/metrics.h"

namespace relay::test::relay_status_relay_status_test {
namespace {

RelayStatus Example() {
  BackendStatus west;
  west.name = "west";
  west.state = "held";
  west.why = "the database does not exist on the backend";
  west.last_answer = "HTTP 404: database not found";
  west.since = WallTime(std::chrono::seconds(900));
  west.figures.marks = {Sequence(1), Sequence(5), Sequence(12)};
  west.figures.accepted = {120, 12'000_B, 6'000_B};
  west.figures.owed = {70, 7'000_B, 3'500_B};
  west.figures.kept = {40, 4'000_B, 2'000_B};
  west.figures.held = {3, 300_B, 150_B};
  west.figures.held_records = 1;
  west.figures.oldest_owed = WallTime(std::chrono::seconds(880));
  west.figures.oldest_kept = WallTime(std::chrono::seconds(400));
  west.figures.delivered = 45;
  west.figures.dead = 5;
  west.figures.dead_by_reason[DeadReason::kRefused] = 4;
  west.figures.dead_by_reason[DeadReason::kLimit] = 1;
  west.figures.dead_letters = 2;
  west.figures.dead_bytes = 1_KiB;
  west.figures.dead_letters_removed = 1;
  west.figures.dead_removed = 2;
  west.figures.dropped = 7;
  west.figures.gaps = 1;
  west.figures.rewound = 10;
  west.remedy = "create the database";
  west.lanes = {{.held = {.lane = {"metrics", "week"},
                          .records = 1,
                          .size = {3, 300_B, 0_B},
                          .first = Sequence(4),
                          .last = Sequence(4),
                          .oldest = WallTime(std::chrono::seconds(870)),
                          .by_operator = false},
                 .why = "retention policy not found",
                 .remedy = "create it"}};
  west.flow = Flow{.points_in = 10, .points_out = 17, .stored_in = 100, .owed_growth = 50};
  BackendStatus east;
  east.name = "east";
  east.state = "caught up";
  return {
      .version = "9.9",
      .now = WallTime(std::chrono::seconds(1000)),
      .running = true,
      .log_path = "/data",
      .log_failure = "",
      .log_alarms = {},
      .disk = {.used = 1_MiB, .max = 2_MiB, .free = 1_GiB, .min_free = 0_B, .dead_max = 100_KiB},
      .backends = {east, west}};
}

TEST_CASE("status: JSON holds every figure and comes back as it was") {
  const std::string json = ToJson(Example());
  const RelayStatus back = StatusFromJson(json).value();
  CHECK_EQ(ToJson(back), json);
  CHECK_EQ(ToTable(back), ToTable(Example()));
  CHECK_EQ(back.backends[1].lanes.at(0).held.lane.retention_policy, "week");
  CHECK(!StatusFromJson("{}").ok());
  CHECK(!StatusFromJson("no JSON").ok());
}

TEST_CASE("status: JSON with marks out of order is refused") {
  std::string json = ToJson(Example());
  json.replace(json.find("\"head\":12"), 9, "\"head\":2");
  CHECK(!StatusFromJson(json).ok());
}

TEST_CASE("status: the table has a row per backend and says what is wrong and the last answer") {
  CHECK_EQ(ToTable(Example()),
           "BACKEND  STATE      CURSOR  HEAD  LAG  POINTS    BYTES  OLDEST  IN/s  OUT/s  DRAINED  "
           "HELD  DEAD  DROPPED  REWIND\n"
           "east     caught up       0     0    0       0      0 B       -     -      -        -  "
           "   0     0        0       -\n"
           "west     held            5    12    7      70  6.8 KiB   2m00s    10     17     5.0s  "
           "   3     5        7  10m00s\n"
           "\n"
           "log: 1.0 MiB of 2.0 MiB used; dead letters 1.0 KiB of 100.0 KiB; full in 5h49m; room "
           "for an outage of 2h54m\n"
           "accounts: 0 points unaccounted for\n"
           "\n"
           "west: the database does not exist on the backend\n"
           "west: last answer: HTTP 404: database not found\n"
           "west: to do: create the database\n"
           "west: metrics.week is on hold: 3 points, 300 B; retention policy not found; "
           "to do: create it\n"
           "west: 2 dead letters, 1.0 KiB (4 refused, 1 beyond a limit): influxdb-relay dead list "
           "--backend west\n"
           "west: 1 dead letters of 2 points were removed, beyond log.dead_letters: influxdb-relay "
           "gaps --backend west\n"
           "west: 1 gaps, 7 points: influxdb-relay gaps --backend west\n");
}

std::string FirstLine(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

TEST_CASE("status: in a narrow terminal the least telling figures are left out") {
  CHECK_EQ(FirstLine(ToTable(Example(), 80)),
           "BACKEND  STATE      POINTS    BYTES  OLDEST  IN/s  OUT/s  DRAINED  HELD  DEAD");
  CHECK_EQ(FirstLine(ToTable(Example(), 30)), "BACKEND  STATE      OLDEST");
  CHECK_EQ(FirstLine(ToTable(Example(), 1)), "BACKEND  STATE");
  CHECK_EQ(ToTable(Example(), 200), ToTable(Example()));
}

TEST_CASE("status: words of a backend cannot disturb a terminal") {
  RelayStatus status = Example();
  status.backends[1].last_answer = "HTTP 500: \x1b[2J\nbye";
  CHECK(ToTable(status).find("west: last answer: HTTP 500:  [2J bye\n") != std::string::npos);
}

TEST_CASE("status: a backend is ready that takes writes and is not too far behind") {
  BackendStatus backend = Example().backends[1];
  const WallTime now = Example().now;
  CHECK_EQ(WhyNotReady(backend, now, {.max_lag = std::chrono::hours(1)}),
           "held: the database does not exist on the backend");
  backend.takes_writes = true;
  CHECK_EQ(WhyNotReady(backend, now, {.max_lag = std::chrono::seconds(120)}), "");
  CHECK_EQ(WhyNotReady(backend, now, {.max_lag = std::chrono::milliseconds(119'999)}),
           "2m00s behind, more than 1m59s");
}

TEST_CASE("status: points on hold keep the queries of their own database away") {
  BackendStatus backend = Example().backends[1];
  backend.takes_writes = true;
  const WallTime now = Example().now;
  const auto why = [&](std::chrono::milliseconds max_lag, const std::string& database) {
    return WhyNotReady(backend, now, {max_lag, database});
  };
  CHECK_EQ(why(std::chrono::milliseconds(129'999), "metrics"),
           "metrics.week is on hold, with 3 points: retention policy not found");
  CHECK_EQ(why(std::chrono::seconds(130), "metrics"), "");
  CHECK_EQ(why(std::chrono::milliseconds(129'999), "other"), "");
}

TEST_CASE("status: unaccounted points are called a bug") {
  RelayStatus status = Example();
  status.backends[1].figures.delivered -= 1;
  CHECK(ToTable(status).find("1 points are unaccounted for: this is a bug") != std::string::npos);
}

TEST_CASE("metrics: the figures of status under the names of the design") {
  const std::string text = ToMetrics(Example(), Counters());
  for (const char* line : {
           "influxdb_relay_backend_pending_records{backend=\"west\"} 7\n",
           "influxdb_relay_backend_pending_points{backend=\"west\"} 70\n",
           "influxdb_relay_backend_cursor{backend=\"west\"} 5\n",
           "influxdb_relay_backend_head{backend=\"west\"} 12\n",
           "influxdb_relay_backend_takes_writes{backend=\"west\"} 0\n",
           "influxdb_relay_backend_pending_bytes{backend=\"west\"} 7000\n",
           "influxdb_relay_backend_oldest_pending_seconds{backend=\"west\"} 120\n",
           "influxdb_relay_backend_oldest_pending_seconds{backend=\"east\"} 0\n",
           "influxdb_relay_backend_delivered_points_total{backend=\"west\"} 45\n",
           "influxdb_relay_backend_drain_eta_seconds{backend=\"west\"} 5\n",
           "influxdb_relay_backend_kept_seconds{backend=\"west\"} 600\n",
           "influxdb_relay_backend_held_lanes{backend=\"west\"} 1\n",
           "influxdb_relay_backend_dead_points_by_reason_total{backend=\"west\",reason=\"limit\"} "
           "1\n",
           "influxdb_relay_log_full_eta_seconds 20971\n",
           "influxdb_relay_log_outage_tolerance_seconds 10485\n",
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

TEST_CASE("status: damage to the log is said, and counted") {
  RelayStatus status = Example();
  status.log_alarms = {"records 1 to 2 are gone"};
  CHECK(ToTable(status).find("\nlog: records 1 to 2 are gone\n") != std::string::npos);
  CHECK_EQ(StatusFromJson(ToJson(status)).value().log_alarms, status.log_alarms);
  CHECK(ToMetrics(status, Counters()).find("influxdb_relay_log_alarms 1\n") != std::string::npos);
}

TEST_CASE("metrics: a histogram's buckets add up, each within the next") {
  RelayStatus status = Example();
  status.sync_times.counts[0] = 3;
  status.sync_times.counts[2] = 4;
  status.sync_times.counts.back() = 1;
  status.sync_times.sum = std::chrono::milliseconds(1'500);
  const std::string text = ToMetrics(status, Counters());
  for (const char* line : {
           "# TYPE influxdb_relay_sync_seconds histogram\n",
           "influxdb_relay_sync_seconds_bucket{le=\"0.0001\"} 3\n",
           "influxdb_relay_sync_seconds_bucket{le=\"0.00025\"} 3\n",
           "influxdb_relay_sync_seconds_bucket{le=\"0.0005\"} 7\n",
           "influxdb_relay_sync_seconds_bucket{le=\"60\"} 7\n",
           "influxdb_relay_sync_seconds_bucket{le=\"+Inf\"} 8\n",
           "influxdb_relay_sync_seconds_sum 1.5\n",
           "influxdb_relay_sync_seconds_count 8\n",
           "influxdb_relay_backend_send_seconds_count{backend=\"west\"} 0\n",
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

TEST_CASE("ledger json: a letter is the same alone and in a list, and says why") {
  const StoredDeadLetter stored{
      .number = 7,
      .letter = {.sequence = Sequence(3), .points = 2, .message = "full", .lines = "m v=1"}};
  const nlohmann::json one = nlohmann::json::parse(LetterJson(stored));
  CHECK_EQ(one, nlohmann::json::parse(LettersJson({stored})).at("letters").at(0));
  CHECK_EQ(one.at("number"), 7);
  CHECK_EQ(one.at("reason"), WordFor(stored.letter.reason));
}

TEST_CASE("ledger json: a gap is the same alone and in a list") {
  const StoredGap stored{.number = 4, .gap = {.first = Sequence(3), .last = Sequence(5)}};
  const nlohmann::json one = nlohmann::json::parse(GapJson(stored));
  CHECK_EQ(one, nlohmann::json::parse(GapsJson({stored})).at("gaps").at(0));
  CHECK_EQ(one.at("first"), 3);
  CHECK_EQ(one.at("last"), 5);
}

}  // namespace
}  // namespace relay::test::relay_status_relay_status_test
