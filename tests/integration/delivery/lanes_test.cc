// A database or a retention policy that is missing on a real server holds its
// own records and no others.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/support/process/influxd.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_lanes_test {
namespace {

constexpr milliseconds kDrain{60'000};  // A lane on hold is probed every half minute at most.

struct OneServer {
  TempDir server_directory;
  TempDir relay_directory;
  Influxd server{server_directory.path()};
  RelayProcess relay{relay_directory.path(), {.backends = {{"a", server.Url()}}}};

  // Writes line `number`, and one that all of them overwrite in turn.
  void Write(const std::string& database, int number, const std::string& parameters = "") const {
    const std::string lines = fmt::format("m v={0} {0}\nlast v={0} 1\n", number);
    REQUIRE_EQ(relay.Write(database, lines, parameters).status, 204);
  }
  QueueStats Now() const { return StatusOf(relay, "a").figures; }
  bool HoldsPoints(PointCount points) const {
    return Eventually(kPatience,
                      [&] { return Now().owed.points == 0 && Now().held.points == points; });
  }
};

std::vector<StoredPoint> PointsUpTo(int last) {
  std::vector<StoredPoint> points;
  for (int i = 1; i <= last; ++i) points.push_back({i, "", fmt::format("v={}", i)});
  return points;
}

// Returns the one that was overwritten last.
std::vector<StoredPoint> Last(int last) {
  return {{1, "", fmt::format("v={}", last)}};
}

TEST_CASE(
    "lanes: a missing database holds its own points, another's are delivered; created, "
    "what was held arrives first and in order") {
  OneServer one;
  one.server.CreateDatabase("here");
  for (int i = 1; i <= 10; ++i) {
    one.Write("missing", i);
    one.Write("here", i);
  }
  REQUIRE(one.HoldsPoints(20));
  CHECK_EQ(one.server.ReadPoints("here", "m"), PointsUpTo(10));
  CHECK_EQ(StatusOf(one.relay, "a").why,
           "database \"missing\": the database does not exist on the backend");

  one.relay.Kill();  // The held records are on disk.
  one.relay.Start();
  for (int i = 11; i <= 20; ++i) {
    one.Write("missing", i);
    one.Write("here", i);
  }
  one.server.CreateDatabase("missing");
  REQUIRE(one.relay.WaitDrained(kDrain));
  for (const char* database : {"here", "missing"}) {
    CHECK_EQ(one.server.ReadPoints(database, "m"), PointsUpTo(20));
    CHECK_EQ(one.server.ReadPoints(database, "last"), Last(20));
  }
  CHECK_EQ(one.Now().delivered, 80);
  CHECK_EQ(one.Now().unaccounted(), 0);
  CHECK(WaitForState(one.relay, "a", "caught up"));
}

TEST_CASE(
    "lanes: a missing retention policy holds its own points, those of the same database "
    "in another are delivered") {
  OneServer one;
  one.server.CreateDatabase("metrics");
  for (int i = 1; i <= 10; ++i) {
    one.Write("metrics", i, "rp=week");
    one.Write("metrics", i);
  }
  REQUIRE(one.HoldsPoints(20));
  CHECK_EQ(one.server.ReadPoints("metrics", "m"), PointsUpTo(10));

  one.server.Query("", "CREATE RETENTION POLICY week ON metrics DURATION INF REPLICATION 1");
  REQUIRE(one.relay.WaitDrained(kDrain));
  CHECK_EQ(one.server.ReadPoints("metrics", R"("week"."m")"), PointsUpTo(10));
  CHECK_EQ(one.server.ReadPoints("metrics", R"("week"."last")"), Last(10));
  CHECK_EQ(one.Now().unaccounted(), 0);
}

}  // namespace
}  // namespace relay::test::integration_delivery_lanes_test
