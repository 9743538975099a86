// Imports a file through a running relay into real servers.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_import_test {
namespace {

using nlohmann::json;

struct Served {
  TempDir directory;
  TempDir server_directory;
  Influxd server{server_directory.path()};
  RelayProcess relay{directory.path(), {.backends = {{"a", server.Url()}}}};

  Served() { server.CreateDatabase("metrics"); }

  std::string Url() const { return fmt::format("http://127.0.0.1:{}", relay.endpoint().port); }

  RunResult Import(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {RelayBinary(), "import", "--to", Url()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
};

std::string Points(int count) {
  std::string lines;
  for (int i = 1; i <= count; ++i) lines += fmt::format("m,h=a v={}i {}\n", i, i);
  return lines;
}

// Returns a file as `influx_inspect export` writes it.
std::string Exported() {
  return "# INFLUXDB EXPORT: 1677-09-21T00:12:43Z - 2262-04-11T23:47:16Z\n"
         "# DDL\n"
         "CREATE DATABASE \"metrics\" WITH NAME \"autogen\"\n"
         "CREATE RETENTION POLICY \"week\" ON \"metrics\" DURATION 5200w REPLICATION 1\n"
         "# DML\n"
         "# CONTEXT-DATABASE:metrics\n"
         "# CONTEXT-RETENTION-POLICY:autogen\n"
         "# writing tsm data\n" +
         Points(12'345) +
         "s text=\"two lines, #1\",b=true 5\n"
         "# CONTEXT-RETENTION-POLICY:week\n"
         "m,h=b v=1i 7\n";
}

TEST_CASE("import: the servers hold what `influx -import` makes of the same file") {
  const Served served;
  const TempDir directory;
  Influxd other(directory.path());
  WriteFile(directory.File("dump"), Exported());
  REQUIRE_EQ(Run({"gzip", "-k", directory.File("dump")}).exit_code, 0);
  const RunResult influx = Run({"influx", "-port", std::to_string(other.endpoint().port), "-import",
                                "-path", directory.File("dump")});
  INFO(influx.output);
  served.server.Query("metrics",
                      "CREATE RETENTION POLICY week ON metrics DURATION 5200w REPLICATION 1");

  const RunResult imported = served.Import({directory.File("dump.gz")});
  INFO(imported.output);
  CHECK_EQ(imported.exit_code, 0);
  CHECK_NE(imported.output.find("12,347 points accepted, 0 lines refused"), std::string::npos);
  CHECK_NE(imported.output.find(":3: not sent, run it on the backends: CREATE DATABASE"),
           std::string::npos);
  REQUIRE(served.relay.WaitDrained());
  for (const std::string measurement : {R"("autogen"."m")", R"("autogen"."s")", R"("week"."m")"}) {
    const std::vector<StoredPoint> points = served.server.ReadPoints("metrics", measurement);
    CHECK_FALSE(points.empty());
    CHECK_EQ(points, other.ReadPoints("metrics", measurement));
  }
}

TEST_CASE("import: bad lines are reported as FILE:LINE and by the exit code, the rest arrives") {
  const Served served;
  const std::string file = served.directory.File("lines");
  WriteFile(file, "m v=1 1\nthis is bad\nm v=2 2\n");
  const RunResult run =
      served.Import({file, "--database", "metrics", "--precision", "s", "--json"});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 1);
  CHECK_NE(run.output.find(file + ":2: unable to parse 'this is bad'"), std::string::npos);
  const json summary = json::parse(run.output.substr(run.output.rfind("{\"points\"")));
  CHECK_EQ(summary.at("points"), 2);
  CHECK_EQ(summary.at("refused_lines"), 1);
  CHECK_EQ(summary.at("finished"), true);
  REQUIRE(served.relay.WaitDrained());
  const std::vector<StoredPoint> stored = served.server.ReadPoints("metrics", "m");
  REQUIRE_EQ(stored.size(), 2);
  CHECK_EQ(stored[1].time_ns, 2'000'000'000);
}

TEST_CASE("import: if the relay is gone it says where to continue, and continues there") {
  Served served;
  const std::string file = served.directory.File("lines");
  WriteFile(file, Points(1000));
  served.relay.Kill();
  const std::vector<std::string> arguments = {file, "--database", "metrics", "--patience", "0"};
  const RunResult stopped = served.Import(arguments);
  INFO(stopped.output);
  CHECK_EQ(stopped.exit_code, 1);
  CHECK_NE(stopped.output.find("continue with: --from-line 1\n"), std::string::npos);
  served.relay.Start();
  CHECK_EQ(served.Import({file, "--database", "metrics", "--from-line", "501"}).exit_code, 0);
  REQUIRE(served.relay.WaitDrained());
  CHECK_EQ(served.server.CountPoints("metrics", "m", "v"), 500);
}

TEST_CASE("import: wrong usage is reported as such") {
  const Served served;
  const std::string file = served.directory.File("lines");
  WriteFile(file, Points(1));
  CHECK_EQ(served.Import({file, "--database", "d", "--precision", "days"}).exit_code, 2);
  CHECK_EQ(served.Import({file, "--database", "d", "--to", "ftp://x"}).exit_code, 2);
  CHECK_EQ(served.Import({}).exit_code, 2);
  const RunResult none = served.Import({file + ".none", "--database", "d"});
  CHECK_EQ(none.exit_code, 1);
  CHECK_NE(none.output.find(file + ".none: No such file"), std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_operators_import_test
