// Two servers behind one relay, compared: equal, with planted differences, under load, and where it
// cannot be told.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/load_clients.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/two_servers.h"
#include "tests/support/process/victoria_metrics.h"
#include "tests/support/seed.h"

namespace relay::test::integration_operators_compare_test {
namespace {

using nlohmann::json;

constexpr std::int64_t kStart = 1'700'000'000'000'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

RunResult Compare(const RelayProcess& relay, std::vector<std::string> arguments = {}) {
  std::vector<std::string> argv = {RelayBinary(), "compare",  "a",
                                   "b",           "--config", relay.config_path()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return Run(argv);
}

json CompareAsJson(const RelayProcess& relay, int exit_code,
                   std::vector<std::string> arguments = {}) {
  arguments.emplace_back("--json");
  const RunResult run = Compare(relay, std::move(arguments));
  INFO(run.output);
  CHECK_EQ(run.exit_code, exit_code);
  return json::parse(run.output, nullptr, false);
}

// Writes past the relay.
void WriteTo(const Influxd& server, const std::string& lines, const std::string& more = "") {
  REQUIRE_EQ(Post(server.endpoint(), "/write?db=metrics" + more, lines).status, 204);
}

// Returns lines of `series` series with `times` points each, of all types.
std::string Lines(int series, int times) {
  std::string lines;
  for (int time = 0; time < times; ++time) {
    for (int i = 0; i < series; ++i) {
      lines += fmt::format("cpu,host=h{},rack=r\\ {} f={},n={}i,t={},s=\"v{}\" {}\n", i, i % 3,
                           i + time / 7.0, time, time % 2 == 0, i, kStart + time * kSecond);
    }
  }
  return lines;
}

// Two servers with the same points.
struct Filled : TwoServers {
  explicit Filled(int series = 20, int times = 200) {
    REQUIRE_EQ(relay.Write("metrics", Lines(series, times)).status, 204);
    REQUIRE_EQ(relay.Write("metrics", "mem,host=a used=1i 5\nmem used=2i -7\n").status, 204);
  }
};

TEST_CASE("compare: two servers that got the same through the relay are equal") {
  const Filled servers;
  const RunResult run = Compare(servers.relay);
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
  CHECK_NE(run.output.find("equal: a and b, 4002 points of 2 measurements before "),
           std::string::npos);
  CHECK_NE(run.output.find("metrics.autogen.cpu"), std::string::npos);
  const json report = CompareAsJson(servers.relay, 0);
  CHECK_EQ(report.at("result"), "equal");
  CHECK_EQ(report.at("measurements").at(0).at("points_a"), 4000);
  CHECK_EQ(report.at("measurements").at(0).at("points_b"), 4000);
}

TEST_CASE("compare: every kind of planted difference is found, and nothing else") {
  std::mt19937_64 random(PrintedSeed());
  Filled servers(50, 2'000);
  REQUIRE(servers.relay.WaitDrained());
  std::set<std::string> planted;
  const auto plant = [&](const std::string& kind, const std::string& tags, std::int64_t time) {
    planted.insert(fmt::format("{} {} {}", kind, tags, time));
  };
  const auto time_of = [&](int time) { return kStart + time * kSecond; };
  const int first = static_cast<int>(random() % 300);
  // A point that b lacks: deleted there.
  servers.b.Query("metrics",
                  fmt::format("DELETE FROM cpu WHERE host='h7' AND time = {}", time_of(first)));
  plant("only_a", "host=h7,rack=r 1", time_of(first));
  // A point that a lacks, at the time of others.
  WriteTo(servers.b, fmt::format("cpu,host=h7,rack=r\\ 9 f=1 {}\n", time_of(first + 1)));
  plant("only_b", "host=h7,rack=r 9", time_of(first + 1));
  // A value that differs in its last bit, and an integer by one.
  WriteTo(servers.b, fmt::format("cpu,host=h8,rack=r\\ 2 f={} {}\n",
                                 std::nextafter(8 + 400 / 7.0, 100), time_of(400)));
  plant("other_values", "host=h8,rack=r 2", time_of(400));
  WriteTo(servers.a, fmt::format("cpu,host=h8,rack=r\\ 2 n=500i {}\n", time_of(501)));
  plant("other_values", "host=h8,rack=r 2", time_of(501));
  // A later overwrite of a string and of a boolean.
  WriteTo(servers.b, fmt::format("cpu,host=h9,rack=r\\ 0 s=\"w\",t=false {}\n", time_of(1'600)));
  plant("other_values", "host=h9,rack=r 0", time_of(1'600));
  // A field more.
  WriteTo(servers.a, fmt::format("cpu,host=h9,rack=r\\ 0 more=1 {}\n", time_of(1'999)));
  plant("other_values", "host=h9,rack=r 0", time_of(1'999));
  // A series more, with an old and a new point.
  WriteTo(servers.a, fmt::format("mem,host=b used=1i 5\nmem,host=b used=1i {}\n", kStart));
  plant("only_a", "host=b", 5);
  plant("only_a", "host=b", kStart);

  const json report = CompareAsJson(servers.relay, 1);
  CHECK_EQ(report.at("result"), "different");
  std::set<std::string> found;
  for (const json& point : report.at("differences")) {
    found.insert(fmt::format("{} {} {}", point.at("kind").get<std::string>(),
                             point.at("tags").get<std::string>(),
                             point.at("time_ns").get<std::int64_t>()));
  }
  CHECK(found == planted);
  CHECK_EQ(report.at("points_differing"), planted.size());

  const RunResult text = Compare(servers.relay, {"--measurement", "mem", "--limit", "1"});
  INFO(text.output);
  CHECK_EQ(text.exit_code, 1);
  CHECK_NE(text.output.find("only on a: metrics.autogen.mem,host=b used=1i 5 "), std::string::npos);
  CHECK_NE(text.output.find("1 more points differ"), std::string::npos);
  CHECK_EQ(
      Compare(servers.relay, {"--from", "2023-11-14T22:39:00Z", "--to", "2023-11-14T22:39:50Z"})
          .exit_code,
      0);
}

TEST_CASE("compare: a field with another type in another week is compared there too") {
  Filled servers(1, 1);
  const std::string week_before = fmt::format("{}", kStart - 8 * 86'400 * kSecond);
  for (const Influxd* server : {&servers.a, &servers.b}) {
    WriteTo(*server, "cpu,host=x f=\"text\" " + week_before);
  }
  CHECK_EQ(CompareAsJson(servers.relay, 0).at("result"), "equal");
  WriteTo(servers.b, "cpu,host=x f=\"other\" " + week_before);
  const json report = CompareAsJson(servers.relay, 1);
  CHECK_EQ(report.at("differences").at(0).at("values").at(0).at("b"), "\"other\"");
}

TEST_CASE("compare: names that need quotes, and a tag named like a field") {
  TwoServers servers;
  const std::string database = "my 'db'";
  servers.a.CreateDatabase(database);
  servers.b.CreateDatabase(database);
  const std::string lines =
      "a\\ \"b\\,\\c,f=x,\"t\"=y f=1,\"q\"=2i 5\n"
      "/m/,host=\xc3\xa9 v=true 5\n";
  REQUIRE_EQ(servers.relay.Write(database, lines).status, 204);
  const json report = CompareAsJson(servers.relay, 0);
  CHECK_EQ(report.at("measurements").size(), 2);
  const HttpAnswer past = Post(servers.b.endpoint(), "/write?db=" + PercentEncode(database),
                               "a\\ \"b\\,\\c,f=x,\"t\"=y f=2 5\n");
  REQUIRE_EQ(past.status, 204);
  CHECK_EQ(CompareAsJson(servers.relay, 1).at("points_differing"), 1);
}

TEST_CASE("compare: each policy is compared, also with fields that the default one lacks") {
  TwoServers servers;
  for (const Influxd* server : {&servers.a, &servers.b}) {
    server->Query("metrics",
                  "CREATE RETENTION POLICY \"a week\" ON metrics DURATION 1w REPLICATION 1");
    server->Query("metrics", "CREATE RETENTION POLICY ever ON metrics DURATION INF REPLICATION 1");
  }
  REQUIRE_EQ(servers.relay.Write("metrics", "m f=1 5\n", "rp=ever").status, 204);
  REQUIRE_EQ(servers.relay.Write("metrics", "m g=\"x\"\n", "rp=a%20week").status, 204);
  json report = CompareAsJson(servers.relay, 0);
  CHECK_EQ(report.at("measurements").size(), 2);
  CHECK_EQ(report.at("notes").size(), 1);  // The week's limit.
  WriteTo(servers.a, "m h=true 6", "&rp=ever");
  report = CompareAsJson(servers.relay, 1);
  CHECK_EQ(report.at("differences").at(0).at("retention_policy"), "ever");
}

TEST_CASE("compare: under writers that also overwrite, it is equal; a difference is still found") {
  Filled servers;
  Writers writers({.relay = servers.relay.endpoint(), .writers = 4, .pause = milliseconds{2}});
  REQUIRE(writers.WaitForMore(50));
  for (int i = 0; i < 5; ++i) CHECK_EQ(CompareAsJson(servers.relay, 0).at("result"), "equal");
  // The writers' times are old: points arrive below the bound all the while.
  CHECK_GT(CompareAsJson(servers.relay, 0, {"--measurement", "load"})
               .at("measurements")
               .at(0)
               .at("points_a"),
           50);
  servers.b.Query("metrics", fmt::format("DELETE FROM cpu WHERE host='h7' AND time = {}", kStart));
  const json report = CompareAsJson(servers.relay, 1);
  CHECK_EQ(report.at("points_differing"), 1);
  CHECK_EQ(report.at("differences").at(0).at("tags"), "host=h7,rack=r 1");
  CHECK(writers.WaitForMore(20));
  writers.Stop();
}

TEST_CASE("compare: a few values that are overwritten all the time are no difference") {
  Filled servers(2, 10);
  const std::jthread writer([&](const std::stop_token& stop) {
    for (std::uint64_t n = 0; !stop.stop_requested(); ++n) {
      servers.relay.Write("metrics", fmt::format("cpu,host=h0,rack=r\\ 0 n={}i {}\n", n, kStart));
    }
  });
  for (int i = 0; i < 10; ++i) {
    CHECK_EQ(CompareAsJson(servers.relay, 0).at("result"), "equal");
  }
}

TEST_CASE("compare: a backend that is behind is waited for; one that stays away is named") {
  Filled servers(2, 10);
  REQUIRE(servers.relay.WaitDrained());
  servers.b.Freeze();
  REQUIRE_EQ(servers.relay.Write("metrics", "cpu,host=late f=1 5\n").status, 204);
  const RunResult away = Compare(servers.relay, {"--patience", "1"});
  INFO(away.output);
  CHECK_EQ(away.exit_code, 2);
  CHECK_NE(away.output.find("could not tell: b is owed 1 records up to position"),
           std::string::npos);
  const std::jthread thaws([&servers] { servers.b.Thaw(); });
  CHECK_EQ(CompareAsJson(servers.relay, 0).at("result"), "equal");
}

TEST_CASE("compare: a server that goes away in the middle gives no result") {
  Filled servers(100, 1'000);
  REQUIRE(servers.relay.WaitDrained());
  Process compare(Program{.argv = {RelayBinary(), "compare", "a", "b", "--config",
                                   servers.relay.config_path(), "--json", "--rate", "20000/s"},
                          .output_path = servers.relay_directory.File("out")});
  // It is in the middle while b has a query.
  REQUIRE(Eventually(kPatience, [&servers] {
    return servers.b.Query("", "SHOW QUERIES").find("SELECT *") != std::string::npos;
  }));
  servers.b.Kill();
  CHECK_EQ(compare.WaitFor(kPatience), 2);
  const json report = json::parse(compare.Output(), nullptr, false);
  CHECK_EQ(report.at("result"), "unknown");
  CHECK_EQ(report.at("reason").get<std::string>().substr(0, 3), "b: ");
  CHECK(report.at("measurements").empty());
}

TEST_CASE("compare: bad input has exit code 2 and a clear word") {
  const Filled servers(1, 1);
  const auto check = [&](const std::vector<std::string>& arguments, const std::string& word) {
    std::vector<std::string> argv = {RelayBinary(), "compare", "--config",
                                     servers.relay.config_path()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const RunResult run = Run(argv);
    INFO(run.output);
    CHECK_EQ(run.exit_code, 2);
    CHECK_NE(run.output.find(word), std::string::npos);
  };
  check({"a", "a"}, "a is compared with itself");
  check({"a", "c"}, "no backend c is configured");
  check({"a"}, "B is required");
  check({"a", "b", "--measurement", "/c.*/"}, "takes a name, not a regular expression");
  check({"a", "b", "--measurement", "none"}, "neither a nor b has a measurement none");
  check({"a", "b", "--database", "none"}, "neither a nor b has a database none");
  check({"a", "b", "--from", "12"}, "--from: '12' is not a time: expected 2026-11-23T20:15:00Z");
  check({"a", "b", "--to", "soon"}, "--to: 'soon' is not a time: expected 2026-11-23T20:15:00Z");
  check({"a", "b", "--rate", "fast"}, "'fast' is not a rate: expected points per second");
  check({"a", "b", "--from", "-1h", "--to", "-2h"}, "ends before it begins");
}

TEST_CASE("compare: a database, a policy and a measurement that one lacks are differences") {
  Filled servers(1, 1);
  servers.a.CreateDatabase("other");
  CHECK_EQ(CompareAsJson(servers.relay, 0).at("notes").at(0),
           "database other has no points, and is missing on b");
  REQUIRE_EQ(Post(servers.a.endpoint(), "/write?db=other", "m f=1 5").status, 204);
  json report = CompareAsJson(servers.relay, 1);
  CHECK_EQ(report.at("missing").at(0), "database other is missing on b");
  servers.a.Query("", "DROP DATABASE other");
  servers.b.Query("", "CREATE RETENTION POLICY week ON metrics DURATION INF REPLICATION 1");
  WriteTo(servers.b, "m f=1 5", "&rp=week");
  report = CompareAsJson(servers.relay, 1);
  CHECK_EQ(report.at("missing").at(0), "policy metrics.week is missing on a");
  servers.b.Query("metrics", "DROP RETENTION POLICY week ON metrics");
  WriteTo(servers.b, "extra f=1 5");
  report = CompareAsJson(servers.relay, 1);
  CHECK_EQ(report.at("differences").at(0).at("measurement"), "extra");
  CHECK_EQ(report.at("points_differing"), 1);
}

TEST_CASE("compare: without the permission to read, or without a relay, it cannot be told") {
  const TempDir a_directory;
  const TempDir b_directory;
  Influxd a(a_directory.path());
  Influxd b(b_directory.path(), "auth-enabled = true\n");
  a.CreateDatabase("metrics");
  for (const char* statement :
       {"CREATE USER admin WITH PASSWORD 'x' WITH ALL PRIVILEGES", "CREATE DATABASE metrics",
        "CREATE USER writer WITH PASSWORD 'w'", "GRANT WRITE ON metrics TO writer"}) {
    Post(b.endpoint(), "/query?u=admin&p=x&q=" + PercentEncode(statement), "");
  }
  const TempDir directory;
  WriteFile(directory.File("password"), "w\n");
  RelayProcess relay(
      directory.path(),
      {.backends = {
           {"a", a.Url()},
           {"b", b.Url(), {"username: writer", "password_file: " + directory.File("password")}}}});
  REQUIRE_EQ(relay.Write("metrics", "m f=1 5\n").status, 204);
  const RunResult refused = Compare(relay);
  INFO(refused.output);
  CHECK_EQ(refused.exit_code, 2);
  CHECK_NE(refused.output.find("could not tell: b: answered 403"), std::string::npos);
  Post(b.endpoint(), "/query?u=admin&p=x&q=" + PercentEncode("GRANT ALL ON metrics TO writer"), "");
  CHECK_EQ(Compare(relay).exit_code, 0);
  relay.Stop();
  const RunResult none = Compare(relay);
  CHECK_EQ(none.exit_code, 2);
  CHECK_NE(none.output.find("no relay answers at"), std::string::npos);
  CHECK_NE(none.output.find("--no-fence"), std::string::npos);
  CHECK_EQ(Compare(relay, {"--no-fence"}).exit_code, 0);
}

TEST_CASE("compare: an InfluxDB with a VictoriaMetrics, as far as that can store the points") {
  const TempDir a_directory;
  const TempDir b_directory;
  const TempDir directory;
  Influxd a(a_directory.path());
  const VictoriaMetrics b(b_directory.path());
  a.CreateDatabase("metrics");
  RelayProcess relay(directory.path(), {.backends = {{"a", a.Url()}, {"b", b.Url()}}});
  std::string lines;
  for (int i = 0; i < 2'000; ++i) {
    lines += fmt::format("cpu,host=h{},q=\"\xc3\xa9 f={},n={}i,t=true,s=\"x\" {}\n", i % 7,
                         1e5 / (i + 1), i, kStart + i * kSecond + 123'456);
  }
  REQUIRE_EQ(relay.Write("metrics", lines).status, 204);
  json report = CompareAsJson(relay, 0);
  CHECK_EQ(report.at("measurements").at(0).at("points_a"), 6'000);  // Values without the strings.
  CHECK_EQ(report.at("measurements").at(0).at("points_b"), 6'000);
  CHECK_EQ(report.at("measurements").at(0).at("values_ignored"), 2'000);

  WriteTo(a, fmt::format("cpu,host=h9 f=1 {}\n", kStart));
  a.Query("metrics", fmt::format("DELETE FROM cpu WHERE time = {}", kStart + kSecond + 123'456));
  REQUIRE_EQ(Post(b.endpoint(), "/write?db=metrics", fmt::format("other f=1 {}\n", kStart)).status,
             204);
  report = CompareAsJson(relay, 1);
  CHECK_EQ(report.at("points_differing"), 2);
  CHECK_EQ(report.at("differences").at(0).at("kind"), "only_a");
  CHECK_EQ(report.at("differences").at(0).at("tags"), "host=h9");
  CHECK_EQ(report.at("differences").at(1).at("kind"), "only_b");
  CHECK_EQ(report.at("differences").at(1).at("values").size(), 3);
  CHECK_EQ(report.at("missing").at(0), "b has a metric other_f in metrics, which is no field of a");
}

}  // namespace
}  // namespace relay::test::integration_operators_compare_test
