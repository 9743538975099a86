// A backend with names of its own for databases and retention policies, on real influxd.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/process/influxd.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_own_names_test {
namespace {

TEST_CASE("own names: points arrive under the backend's names, in its other policies too") {
  TempDir influx_directory;
  TempDir relay_directory;
  Influxd influx(influx_directory.path());
  influx.CreateDatabase("metrics");
  influx.CreateDatabase("archive");
  influx.Query("", "CREATE RETENTION POLICY \"forever\" ON \"archive\" DURATION INF REPLICATION 1");
  RelayProcess relay(relay_directory.path(),
                     {.backends = {{"same", influx.Url(), {"only: {databases: [metrics]}"}},
                                   {"own",
                                    influx.Url(),
                                    {"create_databases: true",
                                     "rename: [{from: metrics/week, to: archive/forever}, "
                                     "{from: metrics, to: metrics_copy}]"}}}});
  REQUIRE_EQ(relay.Write("metrics", "m v=1 1\n").status, 204);
  REQUIRE_EQ(relay.Write("other", "m v=2 2\n").status, 204);
  REQUIRE(Eventually(kPatience, [&] { return influx.CountPoints("metrics_copy", "m", "v") == 1; }));
  REQUIRE(Eventually(kPatience, [&] { return influx.CountPoints("other", "m", "v") == 1; }));
  influx.Query("", "CREATE RETENTION POLICY \"week\" ON \"metrics\" DURATION INF REPLICATION 1");
  REQUIRE_EQ(relay.Write("metrics", "m v=3 3\n", "rp=week").status, 204);
  REQUIRE(relay.WaitDrained());
  const std::vector<StoredPoint> archived = influx.ReadPoints("archive", "\"forever\".\"m\"");
  REQUIRE_EQ(archived.size(), 1);
  CHECK_EQ(archived[0].fields, "v=3");
  CHECK_EQ(influx.ReadPoints("metrics", "\"week\".\"m\"").size(), 1);
  CHECK_EQ(influx.CountPoints("metrics_copy", "m", "v"), 1);
}

TEST_CASE("own names: what is missing on the backend is named as the backend has it") {
  TempDir influx_directory;
  TempDir relay_directory;
  Influxd influx(influx_directory.path());
  RelayProcess relay(
      relay_directory.path(),
      {.backends = {{"own", influx.Url(), {"rename: [{from: metrics, to: metrics_eu}]"}}}});
  REQUIRE_EQ(relay.Write("metrics", "m v=1 1\n").status, 204);
  REQUIRE(WaitForState(relay, "own", "held"));
  const std::string status = relay.Status();
  CHECK_NE(status.find("create database \\\"metrics_eu\\\" on own"), std::string::npos);
  CHECK_NE(status.find("database \\\"metrics\\\": the database does not exist"), std::string::npos);
  influx.CreateDatabase("metrics_eu");
  CHECK(Eventually(milliseconds{60'000},
                   [&] { return influx.CountPoints("metrics_eu", "m", "v") == 1; }));
}

}  // namespace
}  // namespace relay::test::integration_delivery_own_names_test
