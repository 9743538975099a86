// Writes by TCP and UDP to the relay as a program.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "tests/support/fake_backend.h"
#include "tests/support/influxd.h"
#include "tests/support/ports.h"
#include "tests/support/relay_process.h"
#include "tests/support/relay_status.h"
#include "tests/support/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test {
namespace {

struct Lines {
  explicit Lines(const std::string& backend_url)
      : relay(directory.path(), {.backends = {{"a", backend_url}}, .top = Yaml()}) {}

  std::string Yaml() const {
    return fmt::format(
        "tcp:\n  - {{address: '127.0.0.1:{}', database: metrics, precision: s}}\n"
        "udp:\n  - {{address: '127.0.0.1:{}', database: metrics}}\n",
        tcp.port, udp.port);
  }
  std::string Metrics() const { return Get(relay.admin(), "/metrics").body; }
  bool WaitMetric(const std::string& line) const {
    return Eventually(kPatience,
                      [&] { return Metrics().find("\n" + line + "\n") != std::string::npos; });
  }
  std::string Labels(const std::string& protocol, const Endpoint& at) const {
    return fmt::format("{{protocol=\"{}\",listener=\"127.0.0.1:{}\"}}", protocol, at.port);
  }

  Endpoint tcp{.port = FreePort()};
  Endpoint udp{.port = FreePort()};
  TempDir directory;
  RelayProcess relay;
};

TEST_CASE("lines: what comes by TCP and UDP is in the database, and counted") {
  TempDir influx_directory;
  Influxd influx(influx_directory.path());
  influx.CreateDatabase("metrics");
  Lines lines(influx.Url());
  RawConnection client(lines.tcp);
  CHECK(client.Send("cpu,via=tcp v=1 1700000000\nnonsense\ncpu,via=tcp v=2 1700000001\n"));
  SendPacket(lines.udp, "cpu,via=udp v=3 1700000002000000000");
  CHECK(lines.WaitMetric("influxdb_relay_line_accepted_points_total" +
                         lines.Labels("tcp", lines.tcp) + " 2"));
  CHECK(lines.WaitMetric("influxdb_relay_line_refused_lines_total" +
                         lines.Labels("tcp", lines.tcp) + " 1"));
  CHECK(lines.WaitMetric("influxdb_relay_line_accepted_points_total" +
                         lines.Labels("udp", lines.udp) + " 1"));
  REQUIRE(lines.relay.WaitDrained());
  const std::vector<StoredPoint> expected = {{1'700'000'000'000'000'000, "via=tcp", "v=1"},
                                             {1'700'000'001'000'000'000, "via=tcp", "v=2"},
                                             {1'700'000'002'000'000'000, "via=udp", "v=3"}};
  CHECK_EQ(influx.ReadPoints("metrics", "cpu"), expected);
}

TEST_CASE("lines: what was sent before SIGTERM is delivered after the next start") {
  FakeBackend backend;
  backend.Refuse();
  Lines lines(backend.Url());
  RawConnection client(lines.tcp);
  std::string sent;
  for (int i = 0; i < 10'000; ++i) sent += fmt::format("m v={} {}\n", i, i);
  CHECK(client.Send(sent));
  for (int i = 0; i < 100; ++i) SendPacket(lines.udp, fmt::format("n v={} {}", i, i));
  CHECK(
      lines.WaitMetric("influxdb_relay_line_connections" + lines.Labels("tcp", lines.tcp) + " 1"));
  CHECK_EQ(lines.relay.Stop().exit_code, 0);
  backend.Listen();
  lines.relay.Start();
  REQUIRE(lines.relay.WaitDrained());
  CHECK_EQ(StatusOf(lines.relay, "a").figures.delivered, 10'100);
}

}  // namespace
}  // namespace relay::test
