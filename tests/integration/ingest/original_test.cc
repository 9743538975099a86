// The original relay's configurations: each starts, serves and delivers.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"
#include "tests/support/process/tls_front.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_original_test {
namespace {

const std::string kFiles = SourceRoot() + "/tests/original/";

// Returns one of the files in tests/original with other addresses than it names.
std::string Placed(const std::string& name,
                   const std::vector<std::pair<std::string, std::string>>& places) {
  std::string text = ReadFile(kFiles + name);
  REQUIRE_NE(text, "");
  for (const auto& [from, to] : places) {
    REQUIRE_NE(text.find(from), std::string::npos);
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
      text.replace(at, from.size(), to);
    }
  }
  return text;
}

// `influxdb-relay -config relay.toml`, as the original is started.
struct Original {
  explicit Original(const std::string& toml, const std::string& name = "relay.toml")
      : config(directory.File(name)) {
    WriteFile(config, fmt::format("{}[log]\npath = \"{}\"\n[admin]\nbind-addr = \"127.0.0.1:{}\"\n",
                                  toml, directory.File("log"), admin.port));
    Start({RelayBinary(), "-config", config});
  }

  void Start(const std::vector<std::string>& argv) {
    process =
        std::make_unique<Process>(Program{.argv = argv, .output_path = directory.File("out")});
    const bool ready =
        Eventually(kPatience, [this] { return Get(admin, "/readyz").status == 200; });
    REQUIRE_MESSAGE(ready, process->Output());
  }

  // Counts how often the relay has said so.
  std::size_t Said(const std::string& words) const {
    const std::string output = process->Output();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = output.find(words, at)) != std::string::npos; ++at) ++count;
    return count;
  }

  TempDir directory;
  HostPort admin{.port = FreePort()};
  std::string config;
  std::unique_ptr<Process> process;
};

// Receives packets, like an InfluxDB with [[udp]].
class Receiver {
 public:
  Receiver() { BindPackets(socket_, to_); }

  std::string place() const { return "127.0.0.1:" + std::to_string(to_.port); }
  std::string Receive() const {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    REQUIRE_EQ(poll(&waiting, 1, static_cast<int>(kPatience.count())), 1);
    std::string packet(2048, '\0');
    const ssize_t size = recv(socket_.get(), packet.data(), packet.size(), 0);
    REQUIRE_GT(size, 0);
    return packet.substr(0, static_cast<std::size_t>(size));
  }

 private:
  Fd socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  HostPort to_{.port = FreePort()};
};

std::string PlaceOf(const HostPort& endpoint) {
  return "127.0.0.1:" + std::to_string(endpoint.port);
}

TEST_CASE("original: the plain configuration serves and delivers, by HTTP and UDP") {
  FakeBackend a;
  FakeBackend b;
  const Receiver c;
  const Receiver d;
  const HostPort door{.port = FreePort()};
  const Original relay(Placed("plain.toml", {{"127.0.0.1:9096", PlaceOf(door)},
                                             {"http://127.0.0.1:8086", a.Url()},
                                             {"http://127.0.0.1:7086", b.Url()},
                                             {"127.0.0.1:8089", c.place()},
                                             {"127.0.0.1:7089", d.place()}}));
  CHECK_EQ(Get(door, "/ping").status, 200);
  CHECK_EQ(Post(door, "/write?db=d", "m v=1 1\n").status, 204);
  REQUIRE(a.WaitForRequests(1));
  REQUIRE(b.WaitForRequests(1));
  CHECK_EQ(a.Bodies(), "m v=1 1\n");
  CHECK_EQ(a.Requests().at(0).Header("authorization"), "");
  CHECK_EQ(b.Requests().at(0).Parameter("rp"), "week");
  CHECK_EQ(b.Requests().at(0).Header("authorization"), "Basic cmVsYXk6cGFzcyB3b3Jk");
  SendPacket(door, "p v=1 1");
  CHECK_EQ(c.Receive(), "p v=1 1\n");
  CHECK_EQ(d.Receive(), "p v=1 1\n");
  CHECK_EQ(relay.Said("clients' credentials are passed on"), 1);
  CHECK_EQ(relay.Said("pass word"), 0);
}

TEST_CASE("original: the buffered configuration keeps in the log what a backend misses") {
  FakeBackend a;
  FakeBackend b;
  b.Refuse();
  const HostPort door{.port = FreePort()};
  Original relay(Placed("buffered.toml", {{"127.0.0.1:9096", PlaceOf(door)},
                                          {"http://127.0.0.1:8086", a.Url()},
                                          {"http://127.0.0.1:7086", b.Url()}}));
  CHECK_EQ(relay.Said("no longer limits memory"), 1);
  CHECK_EQ(Post(door, "/write?db=d", "m v=1 1\n").status, 204);
  REQUIRE(a.WaitForRequests(1));
  relay.process->Kill(SIGKILL);  // The original would lose its buffer here.
  relay.process->WaitFor(kPatience);
  b.Listen();
  relay.Start({RelayBinary(), "-config=" + relay.config});
  REQUIRE(b.WaitForRequests(1));
  CHECK_EQ(b.Bodies(), "m v=1 1\n");
}

TEST_CASE("original: the configuration with TLS serves and delivers over TLS") {
  TestCa ca;
  const Certificate certificate = ca.Issue("DNS:localhost,IP:127.0.0.1");
  const TempDir directory;
  const std::string pem = directory.File("combined.pem");
  WriteFile(pem, ReadFile(certificate.key) + ReadFile(certificate.cert));
  FakeBackend a;
  const TlsFront front(a.endpoint(), {.certificate = ca.Issue("DNS:elsewhere", -1)});
  const HostPort door{.port = FreePort()};
  const Original relay(Placed("tls.toml", {{"127.0.0.1:9096", PlaceOf(door)},
                                           {"/etc/ssl/influxdb-relay.pem", pem},
                                           {"127.0.0.1:8086", PlaceOf({.port = front.port()})}}));
  const RunResult curl =
      Run({"curl", "-s", "--cacert", ca.cert(), "-o", "/dev/null", "-w", "%{http_code}",
           "--data-binary", "m v=1 1", fmt::format("https://127.0.0.1:{}/write?db=d", door.port)});
  CHECK_EQ(curl.output, "204");
  REQUIRE(a.WaitForRequests(1));
  CHECK_EQ(a.Bodies(), "m v=1 1\n");
}

TEST_CASE("original: the configuration with UDP passes packets on") {
  const Receiver a;
  const Receiver b;
  const HostPort door{.port = FreePort()};
  const Original relay(Placed("udp.toml", {{"127.0.0.1:9096", PlaceOf(door)},
                                           {"127.0.0.1:8089", a.place()},
                                           {"127.0.0.1:7089", b.place()}}));
  SendPacket(door, "m v=1 1");
  CHECK_EQ(a.Receive(), "m v=1 1\n");
  CHECK_EQ(b.Receive(), "m v=1 1\n");
}

TEST_CASE("original: the fork's configuration serves and delivers; what is not honoured is said") {
  FakeBackend a;
  FakeBackend b;
  const Receiver c;
  const HostPort door{.port = FreePort()};
  const Original relay(Placed("fork.conf", {{"127.0.0.1:9096", PlaceOf(door)},
                                            {"http://127.0.0.1:8086", a.Url()},
                                            {"http://127.0.0.1:7086", b.Url()},
                                            {"127.0.0.1:8089", c.place()}}),
                       "influxdb-relay.conf");
  CHECK_EQ(Post(door, "/write?db=d", "m v=1 1\n").status, 204);
  REQUIRE(a.WaitForRequests(1));
  REQUIRE(b.WaitForRequests(1));
  CHECK_EQ(a.Requests().at(0).Parameter("rp"), "autogen");
  SendPacket(door, "p v=1 1");
  CHECK_EQ(c.Receive(), "p v=1 1\n");
  for (const char* key : {"health-timeout-ms", "rate-limit", "burst-limit", "buffer-size-mb",
                          "max-delay-interval", "write_prom", "query"}) {
    CAPTURE(key);
    CHECK_EQ(relay.Said(std::string(".") + key), key == std::string("query") ? 2 : 1);
  }
}

TEST_CASE("original: printed as YAML, a configuration is valid, means the same and has no secret") {
  for (const char* name : {"plain.toml", "buffered.toml", "tls.toml", "udp.toml", "fork.conf"}) {
    CAPTURE(name);
    const RunResult yaml = Run({RelayBinary(), "check-config", "--to-yaml", kFiles + name});
    CHECK_EQ(yaml.exit_code, 0);
    CHECK_EQ(yaml.output.find("pass word"), std::string::npos);
    const TempDir directory;
    WriteFile(directory.File("relay.yaml"), yaml.output);
    const RunResult original = Run({RelayBinary(), "check-config", "--file-only", kFiles + name});
    const RunResult native =
        Run({RelayBinary(), "check-config", "--file-only", directory.File("relay.yaml")});
    INFO(native.output);
    CHECK_EQ(native.exit_code, 0);
    // Ignores the notes and the file's name: the same listeners, log and backends.
    const std::string checked = native.output.substr(native.output.find('\n'));
    CHECK_NE(original.output.find(checked), std::string::npos);
    const RunResult again =
        Run({RelayBinary(), "check-config", "--to-yaml", directory.File("relay.yaml")});
    const std::string settings = again.output.substr(again.output.find("\n\n"));
    CHECK_NE(yaml.output.find(settings), std::string::npos);
  }
}

}  // namespace
}  // namespace relay::test::integration_ingest_original_test
