// The ways to reach a real server: TLS, compressed bodies, packets.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/tls_front.h"
#include "tests/support/process/victoria_metrics.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_backend_kinds_test {
namespace {

constexpr int kPoints = 200;

std::string Line(int value) {
  return fmt::format("m v={} {}\n", value, value);
}

std::vector<StoredPoint> Points() {
  std::vector<StoredPoint> points;
  for (int i = 1; i <= kPoints; ++i) points.push_back({i, "", fmt::format("v={}", i)});
  return points;
}

void WritePoints(const RelayProcess& relay) {
  for (int i = 1; i <= kPoints; ++i) REQUIRE_EQ(relay.Write("metrics", Line(i)).status, 204);
}

std::string SecureUrl(const TlsFront& front) {
  return fmt::format("https://127.0.0.1:{}", front.port());
}

TEST_CASE("kinds: points arrive over TLS, with a client certificate, compressed") {
  const TempDir server_directory;
  const TempDir relay_directory;
  TestCa ca;
  Influxd server(server_directory.path());
  server.CreateDatabase("metrics");
  const TlsFront front(server.endpoint(),
                       {.certificate = ca.Issue("IP:127.0.0.1"), .client_ca = ca.cert()});
  const Certificate ours = ca.Issue("DNS:relay");
  const RelayProcess relay(relay_directory.path(),
                           {.backends = {{"a",
                                          SecureUrl(front),
                                          {fmt::format("tls: {{ca: {}, cert: {}, key: {}}}",
                                                       ca.cert(), ours.cert, ours.key),
                                           "compress: gzip"}}}});
  WritePoints(relay);
  REQUIRE(relay.WaitDrained());
  CHECK(server.ReadPoints("metrics", "m") == Points());
}

TEST_CASE("kinds: a certificate that has expired is an alarm, and nothing is lost over it") {
  const TempDir server_directory;
  const TempDir relay_directory;
  TestCa ca;
  Influxd server(server_directory.path());
  server.CreateDatabase("metrics");
  const TlsFront front(server.endpoint(), {.certificate = ca.Issue("IP:127.0.0.1", -1)});
  RelayProcess relay(
      relay_directory.path(),
      {.backends = {{"a", SecureUrl(front), {fmt::format("tls: {{ca: {}}}", ca.cert())}}}});
  WritePoints(relay);
  REQUIRE(WaitForState(relay, "a", "held"));
  CHECK(StatusOf(relay, "a").why.ends_with("its TLS certificate has expired"));
  CHECK_NE(relay.Output().find("its TLS certificate has expired"), std::string::npos);
  CHECK_EQ(StatusOf(relay, "a").figures.owed.points, kPoints);
  CHECK(server.ReadPoints("metrics", "m").empty());
}

TEST_CASE("kinds: packets are filled with lines; a line too long for one is a dead letter") {
  const TempDir server_directory;
  const TempDir relay_directory;
  const std::uint16_t port = FreePort();
  Influxd server(server_directory.path(),
                 fmt::format("[[udp]]\nenabled = true\nbind-address = \"127.0.0.1:{}\"\n"
                             "database = \"metrics\"\nbatch-timeout = \"10ms\"\n",
                             port));
  const RelayProcess relay(
      relay_directory.path(),
      {.backends = {{"a", fmt::format("udp://127.0.0.1:{}", port), {"mtu: 100B"}}}});
  WritePoints(relay);
  REQUIRE_EQ(relay.Write("metrics", "m s=\"" + std::string(100, 'x') + "\" 7\n").status, 204);
  REQUIRE(relay.WaitDrained());
  CHECK(Eventually(kPatience, [&] { return server.ReadPoints("metrics", "m") == Points(); }));
  CHECK_EQ(StatusOf(relay, "a").figures.delivered, kPoints);
  CHECK_EQ(StatusOf(relay, "a").figures.dead, 1);
  const RunResult dead =
      Run({RelayBinary(), "inspect", "--config", relay.config_path(), "--backend", "a", "--dead"});
  CHECK_NE(dead.output.find("do not fit in a packet of 100"), std::string::npos);
}

TEST_CASE("kinds: times of the seventies arrive as they are at a VictoriaMetrics with api v1") {
  constexpr std::int64_t kMilli = 1'000'000;
  constexpr std::int64_t kSecond = 1'000 * kMilli;
  const TempDir influxd_directory;
  const TempDir victoria_directory;
  const TempDir relay_directory;
  Influxd influxd(influxd_directory.path());
  influxd.CreateDatabase("metrics");
  const VictoriaMetrics victoria(victoria_directory.path());
  const RelayProcess relay(relay_directory.path(),
                           {.backends = {{"i", influxd.Url()}, {"v", victoria.Url()}}});
  struct Sent {
    const char* precision;
    std::int64_t unit;
    std::int64_t time;
  };
  // By their size alone, these would be seconds, milliseconds or microseconds.
  const std::vector<Sent> all = {{"n", 1, kMilli},
                                 {"n", 1, 5 * kSecond},
                                 {"n", 1, 7'000'000 * kSecond},
                                 {"n", 1, 99'999'999 * kSecond},
                                 {"u", 1'000, 6'000'000},
                                 {"ms", kMilli, 7'000},
                                 {"s", kSecond, 8},
                                 {"m", 60 * kSecond, 9},
                                 {"h", 3'600 * kSecond, 10}};
  std::vector<StoredPoint> points;
  for (const Sent& sent : all) {
    REQUIRE_EQ(relay
                   .Write("metrics", fmt::format("m v=1 {}\n", sent.time),
                          fmt::format("precision={}", sent.precision))
                   .status,
               204);
    points.push_back({sent.time * sent.unit, "", "v=1"});
  }
  std::sort(points.begin(), points.end());
  REQUIRE(relay.WaitDrained());
  CHECK(influxd.ReadPoints("metrics", "m") == points);
  CHECK(victoria.ReadPoints("metrics", "m", "v") == points);
}

TEST_CASE("kinds: a VictoriaMetrics answers 204 to times that it does not store") {
  const TempDir directory;
  const VictoriaMetrics victoria(directory.path());
  const auto answer = [&victoria](std::string_view line) {
    return Post(victoria.endpoint(), "/write?db=metrics&precision=ns", std::string(line)).status;
  };
  CHECK_EQ(answer("early v=1 -5000000000"), 204);
  CHECK_EQ(answer("late v=1 9000000000000000000"), 204);
  CHECK_EQ(answer("zero v=1 0"), 204);
  CHECK(victoria.ReadPoints("metrics", "early", "v").empty());
  CHECK(victoria.ReadPoints("metrics", "late", "v").empty());
  std::vector<StoredPoint> zero;
  REQUIRE(Eventually(kPatience, [&] {
    zero = victoria.ReadPoints("metrics", "zero", "v");
    return zero.size() == 1;
  }));
  CHECK_GT(zero.front().time_ns, 0);  // It is stored at the time when it came.
}

}  // namespace
}  // namespace relay::test::integration_delivery_backend_kinds_test
