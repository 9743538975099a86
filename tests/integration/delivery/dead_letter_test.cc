// Lines that a real server refuses: for good (a dead letter), or until somebody
// sets it up (held).
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_dead_letter_test {
namespace {

using nlohmann::json;

constexpr milliseconds kDrain{60'000};  // After an outage, the next try may be 10 s away.

struct OneServer {
  TempDir server_directory;
  TempDir relay_directory;
  Influxd server{server_directory.path()};
  RelayProcess relay{relay_directory.path(), {.backends = {{"a", server.Url()}}}};

  void Write(const std::string& lines, const std::string& parameters = "") const {
    REQUIRE_EQ(relay.Write("metrics", lines, parameters).status, 204);
  }
  bool HoldsFor(const std::string& why) const {
    return WaitForState(relay, "a", "held") &&
           StatusOf(relay, "a").why.find(why) != std::string::npos;
  }
};

// One JSON object a line.
std::vector<json> DeadLetters(const RelayProcess& relay) {
  const RunResult run = Run({RelayBinary(), "inspect", "--config", relay.config_path(), "--backend",
                             "a", "--dead", "--json"});
  CHECK_EQ(run.exit_code, 0);
  std::vector<json> letters;
  for (std::size_t at = 0; at < run.output.size(); at = run.output.find('\n', at) + 1) {
    letters.push_back(json::parse(run.output.substr(at, run.output.find('\n', at) - at)));
  }
  return letters;
}

std::string Line(int value) {
  return fmt::format("m v={} {}\n", value, value);
}

// Returns how many writes the server was asked for.
std::uint64_t WritesOf(const Influxd& server) {
  const json variables = json::parse(Get(server.endpoint(), "/debug/vars").body);
  for (const auto& [name, value] : variables.items()) {
    if (name.starts_with("httpd")) return value.at("values").at("writeReq").get<std::uint64_t>();
  }
  return 0;
}

// Writes points of four series that the server has and of four more in turn, beyond its limit.
void CheckBeyondLimit(const std::string& limit) {
  constexpr int kPoints = 4'000;
  TempDir server_directory;
  TempDir relay_directory;
  Influxd server(server_directory.path(), "", {limit});
  server.CreateDatabase("metrics");
  RelayProcess relay(relay_directory.path(),
                     {.backends = {{"a", server.Url(), {"watermarks: false"}}}});
  std::string known;
  for (int i = 0; i < 4; ++i) known += fmt::format("m,host=h{} v=0 1\n", 2 * i + 1);
  REQUIRE_EQ(relay.Write("metrics", known).status, 204);
  REQUIRE(relay.WaitDrained(kDrain));
  std::string lines;
  for (int i = 0; i < kPoints; ++i) lines += fmt::format("m,host=h{} v={} {}\n", i % 8, i, i + 2);
  const std::uint64_t before = WritesOf(server);
  REQUIRE_EQ(relay.Write("metrics", lines).status, 204);
  REQUIRE(relay.WaitDrained(kDrain));
  CHECK_EQ(server.CountPoints("metrics", "m", "v"), 4 + kPoints / 2);
  CHECK_EQ(StatusOf(relay, "a").figures.dead, kPoints / 2);
  CHECK_GT(WritesOf(server), before);
  CHECK_LE(WritesOf(server) - before, 1 + 2 * 8);
}

std::vector<StoredPoint> PointsUpTo(int last) {
  std::vector<StoredPoint> points;
  for (int i = 1; i <= last; ++i) points.push_back({i, "", fmt::format("v={}", i)});
  return points;
}

TEST_CASE("dead letters: new series beyond a server's limits are told from known ones by series") {
  CheckBeyondLimit("INFLUXDB_DATA_MAX_VALUES_PER_TAG=4");
  CheckBeyondLimit("INFLUXDB_DATA_MAX_SERIES_PER_DATABASE=4");
}

TEST_CASE("dead letter: a type conflict in a backlog is set aside, all around it arrives") {
  OneServer one;
  one.server.CreateDatabase("metrics");
  one.Write(Line(1));  // Makes v a float in that database.
  REQUIRE(one.relay.WaitDrained());
  one.server.Kill();
  for (int i = 2; i <= 20; i += 2) one.Write(Line(i) + Line(i + 1));
  one.Write(Line(22) + "m v=\"text\" 1000\n" + Line(23));
  for (int i = 24; i <= 40; i += 2) one.Write(Line(i) + Line(i + 1));
  one.server.Start();
  REQUIRE(one.relay.WaitDrained(kDrain));

  CHECK_EQ(one.server.ReadPoints("metrics", "m"), PointsUpTo(41));
  const std::vector<json> letters = DeadLetters(one.relay);
  REQUIRE_EQ(letters.size(), 1);
  const json& letter = letters.front();
  CHECK_EQ(letter.at("lines"), "m v=\"text\" 1000\n");
  CHECK_EQ(letter.at("sequence"), 12);
  CHECK_EQ(letter.at("first_line"), 2);
  CHECK_EQ(letter.at("status"), 400);
  CHECK_EQ(letter.at("reason"), "refused");
  CHECK_EQ(letter.at("database"), "metrics");
  CHECK_NE(
      letter.at("message").get<std::string>().find("partial write: field type conflict: input "
                                                   "field \\\"v\\\" on measurement \\\"m\\\" is "
                                                   "type string, already exists as type float"),
      std::string::npos);

  const QueueStats figures = StatusOf(one.relay, "a").figures;
  CHECK_EQ(figures.marks.cursor, figures.marks.head);
  CHECK_EQ(figures.dead, 1);
  CHECK_EQ(figures.delivered, 41);
  CHECK_EQ(figures.unaccounted(), 0);
}

TEST_CASE("dead letter: no point of a database that does not exist yet is lost or set aside") {
  const OneServer one;
  one.Write(Line(1));
  one.Write(Line(2));
  REQUIRE(one.HoldsFor("the database does not exist on the backend"));
  const BackendStatus held = StatusOf(one.relay, "a");
  CHECK_NE(held.last_answer.find("database not found"), std::string::npos);
  CHECK_EQ(held.figures.owed.points + held.figures.held.points, 2);

  one.server.Query("", "CREATE DATABASE metrics");
  REQUIRE(one.relay.WaitDrained(kDrain));
  CHECK_EQ(one.server.ReadPoints("metrics", "m"), PointsUpTo(2));
  CHECK(WaitForState(one.relay, "a", "caught up"));
  CHECK(StatusOf(one.relay, "a").why.empty());
  CHECK(DeadLetters(one.relay).empty());
}

TEST_CASE("dead letter: no point of a policy that does not exist yet is lost or set aside") {
  OneServer one;
  one.server.CreateDatabase("metrics");
  one.Write(Line(1), "rp=week");
  one.Write(Line(2), "rp=week");
  REQUIRE(one.HoldsFor("the retention policy does not exist on the backend"));
  CHECK_NE(StatusOf(one.relay, "a").last_answer.find("retention policy not found"),
           std::string::npos);

  one.server.Query("", "CREATE RETENTION POLICY week ON metrics DURATION INF REPLICATION 1");
  REQUIRE(one.relay.WaitDrained(kDrain));
  CHECK_EQ(one.server.ReadPoints("metrics", R"("week"."m")"), PointsUpTo(2));
  CHECK(one.server.ReadPoints("metrics", "m").empty());
  CHECK(DeadLetters(one.relay).empty());
}

}  // namespace
}  // namespace relay::test::integration_delivery_dead_letter_test
