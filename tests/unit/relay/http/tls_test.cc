// The server's TLS, with curl as the client: it checks certificates as strictly
// as clients should.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "relay/http/server.h"
#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"
#include "tests/support/process/tls_front.h"
#include "tests/support/temp_dir.h"
#include "wal/base/clock.h"

namespace relay::test::relay_http_tls_test {
namespace {

class Greeter final : public HttpHandler {
 public:
  void Handle(HttpRequest request, HttpReply reply) override {
    reply({.status = 200,
           .content_type = "text/plain",
           .body = fmt::format("{} bytes", request.body.size())});
  }
  HttpResponse Refusal(int status, std::string_view message) override {
    return {.status = status, .content_type = "text/plain", .body = std::string(message)};
  }
  void Reached(HttpLimit limit) override {
    if (limit == HttpLimit::kTlsHandshake) ++failed_handshakes;
  }

  std::atomic<int> failed_handshakes = 0;
};

TlsFiles FilesOf(const Certificate& certificate, const std::string& client_ca = "") {
  return {.certificate = certificate.cert, .key = certificate.key, .client_ca = client_ca};
}

struct SecureServer {
  explicit SecureServer(const TlsFiles& files, HttpLimits limits = {})
      : server(
            HttpServer::Start({.host = "127.0.0.1", .threads = 2, .limits = limits, .tls = files},
                              greeter, clock)
                .value()) {}

  // Returns curl's output: "200 BODY", or "" and its exit code if it got no answer.
  RunResult Curl(const std::string& ca, const std::vector<std::string>& arguments = {}) const {
    std::vector<std::string> argv = {"curl", "--silent",    "--cacert",
                                     ca,     "--write-out", " %{http_code}"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.push_back(fmt::format("https://127.0.0.1:{}/", server->port()));
    return Run(argv);
  }

  Greeter greeter;
  SystemClock clock;
  std::unique_ptr<HttpServer> server;
};

constexpr int kCurlCannotConnectTls = 35;
constexpr int kCurlUntrusted = 60;

TEST_CASE("tls: requests and large bodies go through, one after the other on a connection") {
  TestCa ca;
  SecureServer server(FilesOf(ca.Issue("IP:127.0.0.1")));
  TempDir directory;
  WriteFile(directory.File("body"), std::string(3'000'000, 'x'));
  // The same address twice is one connection, used again.
  const RunResult twice =
      server.Curl(ca.cert(), {"--data-binary", "ab",
                              fmt::format("https://127.0.0.1:{}/", server.server->port()),
                              "--write-out", " %{http_code} %{num_connects} "});
  CHECK_EQ(twice.output, "2 bytes 200 1 2 bytes 200 0 ");
  CHECK_EQ(server.Curl(ca.cert(), {"--data-binary", "@" + directory.File("body")}).output,
           "3000000 bytes 200");
}

TEST_CASE("tls: versions below 1.2 and plain HTTP get nothing") {
  TestCa ca;
  SecureServer server(FilesOf(ca.Issue("IP:127.0.0.1")));
  CHECK_EQ(server.Curl(ca.cert(), {"--tlsv1.2", "--tls-max", "1.2"}).output, "0 bytes 200");
  const RunResult old =
      server.Curl(ca.cert(), {"--tlsv1.1", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"});
  CHECK_EQ(old.exit_code, kCurlCannotConnectTls);
  RawConnection plain({.host = "127.0.0.1", .port = server.server->port()});
  plain.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK_EQ(plain.ReadUntilClose().bytes.find("HTTP/1.1"), std::string::npos);
  CHECK_EQ(server.greeter.failed_handshakes, 2);
}

TEST_CASE("tls: a handshake that does not go on is given up in time") {
  TestCa ca;
  HttpLimits limits;
  limits.head = std::chrono::milliseconds(300);
  SecureServer server(FilesOf(ca.Issue("IP:127.0.0.1")), limits);
  RawConnection silent({.host = "127.0.0.1", .port = server.server->port()});
  CHECK(silent.ReadUntilClose().closed);
  CHECK_EQ(server.greeter.failed_handshakes, 1);
}

TEST_CASE("tls: where clients need a certificate, only those of the right authority get in") {
  TestCa ca;
  TestCa other;
  const Certificate known = ca.Issue("DNS:client");
  const Certificate stranger = other.Issue("DNS:client");
  SecureServer server(FilesOf(ca.Issue("IP:127.0.0.1"), ca.cert()));
  CHECK_EQ(server.Curl(ca.cert(), {"--cert", known.cert, "--key", known.key}).output,
           "0 bytes 200");
  CHECK_NE(server.Curl(ca.cert()).exit_code, 0);
  CHECK_NE(server.Curl(ca.cert(), {"--cert", stranger.cert, "--key", stranger.key}).exit_code, 0);
}

TEST_CASE("tls: a new certificate is for new connections; a bad one leaves the old in place") {
  TestCa old_ca;
  TestCa new_ca;
  SecureServer server(FilesOf(old_ca.Issue("IP:127.0.0.1")));
  CHECK_EQ(server.Curl(old_ca.cert()).output, "0 bytes 200");
  REQUIRE(server.server->SetTls(FilesOf(new_ca.Issue("IP:127.0.0.1"))).ok());
  CHECK(Eventually(kPatience, [&] { return server.Curl(new_ca.cert()).output == "0 bytes 200"; }));
  CHECK_EQ(server.Curl(old_ca.cert()).exit_code, kCurlUntrusted);

  const Certificate half{.cert = new_ca.Issue("IP:127.0.0.1").cert,
                         .key = old_ca.Issue("IP:127.0.0.1").key};
  const Status refused = server.server->SetTls(FilesOf(half));
  REQUIRE(!refused.ok());
  CHECK_EQ(refused.error().code(), ErrorCode::kInvalidInput);
  CHECK(refused.error().message().starts_with("key " + half.key));
  CHECK(!server.server->SetTls({.certificate = "/no/such", .key = "/no/such"}).ok());
  CHECK_EQ(server.Curl(new_ca.cert()).output, "0 bytes 200");
}

TEST_CASE("tls: a certificate that cannot be read keeps the listener from starting") {
  Greeter greeter;
  SystemClock clock;
  const auto server = HttpServer::Start(
      {.host = "127.0.0.1", .tls = TlsFiles{.certificate = "/no/such", .key = "/no/such"}}, greeter,
      clock);
  REQUIRE(!server.ok());
  CHECK_NE(server.error().message().find("certificate /no/such: "), std::string::npos);
}

}  // namespace
}  // namespace relay::test::relay_http_tls_test
