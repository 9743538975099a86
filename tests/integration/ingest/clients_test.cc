// Clients that were not written for the relay, through it to a real server.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/support/process/influxd.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_clients_test {
namespace {

struct Through {
  TempDir server_directory;
  TempDir relay_directory;
  Influxd server{server_directory.path()};
  RelayProcess relay{relay_directory.path(), {.backends = {{"a", server.Url()}}}};

  Through() { server.CreateDatabase("metrics"); }

  std::string Port() const { return std::to_string(relay.endpoint().port); }
  std::string WriteUrl() const {
    return fmt::format("http://127.0.0.1:{}/write?db=metrics", relay.endpoint().port);
  }
  std::vector<StoredPoint> Arrived(const std::string& measurement) const {
    REQUIRE(relay.WaitDrained());
    return server.ReadPoints("metrics", measurement);
  }
};

RunResult Influx(const Through& through, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"/usr/bin/influx", "-host", "127.0.0.1", "-port",
                                   through.Port()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return Run(argv);
}

// The script finds the client in `client`, optionally with compressed bodies.
RunResult Python(const Through& through, const std::string& script, bool gzip = false) {
  const std::string program = fmt::format(
      "from influxdb import InfluxDBClient\n"
      "client = InfluxDBClient('127.0.0.1', {}, database='metrics', gzip={})\n{}",
      through.Port(), gzip ? "True" : "False", script);
  return Run({"/usr/bin/python3", "-c", program});
}

// Returns its exit code, status and time: "0 204 0.001".
RunResult Curl(const Through& through, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"/usr/bin/curl",
                                   "--silent",
                                   "--show-error",
                                   "--output",
                                   "/dev/null",
                                   "--write-out",
                                   "%{http_code} %{time_total}"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.push_back(through.WriteUrl());
  return Run(argv);
}

TEST_CASE("clients: influx inserts a point") {
  const Through through;
  const RunResult run = Influx(through, {"-database", "metrics", "-execute",
                                         "INSERT cpu,host=a load=0.5,text=\"two words\" 1000"});
  CHECK_EQ(run.output, "");
  CHECK_EQ(run.exit_code, 0);
  CHECK_EQ(through.Arrived("cpu"),
           std::vector<StoredPoint>{{1000, "host=a", "load=0.5,text=\"two words\""}});
}

TEST_CASE("clients: influx says what was wrong with a line") {
  const Through through;
  const RunResult run =
      Influx(through, {"-database", "metrics", "-execute", "INSERT cpu,host=a load= 1000"});
  CHECK_NE(run.output.find("unable to parse 'cpu,host=a load= 1000': missing field value"),
           std::string::npos);
}

// Imports an export without its DDL part: that creates the database by a query,
// which the relay does not take.
TEST_CASE("clients: influx imports a file") {
  const Through through;
  const std::string file = through.relay_directory.File("export");
  WriteFile(file,
            "# DML\n# CONTEXT-DATABASE: metrics\n# CONTEXT-RETENTION-POLICY: autogen\n\n"
            "disk,host=a used=1 1\ndisk,host=b used=2 2\ndisk,host=c used=3 3\n");
  const RunResult run = Influx(through, {"-import", "-path", file});
  CHECK_NE(run.output.find("Processed 3 inserts"), std::string::npos);
  CHECK_NE(run.output.find("Failed 0 inserts"), std::string::npos);
  CHECK_EQ(through.Arrived("disk"),
           std::vector<StoredPoint>{
               {1, "host=a", "used=1"}, {2, "host=b", "used=2"}, {3, "host=c", "used=3"}});
}

TEST_CASE("clients: python3-influxdb writes points, zipped or not") {
  const Through through;
  const std::string script =
      "assert client.write_points([{'measurement': 'cpu', 'tags': {'host': 'é b'},\n"
      "    'time': 5, 'fields': {'load': 0.5, 'n': 3, 'on': True, 'text': 'a \"b\" c'}}])\n";
  for (const bool gzip : {false, true}) {
    const RunResult run = Python(through, script, gzip);
    INFO("gzip: ", gzip, ", ", run.output);
    CHECK_EQ(run.exit_code, 0);
    CHECK_EQ(through.Arrived("cpu"),
             std::vector<StoredPoint>{{5, "host=é b", R"(load=0.5,n=3,on=true,text="a \"b\" c")"}});
    through.server.Query("metrics", "DROP MEASUREMENT cpu");
  }
}

TEST_CASE("clients: python3-influxdb writes lines in batches, with a precision and a policy") {
  const Through through;
  const RunResult run =
      Python(through,
             "lines = ['m v=%d %d' % (i, i) for i in range(1, 1001)]\n"
             "assert client.write_points(lines, protocol='line', batch_size=300,\n"
             "    time_precision='s', retention_policy='autogen')\n");
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
  const std::vector<StoredPoint> points = through.Arrived("m");
  REQUIRE_EQ(points.size(), 1000);
  CHECK_EQ(points.front(), StoredPoint{1'000'000'000, "", "v=1"});
  CHECK_EQ(points.back(), StoredPoint{1'000'000'000'000, "", "v=1000"});
}

TEST_CASE("clients: python3-influxdb is told of a bad write as by the server itself") {
  const Through through;
  const RunResult run = Python(through,
                               "from influxdb.exceptions import InfluxDBClientError\n"
                               "try:\n"
                               "  client.write_points(['m v=1 1', 'm v='], protocol='line')\n"
                               "except InfluxDBClientError as error:\n"
                               "  print(error.code, error.content)\n");
  CHECK_EQ(run.exit_code, 0);
  CHECK(run.output.starts_with("400 "));
  CHECK_NE(run.output.find("partial write: unable to parse 'm v='"), std::string::npos);
  CHECK_EQ(through.Arrived("m"), std::vector<StoredPoint>{{1, "", "v=1"}});
}

TEST_CASE("clients: python3-influxdb pings") {
  const Through through;
  const RunResult run = Python(through, "print(client.ping())\n");
  CHECK_EQ(run.exit_code, 0);
  CHECK(run.output.starts_with("1."));
}

TEST_CASE("clients: curl writes with the content type of a form") {
  const Through through;
  const RunResult run = Curl(through, {"--data-binary", "m,host=a v=1 1\nm,host=b v=2 1"});
  CHECK(run.output.starts_with("204 "));
  CHECK_EQ(through.Arrived("m"),
           std::vector<StoredPoint>{{1, "host=a", "v=1"}, {1, "host=b", "v=2"}});
}

// curl asks for permission before a large body, and continues without one after a second.
TEST_CASE("clients: curl does not wait for permission to send a large body") {
  const Through through;
  const std::string file = through.relay_directory.File("body");
  std::string body;
  for (int i = 1; i <= 40; ++i) {
    body += fmt::format("m text=\"{}\" {}\n", std::string(60'000, 'x'), i);
  }
  WriteFile(file, body);
  const RunResult run =
      Curl(through, {"--header", "Expect: 100-continue", "--data-binary", "@" + file});
  REQUIRE(run.output.starts_with("204 "));
  CHECK_LT(std::stod(run.output.substr(4)), 0.9);
  CHECK_EQ(through.Arrived("m").size(), 40);
}

}  // namespace
}  // namespace relay::test::integration_ingest_clients_test
