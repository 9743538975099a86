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
           "BACKEND  STATE      CURSOR  HEAD  LAG  UNDELIVERED    BYTES  OLDEST  IN/s  OUT/s  "
           "ETA  HELD  DEAD  DROPPED    KEPT\n"
           "east     caught up       0     0    0            0      0 B       -     -      -  "
           "  -     0     0        0       -\n"
           "west     held            5    12    7           73  7.1 KiB   2m10s    10     17  "
           "  -     3     2        7  10m00s\n"
           "\n"
           "log: 1.0 MiB of 2.0 MiB used; dead letters 1.0 KiB of 100.0 KiB; full in 5h49m; all "
           "backends can be down for 2h54m\n"
           "accounting: balanced\n"
           "\n"
           "west: the database does not exist on the backend\n"
           "west: last answer: HTTP 404: database not found\n"
           "west: fix: create the database\n"
           "west: metrics.week is on hold: 3 points, 300 B; retention policy not found; "
           "fix: create it\n"
           "west: 2 dead letters stored, 1.0 KiB; 5 points became dead letters so far (4 refused, "
           "1 beyond a limit): influxdb-relay dead list --backend west\n"
           "west: 1 dead letter removed so far, of 2 points, as beyond log.dead_letters: "
           "influxdb-relay gaps --backend west\n"
           "west: 1 gap, 7 points: influxdb-relay gaps --backend west\n");
}

std::string FirstLine(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

TEST_CASE("status: a disk that is smaller than log.max_size is named as the limit") {
  RelayStatus status = Example();
  status.disk = {.used = 41_MiB, .max = 64_GiB, .free = 11_MiB, .min_free = 4_MiB};
  status.backends[1].flow->owed_growth = 100'000;
  const std::string table = ToTable(status);
  CAPTURE(table);
  CHECK(table.find("\nlog: 41.0 MiB of 48.0 MiB used (the disk binds, not log.max_size: 11.0 MiB "
                   "free, log.min_free 4.0 MiB); dead letters") != std::string::npos);
  CHECK(table.find("; full in 1m13s; ") != std::string::npos);
  CHECK(table.find("\nlog: fix: bring back west, which takes 3.6 KiB of it, or skip what it "
                   "lacks; or free space on the disk of /data\n") != std::string::npos);
  const nlohmann::json log = nlohmann::json::parse(ToJson(status)).at("log");
  CHECK_EQ(log.at("limit"), "log.min_free");
  CHECK_EQ(log.at("capacity_bytes"), (48_MiB).count());
  CHECK(ToMetrics(status, Counters()).find("influxdb_relay_log_used_ratio 0.854166") !=
        std::string::npos);
}

TEST_CASE("status: a full log is called full, and what it does then") {
  RelayStatus status = Example();
  status.disk.used = status.disk.max;
  status.log_failure = "the log is full";
  std::string table = ToTable(status);
  CHECK(table.find("; FULL: refusing writes\nlog: fix: bring back west") != std::string::npos);
  CHECK(table.find("or raise log.max_size\n") != std::string::npos);
  status.log_failure.clear();
  table = ToTable(status);
  CHECK(table.find("; FULL: deleting the oldest records\n") != std::string::npos);
  // Records that every backend has go first.
  for (BackendStatus& backend : status.backends) backend.figures.kept.stored = 1_MiB;
  CHECK_EQ(ToTable(status).find("FULL"), std::string::npos);
}

TEST_CASE("status: dead letters that were dropped or redriven are told apart, and stored no more") {
  RelayStatus status = Example();
  status.backends[1].dead_letters_redriven = 1;
  status.backends[1].dead_letters_dropped = 2;
  status.backends[1].figures.dead_letters = 0;
  status.backends[1].figures.dead_bytes = 0_B;
  const std::string table = ToTable(status);
  CHECK_EQ(table.find("stored, "), std::string::npos);
  CHECK(table.find("\nwest: 1 dead letter redriven and 2 dropped by operators since the start\n") !=
        std::string::npos);
  CHECK_EQ(ToTable(StatusFromJson(ToJson(status)).value()), table);
  const std::string metrics = ToMetrics(status, Counters());
  for (const char* line : {
           "influxdb_relay_backend_dead_letters{backend=\"west\"} 0\n",
           "influxdb_relay_backend_dead_points_total{backend=\"west\"} 5\n",
           "influxdb_relay_backend_dead_letters_redriven_total{backend=\"west\"} 1\n",
           "influxdb_relay_backend_dead_letters_dropped_total{backend=\"west\"} 2\n",
       }) {
    CAPTURE(line);
    CHECK(metrics.find(line) != std::string::npos);
  }
  CHECK(table.find("  3     0        7  10m00s\n") != std::string::npos);
}

TEST_CASE("status: how long there was no progress is said") {
  RelayStatus status = Example();
  status.backends[1].stuck = true;
  CHECK(ToTable(status).find("\nwest: no progress for 1m40s\n") != std::string::npos);
}

TEST_CASE("status: in a narrow terminal the least telling figures are left out") {
  CHECK_EQ(FirstLine(ToTable(Example(), 80)),
           "BACKEND  STATE      UNDELIVERED    BYTES  OLDEST  IN/s  OUT/s  ETA  HELD  DEAD");
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
  backend.lanes.clear();
  CHECK_EQ(WhyNotReady(backend, now, {.max_lag = std::chrono::seconds(120)}), "");
  CHECK_EQ(WhyNotReady(backend, now, {.max_lag = std::chrono::milliseconds(119'999)}),
           "2m00s behind, more than 1m59s");
}

// A backend that lacks only points on hold: metrics, 130 s old.
BackendStatus HeldOnly() {
  BackendStatus backend = Example().backends[1];
  backend.takes_writes = true;
  backend.figures.owed = {};
  backend.figures.oldest_owed.reset();
  backend.figures.marks.cursor = backend.figures.marks.head;
  return backend;
}

TEST_CASE("status: points on hold are undelivered wherever a person looks") {
  RelayStatus status = Example();
  status.backends = {HeldOnly()};
  const BackendStatus& backend = status.backends[0];
  CHECK_EQ(UndeliveredPoints(backend), 3);
  CHECK(OldestUndeliveredAge(backend, status.now) == std::chrono::seconds(130));
  CHECK_FALSE(DrainEta(backend).has_value());
  const nlohmann::json json = nlohmann::json::parse(ToJson(status)).at("backends").at(0);
  CHECK_EQ(json.at("undelivered_points"), 3);
  CHECK_EQ(json.at("oldest_undelivered_seconds"), 130);
  CHECK(json.at("drain_eta_seconds").is_null());
  CHECK(ToTable(status).find("  3  300 B   2m10s") != std::string::npos);
  const std::string metrics = ToMetrics(status, Counters());
  for (const char* line : {
           "influxdb_relay_backend_undelivered_points{backend=\"west\"} 3\n",
           "influxdb_relay_backend_oldest_undelivered_seconds{backend=\"west\"} 130\n",
           "influxdb_relay_backend_drain_eta_seconds{backend=\"west\"} +Inf\n",
       }) {
    CAPTURE(line);
    CHECK(metrics.find(line) != std::string::npos);
  }
}

TEST_CASE("status: a backend is not caught up while points are on hold, whoever holds them") {
  CHECK_EQ(ShownState("caught up", HeldOnly().figures, false), "held");
  CHECK_EQ(ShownState("caught up", QueueStats(), false), "caught up");
  CHECK_EQ(ShownState("delivering", HeldOnly().figures, false), "delivering");
  CHECK_EQ(ShownState("delivering", HeldOnly().figures, true), "diverged");
  CHECK_EQ(ShownState("caught up", QueueStats(), true), "diverged");
  CHECK_EQ(ShownState("retrying", QueueStats(), true), "retrying");
}

TEST_CASE("status: when a backend will have caught up is said only while it is delivered to") {
  RelayStatus status = Example();
  BackendStatus& west = status.backends[1];
  west.takes_writes = true;
  west.lanes.clear();
  CHECK_EQ(ShownEta(west), "5.0s");
  west.flow->points_out = 1;
  CHECK_EQ(ShownEta(west), "not catching up");
  west.takes_writes = false;
  west.flow->points_out = 17;
  CHECK_FALSE(DrainEta(west).has_value());
  CHECK_EQ(ShownEta(west), "");
  west.flow->last_points_out = 7;
  CHECK_EQ(ShownEta(west), "after it is back: about 10.0s at its last rate");
  west.figures.paused = true;
  CHECK_EQ(ShownEta(west), "after it is resumed: about 10.0s at its last rate");
  CHECK(ToTable(status).find("\nwest: after it is resumed: about 10.0s at its last rate\n") !=
        std::string::npos);
  const nlohmann::json json = nlohmann::json::parse(ToJson(status)).at("backends").at(1);
  CHECK(json.at("drain_eta_seconds").is_null());
  CHECK_EQ(json.at("drain_seconds_at_last_rate"), 10);
  CHECK_EQ(ToTable(StatusFromJson(ToJson(status)).value()), ToTable(status));
}

// West diverged, and is delivered to; of east nothing is known.
RelayStatus Diverged() {
  RelayStatus status = Example();
  BackendStatus& west = status.backends[1];
  west.state = "diverged";
  west.takes_writes = true;
  west.watermarks = WatermarkReport{
      .watched = true,
      .lanes = 2,
      .newest = Sequence(4),
      .newest_at = WallTime(std::chrono::seconds(700)),
      .checked_at = WallTime(std::chrono::seconds(995)),
      .diverged = DivergenceReport{.kind = "put back",
                                   .since = WallTime(std::chrono::seconds(940)),
                                   .from = Sequence(4),
                                   .reason = "database \"metrics\" was put back",
                                   .remedy = "influxdb-relay rewind --backend west --to 4"}};
  status.backends[0].watermarks = WatermarkReport{.why = "watermarks: false"};
  return status;
}

TEST_CASE("status: a backend that diverged is not ready, whatever else is well, and says why") {
  const RelayStatus status = Diverged();
  CHECK_EQ(WhyNotReady(status.backends[1], status.now, {.max_lag = std::chrono::hours(1)}),
           "diverged: database \"metrics\" was put back");
  const std::string table = ToTable(status);
  CHECK_NE(table.find("\nwest: diverged for 1m00s: database \"metrics\" was put back\n"
                      "west: fix: influxdb-relay rewind --backend west --to 4\n"),
           std::string::npos);
  CHECK_NE(table.find("\nwatermarks: 1 of 2 backends watched; east is not: watermarks: false\n"),
           std::string::npos);
  const std::string metrics = ToMetrics(status, Counters());
  for (const std::string line :
       {"backend_diverged{backend=\"west\"} 1", "backend_diverged_seconds{backend=\"west\"} 60",
        "backend_watched{backend=\"west\"} 1", "backend_watched{backend=\"east\"} 0",
        "backend_diverged{backend=\"east\"} 0",
        "backend_state{backend=\"west\",state=\"diverged\"} 1"}) {
    CHECK_NE(metrics.find("\ninfluxdb_relay_" + line + "\n"), std::string::npos);
  }
}

TEST_CASE("status: JSON holds what the watermarks say; that of an earlier version has none") {
  const std::string json = ToJson(Diverged());
  const RelayStatus back = StatusFromJson(json).value();
  CHECK_EQ(ToJson(back), json);
  REQUIRE(IsDiverged(back.backends[1]));
  CHECK_EQ(back.backends[1].watermarks->diverged->from, Sequence(4));
  CHECK_FALSE(StatusFromJson(ToJson(Example())).value().backends[1].watermarks);
}

TEST_CASE("status: points on hold keep queries away, unless the asker says otherwise") {
  const BackendStatus backend = HeldOnly();
  const WallTime now = Example().now;
  CHECK_EQ(WhyNotReady(backend, now, {.max_lag = std::chrono::seconds(129)}),
           "metrics.week is on hold, with 3 points: retention policy not found");
  CHECK_EQ(WhyNotReady(backend, now, {.max_lag = std::chrono::seconds(130)}), "");
  CHECK_EQ(WhyNotReady(backend, now, {.max_lag = std::chrono::seconds(1), .ignores_held = true}),
           "");
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
  CHECK_EQ(why(std::chrono::milliseconds(129'999), "metric"), "");
  backend.lanes[0].held.lane.database = "metrics/";  // The name of a bucket that is kept whole.
  CHECK_NE(why(std::chrono::milliseconds(129'999), "metrics"), "");
  CHECK_NE(why(std::chrono::milliseconds(129'999), "metrics/"), "");
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
           "influxdb_relay_backend_drain_eta_seconds{backend=\"west\"} +Inf\n",
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

TEST_CASE("status: ages are never negative, whatever the clock says") {
  RelayStatus status = Example();
  status.now = WallTime(std::chrono::seconds(1));
  CHECK_EQ(ToTable(status).find("-9"), std::string::npos);
  CHECK_EQ(ToTable(status).find("-8"), std::string::npos);
  const std::string metrics = ToMetrics(status, Counters());
  CHECK(metrics.find("backend_kept_seconds{backend=\"west\"} 0\n") != std::string::npos);
  CHECK(metrics.find("backend_oldest_pending_seconds{backend=\"west\"} 0\n") != std::string::npos);
}

TEST_CASE("status: a clock that was set is said for a day, and counted") {
  RelayStatus status = Example();
  status.clock = ClockSteps{.count = 2,
                            .last_by = std::chrono::hours(-2),
                            .last_at = status.now - std::chrono::minutes(1)};
  const char* sentence =
      "\nclock: stepped by -2h00m 1m00s ago (2 times since the start); ages are not affected\n";
  CHECK(ToTable(status).find(sentence) != std::string::npos);
  CHECK_EQ(ToTable(StatusFromJson(ToJson(status)).value()), ToTable(status));
  const std::string metrics = ToMetrics(status, Counters());
  CHECK(metrics.find("influxdb_relay_clock_steps_total 2\n") != std::string::npos);
  CHECK(metrics.find("influxdb_relay_clock_last_step_seconds -7200\n") != std::string::npos);
  status.now += std::chrono::hours(24);
  CHECK_EQ(ToTable(status).find("clock:"), std::string::npos);
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
