// Points that will be older than the backend's retention policy keeps: told before it happens, and
// told apart from refused ones when it has.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <ctime>
#include <fstream>
#include <string>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_expiry_test {
namespace {

using namespace std::chrono_literals;

// The promise: told within two turns of the watch.
constexpr milliseconds kTold = 30s;

std::string ClockAt(const std::string& path, std::chrono::nanoseconds ahead) {
  const std::int64_t count = ahead.count();
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  if (!file) file.open(path, std::ios::out | std::ios::binary);
  REQUIRE(file.write(reinterpret_cast<const char*>(&count), sizeof(count)));
  return path;
}

struct Site {
  TempDir influx_directory;
  Influxd influxd;
  TempDir directory;
  RelayProcess relay;

  Site() : influxd(Made()), relay(directory.path(), Settings()) {}

  Influxd Made() const {
    Influxd server(influx_directory.path());
    server.CreateDatabase("metrics");
    server.Query("",
                 "CREATE RETENTION POLICY \"hour\" ON metrics DURATION 1h REPLICATION 1 DEFAULT");
    return server;
  }
  RelayProcess::Settings Settings() const {
    return {.backends = {{"a", influxd.Url()}, {"b", "udp://127.0.0.1:9"}},
            .environment = {"LD_PRELOAD=" + SteppingClock(),
                            "RELAY_CLOCK=" + ClockAt(directory.File("clock"), 0s)}};
  }
  // Puts the relay's clock ahead, not the server's: what waits is then as old as that.
  void LetWait(std::chrono::nanoseconds age) const { ClockAt(directory.File("clock"), age); }

  ExpiryReport Expiry() const { return StatusOf(relay, "a").expiry.value(); }
  std::string Metrics() const { return Get(relay.admin(), "/metrics").body; }
  std::string Table() const {
    return Run({RelayBinary(), "status", "--config", relay.config_path()}).output;
  }
};

std::string LinesAt(int count, std::int64_t seconds) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    lines += fmt::format("cpu,host=h{} v=1 {}000000000\n", i, seconds);
  }
  return lines;
}

TEST_CASE("expiry: points that wait are told of before the policy drops them, over a restart") {
  Site site;
  REQUIRE(Eventually(kTold, [&] { return site.Expiry().watched; }));
  site.influxd.Kill();
  REQUIRE_EQ(site.relay.Write("metrics", LinesAt(20, std::time(nullptr))).status, 204);
  REQUIRE_EQ(site.relay.Write("metrics", LinesAt(3, std::time(nullptr)), "rp=autogen").status, 204);
  CHECK_EQ(site.Expiry().expiring(), 0);
  site.LetWait(50min);
  REQUIRE(Eventually(kTold, [&] { return site.Expiry().expiring() == 20; }));
  const std::string table = site.Table();
  CHECK_NE(table.find("a: 20 points of metrics.hour will begin to expire in 9m"),
           std::string::npos);
  CHECK_NE(table.find("ALTER RETENTION POLICY \"hour\" ON \"metrics\" DURATION INF"),
           std::string::npos);
  CHECK_NE(table.find("retention policies: 1 of 2 backends watched"), std::string::npos);
  CHECK_NE(site.Metrics().find("influxdb_relay_backend_expiring_points{backend=\"a\"} 20\n"),
           std::string::npos);
  CHECK_NE(site.relay.Output().find("event=\"undelivered points will expire\""), std::string::npos);
  site.relay.Kill();
  site.LetWait(70min);
  site.relay.Start();
  REQUIRE(Eventually(kTold, [&] { return site.Expiry().expired() == 20; }));
  CHECK_NE(site.Metrics().find("influxdb_relay_backend_expired_points{backend=\"a\"} 20\n"),
           std::string::npos);
  // By the server's own clock they are in time.
  site.influxd.Start();
  REQUIRE(
      Eventually(kPatience, [&] { return StatusOf(site.relay, "a").figures.owed.points == 0; }));
  CHECK(Eventually(kTold, [&] { return site.Expiry().lanes.empty(); }));
  CHECK_EQ(site.influxd.CountPoints("metrics", "cpu", "v"), 20);
}

TEST_CASE("expiry: points that the backend dropped as expired are told apart from refused ones") {
  Site site;
  const std::time_t now = std::time(nullptr);
  REQUIRE_EQ(site.relay.Write("metrics", LinesAt(5, now)).status, 204);
  REQUIRE_EQ(site.relay.Write("metrics", LinesAt(7, now - 3 * 3600) + LinesAt(2, now)).status, 204);
  const std::string conflict = fmt::format("cpu,host=h0 v=\"text\" {}000000001\n", now);
  REQUIRE_EQ(site.relay.Write("metrics", conflict).status, 204);
  REQUIRE(Eventually(kPatience, [&] { return StatusOf(site.relay, "a").figures.dead == 8; }));
  const QueueStats figures = StatusOf(site.relay, "a").figures;
  CHECK_EQ(figures.dead_by_reason[DeadReason::kExpired], 7);
  CHECK_EQ(figures.dead_by_reason[DeadReason::kRefused], 1);
  CHECK_EQ(figures.unaccounted(), 0);
  const std::string metrics = site.Metrics();
  for (const std::string what : {"expired\"} 7\n", "refused\"} 1\n"}) {
    CHECK_NE(metrics.find("backend_dead_points_by_reason_total{backend=\"a\",reason=\"" + what),
             std::string::npos);
  }
  CHECK_NE(site.Table().find("1 refused, 7 expired"), std::string::npos);
  const std::string list =
      Run({RelayBinary(), "dead", "list", "--backend", "a", "--config", site.relay.config_path()})
          .output;
  CHECK_NE(list.find("expired"), std::string::npos);
  CHECK_NE(list.find("refused"), std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_delivery_expiry_test
