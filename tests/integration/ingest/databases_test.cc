// The names of databases that clients have used: shown to clients, also after a restart.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <set>
#include <string>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_databases_test {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

struct Site {
  TempDir directory;
  FakeBackend backend;
  RelayProcess relay{directory.path(), {.backends = {{"a", backend.Url()}}}};

  HttpAnswer Query(const std::string& statement) const {
    return Get(relay.endpoint(), "/query?q=" + PercentEncode(statement));
  }
  Names Shown() const {
    const nlohmann::json answer = nlohmann::json::parse(Query("SHOW DATABASES").body);
    const nlohmann::json& series = answer.at("results").at(0).at("series").at(0);
    Names names;
    for (const auto& row : series.value("values", nlohmann::json::array())) names.insert(row.at(0));
    return names;
  }
  // Runs a script of python3-influxdb, which is also what glances asks with.
  RunResult Python(const std::string& script) const {
    return Run({"/usr/bin/python3", "-c",
                fmt::format("from influxdb import InfluxDBClient\n"
                            "client = InfluxDBClient('127.0.0.1', {})\n{}",
                            relay.endpoint().port, script)});
  }
};

TEST_CASE("databases: a name is known after a kill right behind the answer, and after a stop") {
  Site site;
  CHECK_EQ(site.relay.Write("written", "m v=1 1\n").status, 204);
  site.relay.Kill();
  site.relay.Start();
  CHECK_EQ(site.Shown(), Names{"written"});
  CHECK_EQ(site.Query("CREATE DATABASE \"made here\"").status, 200);
  site.relay.Kill();
  site.relay.Start();
  CHECK_EQ(site.Shown(), Names{"made here", "written"});
  CHECK_EQ(site.relay.Write("third", "m v=1 1\n").status, 204);
  CHECK_EQ(site.relay.Stop().exit_code, 0);
  site.relay.Start();
  CHECK_EQ(site.Shown(), Names{"made here", "third", "written"});
}

TEST_CASE("databases: a copy of the log knows the names") {
  Site site;
  CHECK_EQ(site.relay.Write("written", "m v=1 1\n").status, 204);
  const RunResult copied =
      Run({RelayBinary(), "checkpoint", "copy", "--config", site.relay.config_path()});
  REQUIRE_MESSAGE(copied.exit_code == 0, copied.output);
  site.relay.Kill();
  const std::string log = site.relay.log_path();
  fs::rename(log, log + ".lost");
  fs::rename(log + ".lost/checkpoints/copy", log);
  site.relay.Start();
  CHECK_EQ(site.Shown(), Names{"written"});
}

TEST_CASE("databases: a log of before, without the file, learns the names") {
  Site site;
  CHECK_EQ(site.relay.Write("written", "m v=1 1\n").status, 204);
  site.relay.Stop();
  REQUIRE(fs::remove(site.relay.log_path() + "/databases"));
  site.relay.Start();
  CHECK_EQ(site.Shown(), Names{});
  CHECK_EQ(site.relay.Write("written", "m v=1 2\n").status, 204);
  CHECK_EQ(site.Shown(), Names{"written"});
}

TEST_CASE("databases: python3-influxdb finds after a restart the database that it created") {
  Site site;
  const RunResult made = site.Python("client.create_database('glances')\n");
  CHECK_MESSAGE(made.exit_code == 0, made.output);
  site.relay.Kill();
  site.relay.Start();
  const RunResult found = site.Python("print([d['name'] for d in client.get_list_database()])\n");
  CHECK_MESSAGE(found.exit_code == 0, found.output);
  CHECK_EQ(found.output, "['glances']\n");
}

// glances ends with an error if SHOW DATABASES lacks its database.
TEST_CASE("databases: glances exports through a relay that was restarted") {
  Site site;
  CHECK_EQ(site.Query("CREATE DATABASE glances").status, 200);
  site.relay.Kill();
  site.relay.Start();
  const std::string config = site.directory.File("glances.conf");
  WriteFile(config, fmt::format("[influxdb]\nhost=127.0.0.1\nport={}\nprotocol=http\nuser=root\n"
                                "password=root\ndb=glances\n",
                                site.relay.endpoint().port));
  const RunResult run = Run({"/usr/bin/glances", "-C", config, "--export", "influxdb", "--quiet",
                             "--stop-after", "2", "--time", "1"},
                            kPatience);
  CHECK_MESSAGE(run.exit_code == 0, run.output);
  REQUIRE(site.relay.WaitDrained());
  CHECK_NE(site.backend.Bodies().find("cpu"), std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_ingest_databases_test
