// Each client through the relay to an InfluxDB and to a VictoriaMetrics, by its
// v1 and by its v2 API: all three hold the same points in the end.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/process/influxd.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/victoria_metrics.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_clients_anywhere_test {
namespace {

struct Everywhere {
  Everywhere() { influxd.CreateDatabase("metrics"); }

  std::string Port() const { return std::to_string(relay.endpoint().port); }
  std::string Url() const { return "http://127.0.0.1:" + Port(); }

  // Checks the client's points: "m,host=a v=1.5" and "m,host=b v=2.5", a second apart.
  void CheckArrived() const {
    const std::vector<StoredPoint> expected = {{1'700'000'000'000'000'000, "host=a", "v=1.5"},
                                               {1'700'000'001'000'000'000, "host=b", "v=2.5"}};
    REQUIRE(relay.WaitDrained());
    CHECK_EQ(influxd.ReadPoints("metrics", "m"), expected);
    CHECK_EQ(v1.ReadPoints("metrics", "m", "v"), expected);
    CHECK_EQ(v2.ReadPoints("", "m", "v"), expected);
  }

  TempDir influxd_directory;
  TempDir v1_directory;
  TempDir v2_directory;
  TempDir relay_directory;
  Influxd influxd{influxd_directory.path()};
  VictoriaMetrics v1{v1_directory.path()};
  VictoriaMetrics v2{v2_directory.path()};
  RelayProcess relay{
      relay_directory.path(),
      {.backends = {{"i", influxd.Url()}, {"v1", v1.Url()}, {"v2", v2.Url(), {"api: v2"}}}}};
};

void CheckRuns(const std::vector<std::string>& argv) {
  const RunResult run = Run(argv);
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
}

void CheckNode(const std::string& script) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string base =
      cache != nullptr ? cache : std::string(home == nullptr ? "/root" : home) + "/.cache";
  const std::string modules = base + "/influxdb-relay-tests/clients/node_modules";
  CheckRuns({"/usr/bin/env", "NODE_PATH=" + modules, "node", "-e",
             "(async () => {" + script +
                 "})().catch(e => { console.log('failed:', e); process.exit(1); });"});
}

TEST_CASE("clients anywhere: influx") {
  const Everywhere all;
  const std::vector<std::string> influx = {
      "/usr/bin/influx", "-host",   "127.0.0.1",  "-port", all.Port(),
      "-database",       "metrics", "-precision", "s",     "-execute"};
  for (const char* line :
       {"INSERT m,host=a v=1.5 1700000000", "INSERT m,host=b v=2.5 1700000001"}) {
    std::vector<std::string> argv = influx;
    argv.emplace_back(line);
    CheckRuns(argv);
  }
  all.CheckArrived();
}

TEST_CASE("clients anywhere: python3-influxdb") {
  const Everywhere all;
  CheckRuns({"/usr/bin/python3", "-c",
             "from influxdb import InfluxDBClient\n"
             "client = InfluxDBClient('127.0.0.1', " +
                 all.Port() +
                 ", database='metrics',\n"
                 "                        gzip=True)\n"
                 "client.create_database('metrics')\n"
                 "assert client.write_points(\n"
                 "    [{'measurement': 'm', 'tags': {'host': h}, 'time': t, 'fields': {'v': v}}\n"
                 "     for h, t, v in (('a', 1700000000, 1.5), ('b', 1700000001, 2.5))],\n"
                 "    time_precision='s')\n"});
  all.CheckArrived();
}

TEST_CASE("clients anywhere: influx for node") {
  const Everywhere all;
  CheckNode(fmt::format(R"(
    const {{InfluxDB}} = require('influx');
    const client = new InfluxDB({{host: '127.0.0.1', port: {}, database: 'metrics'}});
    await client.writePoints([
      {{measurement: 'm', tags: {{host: 'a'}}, fields: {{v: 1.5}}, timestamp: 1700000000}},
      {{measurement: 'm', tags: {{host: 'b'}}, fields: {{v: 2.5}}, timestamp: 1700000001}}],
      {{precision: 's'}});)",
                        all.Port()));
  all.CheckArrived();
}

TEST_CASE("clients anywhere: influxdb-client for node, by v2") {
  const Everywhere all;
  CheckNode(fmt::format(R"(
    const {{InfluxDB, Point}} = require('@influxdata/influxdb-client');
    const api = new InfluxDB({{url: '{}', token: 'any'}}).getWriteApi('org', 'metrics', 'ms');
    api.writePoint(new Point('m').tag('host', 'a').floatField('v', 1.5).timestamp(1700000000000));
    api.writePoint(new Point('m').tag('host', 'b').floatField('v', 2.5).timestamp(1700000001000));
    await api.close();)",
                        all.Url()));
  all.CheckArrived();
}

TEST_CASE("clients anywhere: influxdb3-client for node, by v3") {
  if (Run({"node", "--version"}).output < "v20") {
    MESSAGE("skipped: influxdb3-client wants node 20");
    return;
  }
  const Everywhere all;
  CheckNode(fmt::format(R"(
    const {{InfluxDBClient}} = require('@influxdata/influxdb3-client');
    const client = new InfluxDBClient({{host: '{}', token: 'any', database: 'metrics'}});
    await client.write('m,host=a v=1.5 1700000000\nm,host=b v=2.5 1700000001', undefined,
                       undefined, {{precision: 's', noSync: true}});
    await client.close();)",
                        all.Url()));
  all.CheckArrived();
}

// Uses the commands of the documentation of 1.x and of 2.x.
TEST_CASE("clients anywhere: curl") {
  const Everywhere all;
  const std::vector<std::string> curl = {"curl", "--silent", "--show-error", "--fail", "-XPOST"};
  std::vector<std::string> first = curl;
  first.insert(first.end(), {"-i", all.Url() + "/write?db=metrics", "--data-binary",
                             "m,host=a v=1.5 1700000000000000000"});
  CheckRuns(first);
  std::vector<std::string> second = curl;
  second.insert(second.end(),
                {all.Url() + "/api/v2/write?org=ORG&bucket=metrics&precision=ns", "--header",
                 "Authorization: Token TOKEN", "--header",
                 "Content-Type: text/plain; charset=utf-8", "--header", "Accept: application/json",
                 "--data-binary", "m,host=b v=2.5 1700000001000000000"});
  CheckRuns(second);
  all.CheckArrived();
}

}  // namespace
}  // namespace relay::test::integration_ingest_clients_anywhere_test
