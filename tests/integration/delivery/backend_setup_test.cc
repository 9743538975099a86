// Backends whose configuration changes while they are owed records: another
// password, another address behind the same name.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_backend_setup_test {
namespace {

std::string AsRoot(const Influxd& server, const std::string& password, const std::string& query) {
  return Run({"curl", "-sS", "-u", "root:" + password, "--data-urlencode", "q=" + query,
              server.Url() + "/query?db=metrics"})
      .output;
}

TEST_CASE("set-up: a password that is changed at influxd is read again, nothing is lost by it") {
  const TempDir server_directory;
  const TempDir relay_directory;
  const TempDir secrets;
  WriteFile(secrets.File("password"), "old\n");
  const Influxd server(server_directory.path(), "auth-enabled = true\n");
  server.Query("", "CREATE USER root WITH PASSWORD 'old' WITH ALL PRIVILEGES");
  AsRoot(server, "old", "CREATE DATABASE metrics");
  const RelayProcess relay(
      relay_directory.path(),
      {.backends = {
           {"a", server.Url(), {"username: root", "password_file: " + secrets.File("password")}}}});
  REQUIRE_EQ(relay.Write("metrics", "m v=1 1\n").status, 204);
  REQUIRE(relay.WaitDrained());

  AsRoot(server, "old", "SET PASSWORD FOR root = 'new'");
  REQUIRE_EQ(relay.Write("metrics", "m v=2 2\n").status, 204);
  REQUIRE(WaitForState(relay, "a", "held"));
  CHECK_EQ(StatusOf(relay, "a").why, "the credentials were refused");
  CHECK_EQ(StatusOf(relay, "a").figures.owed.points, 1);
  WriteFile(secrets.File("password"), "new\n");
  REQUIRE(relay.WaitDrained());
  CHECK_NE(AsRoot(server, "new", "SELECT count(v) FROM m").find(R"(["1970-01-01T00:00:00Z",2])"),
           std::string::npos);
  CHECK_EQ(StatusOf(relay, "a").figures.dead, 0);
}

// Returns the part behind the words, which is for a shell.
std::string CommandIn(const std::string& remedy) {
  const std::size_t at = remedy.find(": curl ");
  REQUIRE_NE(at, std::string::npos);
  return remedy.substr(at + 2);
}

TEST_CASE("set-up: a missing database is reported with a command that creates it as it is") {
  const TempDir server_directory;
  const TempDir relay_directory;
  const Influxd server(server_directory.path());
  const RelayProcess relay(relay_directory.path(), {.backends = {{"a", server.Url()}}});
  // Contains text that a shell or InfluxQL must not interpret.
  const std::string name = R"-(it's "$(id)" `id`)-";
  REQUIRE_EQ(relay.Write(name, "m v=1 1\n").status, 204);
  REQUIRE(WaitForState(relay, "a", "held"));

  const BackendStatus held = StatusOf(relay, "a");
  CHECK_NE(held.why.find("the database does not exist on the backend"), std::string::npos);
  CHECK_NE(held.last_answer.find("404"), std::string::npos);
  const RunResult status = Run({RelayBinary(), "status", "--config", relay.config_path()});
  CHECK_NE(status.output.find(CommandIn(held.remedy)), std::string::npos);

  const RunResult mended = Run({"sh", "-c", CommandIn(held.remedy)});
  CAPTURE(mended.output);
  CHECK_EQ(mended.exit_code, 0);
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(server.CountPoints(name, "m", "v"), 1);
}

TEST_CASE("set-up: the reported command creates a missing retention policy as it is") {
  const TempDir server_directory;
  const TempDir relay_directory;
  Influxd server(server_directory.path());
  server.CreateDatabase("metrics");
  const RelayProcess relay(relay_directory.path(), {.backends = {{"a", server.Url()}}});
  REQUIRE_EQ(relay.Write("metrics", "m v=1 1\n", "rp=week").status, 204);
  REQUIRE(WaitForState(relay, "a", "held"));
  CHECK_EQ(Run({"sh", "-c", CommandIn(StatusOf(relay, "a").remedy)}).exit_code, 0);
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(server.ReadPoints("metrics", R"("week"."m")").size(), 1);
}

TEST_CASE("set-up: a missing retention policy is created as the configuration or another has it") {
  const TempDir directories[3];
  Influxd has(directories[0].path());
  Influxd lacks(directories[1].path());
  has.CreateDatabase("metrics");
  lacks.CreateDatabase("metrics");
  has.Query(
      "", "CREATE RETENTION POLICY month ON metrics DURATION 30d REPLICATION 1 SHARD DURATION 2d");
  const RelayProcess relay(directories[2].path(),
                           {.backends = {{"a", has.Url(), {"create_databases: true"}},
                                         {"b", lacks.Url(), {"create_databases: true"}}},
                            .top = "retention_policies:\n  - {name: week, duration: 7d}\n"
                                   "  - {database: other, name: year, duration: 1d}\n"});
  const std::string line = "m v=1\n";
  for (const char* policy : {"month", "week", "year"}) {
    REQUIRE_EQ(relay.Write("metrics", line, std::string("rp=") + policy).status, 204);
  }
  REQUIRE(relay.WaitDrained());
  const std::string policies = lacks.Query("", "SHOW RETENTION POLICIES ON metrics");
  CAPTURE(policies);
  CHECK_NE(policies.find(R"(["month","720h0m0s","48h0m0s",1,false])"), std::string::npos);
  CHECK_NE(policies.find(R"(["week","168h0m0s")"), std::string::npos);
  CHECK_NE(policies.find(R"(["year","0s")"), std::string::npos);
  CHECK_NE(has.Query("", "SHOW RETENTION POLICIES ON metrics").find(R"(["week","168h0m0s")"),
           std::string::npos);
  CHECK_EQ(lacks.ReadPoints("metrics", R"("month"."m")").size(), 1);
}

// A relay that looks up its hosts in a file of its own.
struct Named {
  explicit Named(const std::string& addresses) { Is(addresses); }

  // Writes "127.0.0.1 influx.test\n". nss_wrapper reads the file again if it is
  // younger, by whole seconds.
  void Is(const std::string& addresses) {
    WriteFile(hosts.File("hosts"), addresses);
    age += std::chrono::seconds(2);
    std::filesystem::last_write_time(hosts.File("hosts"),
                                     std::filesystem::file_time_type::clock::now() + age);
  }

  TempDir hosts;
  std::chrono::seconds age{0};
  TempDir directory;
  FakeBackend backend;  // Listens on 127.0.0.1 only.
  std::unique_ptr<RelayProcess> relay;

  void Start() {
    relay = std::make_unique<RelayProcess>(
        directory.path(),
        RelayProcess::Settings{
            .backends = {{"a",
                          fmt::format("http://influx.test:{}", backend.endpoint().port),
                          {"timeout: 2s"}}},
            // The order of libraries is right only without a sanitizer.
            .environment = {"LD_PRELOAD=libnss_wrapper.so",
                            "NSS_WRAPPER_HOSTS=" + hosts.File("hosts"),
                            "ASAN_OPTIONS=verify_asan_link_order=0"}});
    REQUIRE_EQ(relay->Write("metrics", "m v=1 1\n").status, 204);
  }
};

TEST_CASE("set-up: a name that moves to another address is followed") {
  Named named("127.0.0.9 influx.test\n");  // Nobody listens there.
  named.Start();
  REQUIRE(WaitForState(*named.relay, "a", "retrying"));
  CHECK(StatusOf(*named.relay, "a").why.ends_with("connection refused"));
  named.Is("127.0.0.1 influx.test\n");
  REQUIRE(named.relay->WaitDrained());
  CHECK_EQ(named.backend.Bodies(), "m v=1 1\n");
}

TEST_CASE("set-up: an unknown host name is reported, and found once it is known") {
  Named named("127.0.0.1 other.test\n");
  named.Start();
  // If no name server can be asked, that is the message.
  REQUIRE(Eventually(kPatience, [&] {
    const std::string why = StatusOf(*named.relay, "a").why;
    return why.find("cannot resolve influx.test") != std::string::npos ||
           why.find("looking up influx.test") != std::string::npos;
  }));
  named.Is("127.0.0.1 influx.test\n");
  REQUIRE(named.relay->WaitDrained());
}

TEST_CASE("set-up: of several addresses of a name the one that listens is found") {
  Named named("127.0.0.8 influx.test\n127.0.0.9 influx.test\n127.0.0.1 influx.test\n");
  named.Start();
  REQUIRE(named.relay->WaitDrained());
  CHECK_EQ(named.backend.Bodies(), "m v=1 1\n");
}

}  // namespace
}  // namespace relay::test::integration_delivery_backend_setup_test
