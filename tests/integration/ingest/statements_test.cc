// Statements sent to /query, among the writes: a server that was away ends up
// as one that got everything directly.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/support/process/influxd.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_statements_test {
namespace {

constexpr milliseconds kDrain{60'000};

// Sends the same to a relay and to a server.
struct Both {
  TempDir server_directory;
  TempDir reference_directory;
  TempDir relay_directory;
  Influxd server{server_directory.path()};
  Influxd reference{reference_directory.path()};
  RelayProcess relay{relay_directory.path(),
                     {.backends = {{"a", server.Url()}}, .http = {"log_statements: true"}}};

  HttpAnswer ToRelay(const std::string& statement) const {
    return Post(relay.endpoint(), "/query?db=metrics", "q=" + PercentEncode(statement),
                {.headers = {{"content-type", "application/x-www-form-urlencoded"}}});
  }
  void Say(const std::string& statement) const {
    CAPTURE(statement);
    const HttpAnswer answer = ToRelay(statement);
    CHECK_EQ(answer.status, 200);
    CHECK_EQ(answer.body, "{\"results\":[{\"statement_id\":0}]}\n");
    CHECK_EQ(reference.Query("metrics", statement).find("error"), std::string::npos);
  }
  void Write(const std::string& lines, const std::string& policy = "") const {
    const std::string parameters = policy.empty() ? "" : "rp=" + policy;
    CHECK_EQ(relay.Write("metrics", lines, parameters).status, 204);
    const std::string target = "/write?db=metrics&" + parameters;
    CHECK_EQ(Post(reference.endpoint(), target, lines).status, 204);
  }
  void CheckEqual(const std::string& query) const {
    CAPTURE(query);
    CHECK_EQ(server.Query("metrics", query), reference.Query("metrics", query));
  }
};

TEST_CASE(
    "statements: a server that was away is set up, filled and cleared in the order of asking") {
  Both both;
  both.server.Kill();
  both.Say("CREATE DATABASE metrics");
  both.Say("CREATE RETENTION POLICY \"week\" ON metrics DURATION INF REPLICATION 1");
  for (int i = 1; i <= 10; ++i) {
    both.Write(fmt::format("m,host=h{} v={} {}\n", i % 3, i, i));
    both.Write(fmt::format("w,host=h{} v={} {}\n", i % 3, i, i), "week");
    both.Write(fmt::format("gone v={} {}\n", i, i));
  }
  both.Say("DELETE FROM m WHERE time <= 3 AND host = 'h1'");
  both.Say("DROP MEASUREMENT gone");
  both.Say("DROP SERIES FROM w WHERE host != 'h2'");
  both.Write("gone v=11 11\nm,host=h1 v=12 1\n");
  both.Say("ALTER RETENTION POLICY week ON metrics DURATION 52w SHARD DURATION 1w DEFAULT");
  both.Say("CREATE DATABASE brief WITH DURATION 2d REPLICATION 1 SHARD DURATION 1h NAME \"short\"");
  both.Say("DROP RETENTION POLICY \"short\" ON brief");
  both.Say("CREATE DATABASE nothing");
  both.Say("DROP DATABASE nothing");
  both.server.Start();
  REQUIRE(both.relay.WaitDrained(kDrain));

  for (const char* query :
       {"SHOW DATABASES", "SHOW RETENTION POLICIES ON metrics", "SHOW RETENTION POLICIES ON brief",
        "SELECT * FROM autogen.m GROUP BY *", "SELECT * FROM week.w GROUP BY *",
        "SELECT * FROM autogen.gone", "SHOW SERIES"}) {
    both.CheckEqual(query);
  }
  CHECK_EQ(StatusOf(both.relay, "a").figures.dead, 0);
  CHECK_EQ(StatusOf(both.relay, "a").figures.unaccounted(), 0);
}

TEST_CASE("statements: one that is not safe to replay is refused and has no effect") {
  const Both both;
  for (const char* statement : {"DELETE FROM m WHERE time < now() - 1h", "SELECT * INTO a FROM b",
                                "DROP USER root", "CREATE USER u WITH PASSWORD 'hunter2'"}) {
    CAPTURE(statement);
    const HttpAnswer answer = both.ToRelay(statement);
    CHECK_EQ(answer.status, 400);
    CHECK_EQ(answer.body.find("hunter2"), std::string::npos);
  }
  CHECK_EQ(StatusOf(both.relay, "a").figures.accepted.points, 0);
}

TEST_CASE("statements: one that a server refuses for good is a dead letter, the rest goes on") {
  const Both both;
  for (const char* statement :
       {"CREATE DATABASE metrics", "CREATE RETENTION POLICY p ON metrics DURATION 1d REPLICATION 1",
        "CREATE RETENTION POLICY p ON metrics DURATION 2d REPLICATION 1"}) {
    CHECK_EQ(both.ToRelay(statement).status, 200);
  }
  CHECK_EQ(both.relay.Write("metrics", "m v=1 1\n").status, 204);
  REQUIRE(both.relay.WaitDrained(kDrain));
  CHECK_EQ(both.server.CountPoints("metrics", "m", "v"), 1);
  CHECK_EQ(StatusOf(both.relay, "a").figures.dead, 1);
}

}  // namespace
}  // namespace relay::test::integration_ingest_statements_test
