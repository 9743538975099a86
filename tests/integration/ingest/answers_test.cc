// Real servers' error responses, and a worker's reaction to each: those rows of
// the verdict's table that can be produced here.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "replay/transport/http_transport.h"
#include "replay/transport/verdict.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/victoria_metrics.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_answers_test {
namespace {

// One write as a worker sends it.
struct Attempt {
  std::string lines = "m v=1 1\n";
  std::string database = "metrics";
  std::string retention_policy = {};
  Api api = Api::kV1;
  std::string path_prefix = {};
  std::string username = {};
  std::string password_path = {};
  milliseconds timeout{10'000};
};

struct Outcome {
  Verdict verdict;
  int status = 0;  // 0: no answer.
  std::string words;
};

Outcome Judged(const HostPort& server, const Attempt& attempt) {
  HttpTransportOptions options;
  options.peer = {.host = server.host, .port = server.port};
  options.target = {.api = attempt.api, .path_prefix = attempt.path_prefix};
  options.timeout = attempt.timeout;
  options.credentials.username = attempt.username;
  if (!attempt.username.empty()) {
    options.credentials.password = SecretSource::FromFile(attempt.password_path);
  }
  const Result<Reply> reply = MakeHttpTransport(options)->Send(
      {{.database = attempt.database, .retention_policy = attempt.retention_policy},
       attempt.lines});
  const Verdict verdict = Judge(reply, WallTime{});
  if (!reply.ok()) return {verdict, 0, reply.error().message()};
  return {verdict, reply.value().http_status, reply.value().body};
}

void CheckOutcome(const Outcome& outcome, int status, Action action, const std::string& words) {
  CAPTURE(outcome.words);
  CHECK_EQ(outcome.status, status);
  CHECK_EQ(static_cast<int>(outcome.verdict.action), static_cast<int>(action));
  CHECK_NE(outcome.words.find(words), std::string::npos);
}

struct Server {
  explicit Server(const std::string& http_settings = "", std::vector<std::string> environment = {})
      : influxd(directory.path(), http_settings, std::move(environment)) {
    influxd.CreateDatabase("metrics");
  }
  Outcome operator()(const Attempt& attempt) const { return Judged(influxd.endpoint(), attempt); }

  TempDir directory;
  Influxd influxd;
};

TEST_CASE("answers: influxd takes valid writes") {
  const Server server;
  CheckOutcome(server({}), 204, Action::kDelivered, "");
  CheckOutcome(server({.lines = ""}), 204, Action::kDelivered, "");
}

TEST_CASE("answers: a missing database holds its lane, a wrong set-up the backend") {
  const Server server;
  const Outcome database = server({.database = "absent"});
  CheckOutcome(database, 404, Action::kHold, "database not found");
  CHECK(ConcernsLane(database.verdict.cause));
  CHECK(MayCreate(database.verdict.cause));
  const Outcome policy = server({.retention_policy = "absent"});
  CheckOutcome(policy, 500, Action::kHold, "retention policy not found");
  CHECK(ConcernsLane(policy.verdict.cause));
  const Outcome nameless = server({.database = ""});
  CheckOutcome(nameless, 400, Action::kHold, "database is required");
  const Outcome path = server({.path_prefix = "/elsewhere"});
  CheckOutcome(path, 404, Action::kHold, "404 page not found");
  CHECK_FALSE(ConcernsLane(path.verdict.cause));
  // 1.6 does not know the v2 and v3 API.
  CheckOutcome(server({.api = Api::kV2}), 404, Action::kHold, "404 page not found");
  CheckOutcome(server({.api = Api::kV3}), 404, Action::kHold, "404 page not found");
}

TEST_CASE("answers: influxd's partial writes say how many points they dropped") {
  const Server server;
  REQUIRE_EQ(server({}).status, 204);
  const Outcome conflict = server({.lines = "m v=\"text\" 2\nm v=2 3\nm v=\"text\" 4\n"});
  CheckOutcome(conflict, 400, Action::kPartial, "partial write: field type conflict");
  CHECK_EQ(conflict.verdict.dropped.value_or(0), 2);
  CHECK_EQ(server.influxd.CountPoints("metrics", "m", "v"), 2);

  server.influxd.Query("", "CREATE RETENTION POLICY hour ON metrics DURATION 1h REPLICATION 1");
  const Outcome expired = server({.retention_policy = "hour"});
  CheckOutcome(expired, 400, Action::kPartial, "points beyond retention policy");
  CHECK(expired.verdict.reason == DeadReason::kExpired);
  CHECK_EQ(expired.verdict.dropped.value_or(0), 1);
}

TEST_CASE("answers: influxd stores nothing of a body that it cannot parse at all") {
  const Server server;
  CheckOutcome(server({.lines = "garbage\n"}), 400, Action::kSplit, "unable to parse");
  // It stores the good lines of a mixed body.
  const Outcome mixed = server({.lines = "m v=1 1\ngarbage\n"});
  CheckOutcome(mixed, 400, Action::kPartial, "partial write: unable to parse");
  CHECK_EQ(server.influxd.CountPoints("metrics", "m", "v"), 1);
}

TEST_CASE("answers: influxd's limits on series and values") {
  const Server series("", {"INFLUXDB_DATA_MAX_SERIES_PER_DATABASE=1"});
  const Outcome too_many = series({.lines = "m,t=a v=1 1\nm,t=b v=1 1\n"});
  CheckOutcome(too_many, 400, Action::kPartial, "max-series-per-database");
  CHECK(too_many.verdict.reason == DeadReason::kLimit);

  const Server values("", {"INFLUXDB_DATA_MAX_VALUES_PER_TAG=1"});
  REQUIRE_EQ(values({.lines = "m,t=a v=1 1\n"}).status, 204);
  const Outcome too_varied = values({.lines = "m,t=b v=1 1\n"});
  CheckOutcome(too_varied, 400, Action::kPartial, "max-values-per-tag");
  CHECK(too_varied.verdict.reason == DeadReason::kLimit);
}

TEST_CASE("answers: a body that is too large for influxd is sent in smaller ones") {
  const Server server("max-body-size = 1024\n");
  const Outcome outcome = server({.lines = "m v=1 1\n" + std::string(2'000, '#') + "\n"});
  CheckOutcome(outcome, 413, Action::kSplit, "");
  CHECK(outcome.verdict.cause == Cause::kTooLarge);
}

TEST_CASE("answers: an influxd whose cache is full is left alone for a while") {
  const Server server("", {"INFLUXDB_DATA_CACHE_MAX_MEMORY_SIZE=2000",
                           "INFLUXDB_DATA_CACHE_SNAPSHOT_MEMORY_SIZE=1000000"});
  std::string lines;
  for (int i = 1; i <= 500; ++i) lines += fmt::format("m v={} {}\n", i, i);
  const Outcome outcome = server({.lines = lines});
  CheckOutcome(outcome, 500, Action::kRetry, "cache-max-memory-size exceeded");
  CHECK(Rests(outcome.verdict.cause));
}

TEST_CASE("answers: influxd's refusal of the credentials holds the backend") {
  const TempDir secrets;
  WriteFile(secrets.File("right"), "right\n");
  WriteFile(secrets.File("wrong"), "wrong\n");
  TempDir directory;
  const Influxd influxd(directory.path(), "auth-enabled = true\n");
  const auto as = [&](const std::string& user, const std::string& password) {
    return Judged(influxd.endpoint(), {.username = user, .password_path = secrets.File(password)});
  };
  influxd.Query("", "CREATE USER root WITH PASSWORD 'right' WITH ALL PRIVILEGES");
  const RunResult set_up =
      Run({"curl", "-sS", "-u", "root:right", "--data-urlencode",
           "q=CREATE DATABASE metrics; CREATE USER reader WITH PASSWORD 'right'; "
           "GRANT READ ON metrics TO reader",
           influxd.Url() + "/query"});
  REQUIRE_EQ(set_up.output.find("error"), std::string::npos);
  CheckOutcome(as("root", "right"), 204, Action::kDelivered, "");
  for (const Outcome& refused :
       {Judged(influxd.endpoint(), {}), as("root", "wrong"), as("nobody", "right")}) {
    CheckOutcome(refused, 401, Action::kHold, "");
    CHECK_FALSE(ConcernsLane(refused.verdict.cause));
  }
  CheckOutcome(as("reader", "right"), 403, Action::kHold, "not authorized to write to database");
}

TEST_CASE("answers: an influxd that hangs or is gone has not answered") {
  Server server;
  server.influxd.Freeze();
  CheckOutcome(server({.timeout = milliseconds{300}}), 0, Action::kRetry,
               "no answer within 300 ms");
  server.influxd.Thaw();
  server.influxd.Kill();
  CheckOutcome(server({}), 0, Action::kRetry, "connection refused");
}

TEST_CASE("answers: VictoriaMetrics takes v1 and v2, and holds on a wrong path") {
  const TempDir directory;
  const VictoriaMetrics victoria(directory.path());
  CheckOutcome(Judged(victoria.endpoint(), {}), 204, Action::kDelivered, "");
  CheckOutcome(Judged(victoria.endpoint(), {.api = Api::kV2}), 204, Action::kDelivered, "");
  const Outcome path = Judged(victoria.endpoint(), {.path_prefix = "/elsewhere"});
  CheckOutcome(path, 400, Action::kHold, "unsupported path requested");
  CHECK_FALSE(ConcernsLane(path.verdict.cause));
}

// ---- Points through the relay

constexpr int kPoints = 500;
constexpr std::int64_t kFirstSecond = 1'700'000'000;

std::vector<StoredPoint> Expected() {
  std::vector<StoredPoint> points;
  for (int i = 0; i < kPoints; ++i) {
    points.push_back({(kFirstSecond + i) * 1'000'000'000, fmt::format("host=h{}", i % 7),
                      fmt::format("v={}", i)});
  }
  return points;
}

TEST_CASE("answers: one write stream is the same points in influxd and in VictoriaMetrics") {
  const TempDir directory;
  const TempDir influxd_directory;
  const TempDir v1_directory;
  const TempDir v2_directory;
  Influxd influxd(influxd_directory.path());
  influxd.CreateDatabase("metrics");
  const VictoriaMetrics v1(v1_directory.path());
  const VictoriaMetrics v2(v2_directory.path());
  const RelayProcess relay(directory.path(), {.backends = {{"influx", influxd.Url()},
                                                           {"vm-v1", v1.Url(), {"compress: gzip"}},
                                                           {"vm-v2", v2.Url(), {"api: v2"}}}});
  for (int i = 0; i < kPoints; ++i) {
    const std::string line = fmt::format("m,host=h{} v={} {}\n", i % 7, i, kFirstSecond + i);
    REQUIRE_EQ(relay.Write("metrics", line, "precision=s").status, 204);
  }
  REQUIRE(relay.WaitDrained());
  CHECK(influxd.ReadPoints("metrics", "m") == Expected());
  CHECK(v1.ReadPoints("metrics", "m", "v") == Expected());
  CHECK(v2.ReadPoints("", "m", "v") == Expected());
}

TEST_CASE("answers: minutes and hours are the same instants at a v2 backend") {
  const TempDir directory;
  const TempDir v2_directory;
  const VictoriaMetrics v2(v2_directory.path());
  const RelayProcess relay(directory.path(), {.backends = {{"vm", v2.Url(), {"api: v2"}}}});
  REQUIRE_EQ(relay.Write("metrics", "m v=1 28333333\n", "precision=m").status, 204);
  REQUIRE_EQ(relay.Write("metrics", "m v=2 472222\n", "precision=h").status, 204);
  REQUIRE(relay.WaitDrained());
  const std::vector<StoredPoint> expected = {{1'699'999'200'000'000'000, "", "v=2"},
                                             {1'699'999'980'000'000'000, "", "v=1"}};
  CHECK(v2.ReadPoints("", "m", "v") == expected);
}

}  // namespace
}  // namespace relay::test::integration_ingest_answers_test
