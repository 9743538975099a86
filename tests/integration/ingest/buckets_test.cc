// Names of buckets that begin or end with a slash or have several, as they reach servers with
// databases and servers with buckets.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_buckets_test {
namespace {

HttpAnswer WriteTo(const RelayProcess& relay, const std::string& bucket, const std::string& lines) {
  return Post(relay.endpoint(), "/api/v2/write?org=o&bucket=" + PercentEncode(bucket), lines);
}

// Returns the bodies by the name that they were sent to, percent-encoded.
std::map<std::string, std::string> SentTo(const FakeBackend& backend,
                                          const std::string& parameter) {
  std::map<std::string, std::string> bodies;
  for (const FakeRequest& request : backend.Requests()) {
    if (request.method == "POST") bodies[request.Parameter(parameter)] += request.body;
  }
  return bodies;
}

TEST_CASE(
    "buckets: each arrives under its own name where there are buckets, as 1.8 reads it else") {
  TempDir influx_directory;
  TempDir relay_directory;
  Influxd influx(influx_directory.path());
  influx.CreateDatabase("metrics");
  influx.Query("", "CREATE RETENTION POLICY \"week\" ON \"metrics\" DURATION INF REPLICATION 1");
  const FakeBackend v2;
  const FakeBackend v3;
  RelayProcess relay(
      relay_directory.path(),
      {.backends = {{"v1", influx.Url()},
                    {"v2",
                     v2.Url(),
                     {"api: v2", "org: o", "token: ${BUCKETS_TOKEN}", "watermarks: false"}},
                    {"v3", v3.Url(), {"api: v3", "token: ${BUCKETS_TOKEN}"}}},
       .environment = {"BUCKETS_TOKEN=t"}});
  const std::vector<std::string> buckets = {"metrics", "metrics/", "metrics/week", "/x"};
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const std::string time = std::to_string(i + 1);
    CHECK_EQ(WriteTo(relay, buckets[i], "m v=" + time + " " + time + "\n").status, 204);
  }
  const std::map<std::string, std::string> expected = {{"metrics", "m v=1 1\n"},
                                                       {"metrics%2F", "m v=2 2\n"},
                                                       {"metrics%2Fweek", "m v=3 3\n"},
                                                       {"%2Fx", "m v=4 4\n"}};
  CHECK(Eventually(kPatience, [&] { return SentTo(v2, "bucket") == expected; }));
  CHECK(Eventually(kPatience, [&] { return SentTo(v3, "db") == expected; }));
  CHECK(Eventually(kPatience, [&] { return influx.CountPoints("metrics", "m", "v") == 2; }));
  CHECK(Eventually(kPatience, [&] {
    return influx.ReadPoints("metrics", "\"week\".\"m\"") ==
           std::vector<StoredPoint>{{3, "", "v=3"}};
  }));
  // A database that InfluxDB 1.x cannot have waits, and keeps nothing else waiting.
  CHECK(WaitForState(relay, "v1", "held"));
  relay.Kill();
  relay.Start();
  CHECK_EQ(WriteTo(relay, "metrics/", "m v=5 5\n").status, 204);
  CHECK(Eventually(kPatience, [&] { return influx.CountPoints("metrics", "m", "v") == 3; }));
  CHECK_EQ(StatusOf(relay, "v1").figures.dead, 0);
}

TEST_CASE("buckets: without a server that has buckets, they are read and refused as 1.8 does") {
  TempDir influx_directory;
  TempDir relay_directory;
  Influxd influx(influx_directory.path());
  influx.CreateDatabase("metrics");
  const RelayProcess relay(relay_directory.path(), {.backends = {{"v1", influx.Url()}}});
  CHECK_EQ(WriteTo(relay, "metrics/", "m v=1 1\n").status, 204);
  CHECK_EQ(WriteTo(relay, "metrics/autogen", "m v=2 2\n").status, 204);
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(influx.CountPoints("metrics", "m", "v"), 2);
  for (const char* bucket : {"/x", "/", "//", "/metrics/autogen", ""}) {
    CAPTURE(bucket);
    const HttpAnswer answer = WriteTo(relay, bucket, "m v=3 3\n");
    CHECK_EQ(answer.status, 404);
    CHECK_NE(answer.body.find("\"code\":\"not found\""), std::string::npos);
  }
  CHECK_NE(Get(relay.endpoint(), "/query?q=SHOW+DATABASES").body.find("[[\"metrics\"]]"),
           std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_ingest_buckets_test
