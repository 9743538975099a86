// The original relay's configurations: each starts, serves and delivers.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include "tests/support/fake_backend.h"
#include "tests/support/http_client.h"
#include "tests/support/ports.h"
#include "tests/support/process.h"
#include "tests/support/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test {
namespace {

// `influxdb-relay -config relay.toml`, as the original is started.
struct Original {
  explicit Original(const std::string& toml) {
    WriteFile(config, fmt::format("{}[log]\npath = \"{}\"\n[admin]\nbind-addr = \"127.0.0.1:{}\"\n",
                                  toml, directory.File("log"), admin.port));
    process = std::make_unique<Process>(
        Program{.argv = {RELAY_BINARY, "-config", config}, .output_path = directory.File("out")});
    const bool ready =
        Eventually(kPatience, [this] { return Get(admin, "/readyz").status == 200; });
    REQUIRE_MESSAGE(ready, process->Output());
  }

  TempDir directory;
  Endpoint admin{.port = FreePort()};
  std::string config = directory.File("relay.toml");
  std::unique_ptr<Process> process;
};

TEST_CASE("original: the plain and the buffered configuration serve and deliver") {
  for (const char* keys :
       {"", ", buffer-size-mb=100, max-batch-kb=50, max-delay-interval=\"5s\""}) {
    CAPTURE(keys);
    FakeBackend a;
    FakeBackend b;
    const Endpoint http{.port = FreePort()};
    const Original relay(
        fmt::format("[[http]]\nname = \"example-http\"\nbind-addr = \"127.0.0.1:{}\"\n"
                    "default-retention-policy = \"week\"\n"
                    "output = [\n"
                    "  {{ name=\"local1\", location=\"{}/write\", timeout=\"10s\"{} }},\n"
                    "  {{ name=\"local2\", location=\"{}/write\", timeout=\"10s\"{} }},\n]\n",
                    http.port, a.Url(), keys, b.Url(), keys));
    CHECK_EQ(Post(http, "/write?db=d", "m v=1 1\n").status, 204);
    REQUIRE(a.WaitForRequests(1));
    REQUIRE(b.WaitForRequests(1));
    CHECK_EQ(a.Bodies(), "m v=1 1\n");
    CHECK_EQ(b.Requests().at(0).Parameter("rp"), "week");
    const bool said = relay.process->Output().find("is not memory any more") != std::string::npos;
    CHECK_EQ(said, *keys != '\0');
  }
}

TEST_CASE("original: the configuration with TLS serves and delivers") {
  const TempDir directory;
  const std::string pem = directory.File("combined.pem");
  REQUIRE_EQ(Run({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                  "/CN=localhost", "-keyout", pem, "-out", directory.File("cert.pem")})
                 .exit_code,
             0);
  WriteFile(pem, ReadFile(pem) + ReadFile(directory.File("cert.pem")));
  FakeBackend a;
  const std::uint16_t port = FreePort();
  const Original relay(fmt::format(
      "[[http]]\nbind-addr = \"127.0.0.1:{}\"\nssl-combined-pem = \"{}\"\n"
      "output = [{{ name=\"a\", location=\"{}/write\", skip-tls-verification=true }}]\n",
      port, pem, a.Url()));
  const RunResult curl =
      Run({"curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", "m v=1 1",
           fmt::format("https://127.0.0.1:{}/write?db=d", port)});
  CHECK_EQ(curl.output, "204");
  REQUIRE(a.WaitForRequests(1));
}

TEST_CASE("original: the configuration with UDP passes packets on") {
  const Fd receiver(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Endpoint to{.port = FreePort()};
  BindPackets(receiver, to);
  const Endpoint udp{.port = FreePort()};
  const Original relay(fmt::format(
      "[[udp]]\nname = \"example-udp\"\nbind-addr = \"127.0.0.1:{}\"\nread-buffer = 0\n"
      "output = [{{ name=\"local1\", location=\"127.0.0.1:{}\", mtu=512 }}]\nprecision = \"s\"\n",
      udp.port, to.port));
  SendPacket(udp, "m v=1 1");
  pollfd waiting{.fd = receiver.get(), .events = POLLIN, .revents = 0};
  REQUIRE_EQ(poll(&waiting, 1, static_cast<int>(kPatience.count())), 1);
  std::string packet(1024, '\0');
  const ssize_t size = recv(receiver.get(), packet.data(), packet.size(), 0);
  REQUIRE_GT(size, 0);
  CHECK_EQ(packet.substr(0, static_cast<std::size_t>(size)), "m v=1 1\n");
}

}  // namespace
}  // namespace relay::test
