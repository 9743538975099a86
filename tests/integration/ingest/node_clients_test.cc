// The clients that InfluxData and others publish for node, through the relay to
// a real server. tests/install puts them into a cache, in fixed versions.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/process/influxd.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_node_clients_test {
namespace {

std::string ClientsDirectory() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string base =
      cache != nullptr ? cache : std::string(home == nullptr ? "/root" : home) + "/.cache";
  return base + "/influxdb-relay-tests/clients/node_modules";
}

struct Through {
  TempDir server_directory;
  TempDir relay_directory;
  Influxd server{server_directory.path()};
  RelayProcess relay{relay_directory.path(), {.backends = {{"a", server.Url()}}}};

  Through() { server.CreateDatabase("metrics"); }

  // Runs a script in which `url` is the relay's and errors end it with 1.
  RunResult Node(const std::string& script) const {
    const std::string program = fmt::format(
        "const port = {};\nconst url = 'http://127.0.0.1:{}';\n"
        "(async () => {{\n{}\n}})().catch(error => {{ console.log('failed:', error);\n"
        "  process.exit(1); }});\n",
        relay.endpoint().port, relay.endpoint().port, script);
    return Run({"/usr/bin/env", "NODE_PATH=" + ClientsDirectory(), "node", "-e", program});
  }
  std::vector<StoredPoint> Arrived(const std::string& measurement) const {
    REQUIRE(relay.WaitDrained());
    return server.ReadPoints("metrics", measurement);
  }
};

TEST_CASE("clients: influx for node creates a database, lists, pings and writes") {
  const Through through;
  const RunResult run = through.Node(R"(
    const {InfluxDB, FieldType} = require('influx');
    const client = new InfluxDB({host: '127.0.0.1', port, database: 'metrics', schema: [
      {measurement: 'm', tags: ['host'], fields: {v: FieldType.FLOAT, n: FieldType.INTEGER,
                                                  s: FieldType.STRING, b: FieldType.BOOLEAN}}]});
    await client.createDatabase('metrics');
    console.log((await client.getDatabaseNames()).join(), (await client.ping(5000))[0].online);
    await client.writePoints(
        [{measurement: 'm', tags: {host: 'a b'}, fields: {v: 1.5, n: 3, s: 'x "y"', b: true},
          timestamp: new Date(5)}], {precision: 'ms'});
    await client.writeMeasurement('m', [{tags: {host: 'c'}, fields: {v: 2}, timestamp: 7}],
                                  {precision: 'n', retentionPolicy: 'autogen'});
  )");
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
  CHECK_EQ(run.output, "metrics true\n");
  CHECK_EQ(through.Arrived("m"),
           std::vector<StoredPoint>{{7, "host=c", "v=2"},
                                    {5'000'000, "host=a b", R"(b=true,n=3,s="x \"y\"",v=1.5)"}});
}

TEST_CASE("clients: influxdb-client for node writes by v2, zipped, to a bucket with a policy") {
  const Through through;
  const RunResult run = through.Node(R"(
    const {InfluxDB, Point} = require('@influxdata/influxdb-client');
    const api = new InfluxDB({url, token: 'any'}).getWriteApi(
        'org', 'metrics/autogen', 'ms', {maxRetries: 0, gzipThreshold: 10});
    api.writePoint(new Point('m').tag('host', 'a b').floatField('v', 1.5).intField('n', 3)
        .stringField('s', 'x "y"').booleanField('b', true).timestamp(5));
    for (let i = 1; i <= 2000; i++) api.writeRecord(`many v=${i} ${i}`);
    await api.close();
  )");
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
  CHECK_EQ(through.Arrived("m"),
           std::vector<StoredPoint>{{5'000'000, "host=a b", R"(b=true,n=3,s="x \"y\"",v=1.5)"}});
  CHECK_EQ(through.server.CountPoints("metrics", "many", "v"), 2000);
}

TEST_CASE("clients: influxdb-client for node is told of a bad line in the words of v2") {
  const Through through;
  const RunResult run = through.Node(R"(
    const {InfluxDB, HttpError, setLogger} = require('@influxdata/influxdb-client');
    setLogger({error() {}, warn() {}});
    const api = new InfluxDB({url, token: 'any'}).getWriteApi('org', 'metrics', 'ns',
                                                              {maxRetries: 0});
    api.writeRecord('m v=1 1');
    api.writeRecord('m v=');
    await api.close().catch(error => console.log(
        error instanceof HttpError, error.statusCode, error.code, error.message));
  )");
  INFO(run.output);
  CHECK_EQ(run.output, "true 400 invalid unable to parse 'm v=': missing field value\n");
  CHECK(through.Arrived("m").empty());
}

TEST_CASE("clients: influxdb3-client for node writes by v2 and by v3") {
  const Through through;
  const RunResult version = Run({"node", "--version"});
  if (version.output < "v20") {
    MESSAGE("skipped: influxdb3-client wants node 20, this is ", version.output);
    return;
  }
  const RunResult run = through.Node(R"(
    const {InfluxDBClient} = require('@influxdata/influxdb3-client');
    const client = new InfluxDBClient({host: url, token: 'any', database: 'metrics'});
    await client.write('m,host=a v=1.5 5');
    await client.write('m,host=b v=2.5 6', undefined, undefined, {precision: 'ms', noSync: true});
    await client.close();
  )");
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
  CHECK_EQ(through.Arrived("m"),
           std::vector<StoredPoint>{{5, "host=a", "v=1.5"}, {6'000'000, "host=b", "v=2.5"}});
  const std::string metrics = Get(through.relay.admin(), "/metrics").body;
  CHECK_NE(metrics.find("http_requests_total{endpoint=\"write_v2\",code=\"204\"} 1\n"),
           std::string::npos);
  CHECK_NE(metrics.find("http_requests_total{endpoint=\"write_v3\",code=\"204\"} 1\n"),
           std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_ingest_node_clients_test
