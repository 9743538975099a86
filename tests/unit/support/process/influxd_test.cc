#include "tests/support/process/influxd.h"

#include <doctest/doctest.h>

#include "tests/support/process/http_client.h"
#include "tests/support/temp_dir.h"

namespace relay::test::support_process_influxd_test {
namespace {

void Write(const Influxd& influxd, const std::string& lines) {
  REQUIRE_EQ(Post(influxd.endpoint(), "/write?db=metrics", lines).status, 204);
}

TEST_CASE("influxd: shows each point with its tags and fields, in the order of time") {
  const TempDir directory;
  Influxd influxd(directory.path());
  influxd.CreateDatabase("metrics");
  Write(influxd, "m,host=b v=2.5,on=true 20\nm,host=a,zone=z v=1 10\nm text=\"x\" 30\n");
  CHECK_EQ(
      influxd.ReadPoints("metrics", "m"),
      std::vector<StoredPoint>{
          {10, "host=a,zone=z", "v=1"}, {20, "host=b", "on=true,v=2.5"}, {30, "", "text=\"x\""}});
  CHECK_EQ(influxd.CountPoints("metrics", "m", "v"), 2);
}

TEST_CASE("influxd: has no points where there is no database or measurement") {
  const TempDir directory;
  Influxd influxd(directory.path());
  CHECK_EQ(influxd.CountPoints("metrics", "m", "v"), 0);
  influxd.CreateDatabase("metrics");
  CHECK(influxd.ReadPoints("metrics", "m").empty());
}

TEST_CASE("influxd: is refused while killed, and has its points again once started") {
  const TempDir directory;
  Influxd influxd(directory.path());
  influxd.CreateDatabase("metrics");
  Write(influxd, "m v=1 1\n");
  influxd.Kill();
  CHECK_EQ(Get(influxd.endpoint(), "/ping").status, 0);
  influxd.Start();
  CHECK_EQ(influxd.CountPoints("metrics", "m", "v"), 1);
}

TEST_CASE("influxd: says nothing while frozen") {
  const TempDir directory;
  Influxd influxd(directory.path());
  influxd.Freeze();
  CHECK_EQ(Get(influxd.endpoint(), "/ping", {.timeout = milliseconds{30}}).status, 0);
  influxd.Thaw();
  CHECK_EQ(Get(influxd.endpoint(), "/ping").status, 204);
}

TEST_CASE("influxd: takes more settings for its HTTP section") {
  const TempDir directory;
  Influxd influxd(directory.path(), "max-body-size = 10\n");
  influxd.CreateDatabase("metrics");
  CHECK_EQ(Post(influxd.endpoint(), "/write?db=metrics", "m v=1234567\n").status, 413);
}

}  // namespace
}  // namespace relay::test::support_process_influxd_test
