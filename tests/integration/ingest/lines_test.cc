// Writes by TCP and UDP to the relay program.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_lines_test {
namespace {

struct Lines {
  explicit Lines(const std::string& backend_url) : relay(directory.path(), With(backend_url, {})) {}

  std::string Yaml() const {
    return fmt::format(
        "tcp:\n  - {{address: '127.0.0.1:{}', database: metrics, precision: s}}\n"
        "udp:\n  - {{address: '127.0.0.1:{}', database: metrics}}\n",
        tcp.port, udp.port);
  }
  RelayProcess::Settings With(const std::string& backend_url, std::vector<std::string> log) const {
    return {.backends = {{"a", backend_url}}, .log = std::move(log), .top = Yaml()};
  }
  std::uint64_t Metric(const std::string& name) const {
    const std::string metrics = Metrics();
    const std::size_t at = metrics.find("\n" + name + " ");
    REQUIRE_NE(at, std::string::npos);
    return std::stoull(metrics.substr(at + name.size() + 2));
  }
  std::string Metrics() const { return Get(relay.admin(), "/metrics").body; }
  bool WaitMetric(const std::string& line) const {
    return Eventually(kPatience,
                      [&] { return Metrics().find("\n" + line + "\n") != std::string::npos; });
  }
  std::string Labels(const std::string& protocol, const HostPort& at) const {
    return fmt::format("{{protocol=\"{}\",listener=\"127.0.0.1:{}\"}}", protocol, at.port);
  }

  HostPort tcp{.port = FreePort()};
  HostPort udp{.port = FreePort()};
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

// Requires more free space than any disk has: the log takes nothing.
TEST_CASE(
    "lines: while the log is full TCP clients wait and UDP's losses are counted, then all goes "
    "on") {
  FakeBackend backend;
  Lines lines(backend.Url());
  lines.relay.Configure(lines.With(backend.Url(), {"min_free: 1048576GiB"}));
  lines.relay.process().Kill(SIGHUP);
  REQUIRE(Eventually(kPatience, [&] { return Get(lines.relay.admin(), "/readyz").status == 503; }));
  const HttpAnswer full = lines.relay.Write("metrics", "m v=1 1\n");
  CHECK_EQ(full.status, 503);
  CHECK_FALSE(full.Header("retry-after").empty());

  // Exceeds what the listener and the kernel's buffers take.
  const std::string line = fmt::format("m s=\"{}\" 1\n", std::string(10'000, 'x'));
  constexpr std::uint64_t kLines = 4'000;
  std::atomic<bool> sent = false;
  std::jthread sender([&] {
    RawConnection client(lines.tcp);
    for (std::uint64_t i = 0; i < kLines; ++i) CHECK(client.Send(line));
    sent = true;
  });
  const std::string packets = "influxdb_relay_line_packets_total" + lines.Labels("udp", lines.udp);
  const std::string lost =
      "influxdb_relay_line_lost_packets_total" + lines.Labels("udp", lines.udp);
  std::uint64_t sent_packets = 0;
  CHECK(Eventually(kPatience, [&] {
    for (int i = 0; i < 1'000; ++i) SendPacket(lines.udp, line);
    sent_packets += 1'000;
    return lines.Metric(lost) > 0;
  }));
  CHECK_FALSE(sent);
  CHECK_EQ(StatusOf(lines.relay, "a").figures.accepted.points, 0);

  lines.relay.Configure(lines.With(backend.Url(), {"min_free: 1MiB"}));
  lines.relay.process().Kill(SIGHUP);
  CHECK(lines.WaitMetric(fmt::format("influxdb_relay_line_accepted_points_total{} {}",
                                     lines.Labels("tcp", lines.tcp), kLines)));
  CHECK(Eventually(kPatience,
                   [&] { return lines.Metric(packets) + lines.Metric(lost) == sent_packets; }));
  REQUIRE(lines.relay.WaitDrained());
  CHECK_EQ(StatusOf(lines.relay, "a").figures.delivered, kLines + lines.Metric(packets));
}

TEST_CASE("lines: the journal says what is wrong with a line, not what is in it") {
  FakeBackend backend;
  Lines lines(backend.Url());
  RawConnection client(lines.tcp);
  CHECK(client.Send("m v=c4nary\nc4nary\n\"c4nary v=1 \n"));
  SendPacket(lines.udp, "m c4nary=\"c4nary");
  for (const char* listener : {"listener=\"tcp ", "listener=\"udp "}) {
    CHECK(Eventually(kPatience, [&] {
      return lines.relay.Output().find(std::string("event=\"lines refused\" ") + listener) !=
             std::string::npos;
    }));
  }
  CHECK_EQ(lines.relay.Output().find("c4nary"), std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_ingest_lines_test
