// The set-up in the original's diagram: a load balancer in front of two relays
// in front of two databases; writes to the relays, queries to the databases.
// HAProxy and the databases are real, the relays run the original's TOML.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <memory>
#include <string>

#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_picture_test {
namespace {

// A database that takes packets too.
struct Database {
  Database() {
    server.CreateDatabase("metrics");
    server.CreateDatabase("packets");
  }

  TempDir directory;
  HostPort packets{.port = FreePort()};
  Influxd server{directory.path(),
                 fmt::format("[[udp]]\nenabled = true\nbind-address = \"127.0.0.1:{}\"\n"
                             "database = \"packets\"\nbatch-size = 1\nbatch-timeout = \"10ms\"\n",
                             packets.port)};
};

// A relay with the original's configuration, started like the original.
class OriginalRelay {
 public:
  OriginalRelay(const Database& a, const Database& b) {
    WriteFile(toml_,
              fmt::format("[[http]]\n"
                          "name = \"http\"\n"
                          "bind-addr = \"127.0.0.1:{door}\"\n"
                          "output = [\n"
                          "  {{ name=\"influx-a\", location=\"{a}/write\", buffer-size-mb=100 }},\n"
                          "  {{ name=\"influx-b\", location=\"{b}/write\", buffer-size-mb=100 }},\n"
                          "]\n"
                          "[[udp]]\n"
                          "name = \"udp\"\n"
                          "bind-addr = \"127.0.0.1:{door}\"\n"
                          "output = [\n"
                          "  {{ name=\"packets-a\", location=\"127.0.0.1:{pa}\" }},\n"
                          "  {{ name=\"packets-b\", location=\"127.0.0.1:{pb}\" }},\n"
                          "]\n"
                          "[log]\npath = \"{log}\"\n"
                          "[admin]\nbind-addr = \"127.0.0.1:{admin}\"\n",
                          fmt::arg("door", door_.port), fmt::arg("a", a.server.Url()),
                          fmt::arg("b", b.server.Url()), fmt::arg("pa", a.packets.port),
                          fmt::arg("pb", b.packets.port), fmt::arg("log", directory_.File("log")),
                          fmt::arg("admin", admin_.port)));
    Start(toml_);
  }

  const HostPort& door() const { return door_; }
  const std::string& toml() const { return toml_; }

  void Start(const std::string& config) {
    process_ = std::make_unique<Process>(Program{.argv = {RelayBinary(), "-config", config},
                                                 .output_path = directory_.File("output")});
    const bool ready =
        Eventually(kPatience, [this] { return Get(admin_, "/readyz").status == 200; });
    REQUIRE_MESSAGE(ready, process_->Output());
  }
  void End(int signal) {
    process_->Kill(signal);
    REQUIRE(process_->WaitFor(kPatience).has_value());
  }

 private:
  TempDir directory_;
  HostPort door_{.port = FreePort()};
  HostPort admin_{.port = FreePort()};
  std::string toml_ = directory_.File("relay.toml");
  std::unique_ptr<Process> process_;
};

struct Picture {
  Picture() {
    WriteFile(directory.File("haproxy.cfg"),
              fmt::format("defaults\n"
                          "    mode http\n"
                          "    timeout connect 2s\n"
                          "    timeout client 30s\n"
                          "    timeout server 30s\n"
                          "    option redispatch 1\n"
                          "    retries 3\n"
                          "    retry-on conn-failure empty-response\n"
                          "    option httpchk GET /ping\n"
                          "    default-server check inter 100ms fall 1 rise 1\n"
                          "frontend influxdb\n"
                          "    bind 127.0.0.1:{}\n"
                          "    acl write path /write\n"
                          "    use_backend relays if write\n"
                          "    default_backend databases\n"
                          "backend relays\n"
                          "    balance roundrobin\n"
                          "    server relay-1 127.0.0.1:{}\n"
                          "    server relay-2 127.0.0.1:{}\n"
                          "backend databases\n"
                          "    balance first\n"
                          "    server influx-b 127.0.0.1:{}\n"
                          "    server influx-a 127.0.0.1:{}\n"
                          "listen lines\n"
                          "    mode tcp\n"
                          "    bind 127.0.0.1:{}\n"
                          "    server relay-2 127.0.0.1:{} no-check\n",
                          front.port, one.door().port, two.door().port, b.server.endpoint().port,
                          a.server.endpoint().port, front_lines.port, lines.port));
    haproxy = std::make_unique<Process>(
        Program{.argv = {"/usr/sbin/haproxy", "-db", "-f", directory.File("haproxy.cfg")},
                .output_path = directory.File("haproxy.log")});
    const bool serves = Eventually(kPatience, [this] { return Get(front, "/ping").status == 204; });
    REQUIRE_MESSAGE(serves, haproxy->Output());
  }

  // Tries until the client is told that its point is safe.
  void Write(int n) const {
    const std::string line = fmt::format("m,n={0} v={0}i {1}\n", n, n + 1);
    const bool taken =
        Eventually(kPatience, [&] { return Post(front, "/write?db=metrics", line).status == 204; });
    REQUIRE(taken);
  }

  bool Holds(const Database& database, const std::string& of, const std::string& measurement,
             std::uint64_t points) const {
    return Eventually(kPatience,
                      [&] { return database.server.CountPoints(of, measurement, "v") == points; });
  }

  TempDir directory;
  Database a;
  Database b;
  OriginalRelay one{a, b};
  OriginalRelay two{a, b};
  HostPort front{.port = FreePort()};
  HostPort front_lines{.port = FreePort()};
  HostPort lines{.port = FreePort()};
  std::unique_ptr<Process> haproxy;
};

TEST_CASE("picture: a relay and a database go and come back; both databases have every point") {
  Picture picture;
  constexpr int kPoints = 200;
  for (int n = 0; n < kPoints; ++n) {
    if (n == 40) picture.b.server.Kill();
    if (n == 80) picture.one.End(SIGKILL);  // It owes b points.
    if (n == 120) picture.one.Start(picture.one.toml());
    if (n == 160) picture.b.server.Start();
    picture.Write(n);
  }
  CHECK(picture.Holds(picture.a, "metrics", "m", kPoints));
  CHECK(picture.Holds(picture.b, "metrics", "m", kPoints));
}

TEST_CASE("picture: queries go to the databases, and go on when one of them is gone") {
  Picture picture;
  picture.Write(1);
  REQUIRE(picture.Holds(picture.a, "metrics", "m", 1));
  REQUIRE(picture.Holds(picture.b, "metrics", "m", 1));
  const auto answered = [&picture] {
    const HttpAnswer answer =
        Get(picture.front, "/query?db=metrics&q=" + PercentEncode("SELECT COUNT(v) FROM m"));
    return answer.status == 200 && answer.body.find(",1]") != std::string::npos;
  };
  CHECK(answered());
  picture.b.server.Kill();
  CHECK(Eventually(kPatience, answered));
}

TEST_CASE("picture: packets to either relay reach both databases") {
  const Picture picture;
  SendPacket(picture.one.door(), "p,from=one v=1 1");
  SendPacket(picture.two.door(), "p,from=two v=2 2");
  CHECK(picture.Holds(picture.a, "packets", "p", 2));
  CHECK(picture.Holds(picture.b, "packets", "p", 2));
}

// One relay after the other moves to the native form, on the log that it has.
TEST_CASE("picture: a relay goes on with its configuration as YAML, and takes lines by TCP") {
  Picture picture;
  picture.b.server.Kill();
  for (int n = 0; n < 10; ++n) picture.Write(n);
  picture.two.End(SIGTERM);
  const RunResult printed = Run({RelayBinary(), "check-config", "--to-yaml", picture.two.toml()});
  REQUIRE_EQ(printed.exit_code, 0);
  const std::string yaml = picture.directory.File("relay.yaml");
  WriteFile(yaml, fmt::format("{}tcp:\n  - {{ address: 127.0.0.1:{}, database: metrics, "
                              "backends: [influx-a, influx-b] }}\n",
                              printed.output, picture.lines.port));
  picture.two.Start(yaml);
  RawConnection client(picture.front_lines);
  REQUIRE(client.Send("m,n=tcp v=1i 1000\n"));
  client.CloseSending();
  picture.b.server.Start();
  CHECK(picture.Holds(picture.a, "metrics", "m", 11));
  CHECK(picture.Holds(picture.b, "metrics", "m", 11));
}

}  // namespace
}  // namespace relay::test::integration_ingest_picture_test
