#include <doctest/doctest.h>

#include <csignal>
#include <string>

#include "replay/transport/http_transport.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/process.h"
#include "tests/support/process/tls_front.h"

namespace relay::test::replay_net_tls_test {
namespace {

const WriteParams kParams{.database = "d"};

// A backend behind TLS whose certificate is for localhost and 127.0.0.1.
struct Secured {
  Secured() { std::signal(SIGPIPE, SIG_IGN); }

  TestCa ca;
  FakeBackend backend;

  HttpTransportOptions To(const TlsFront& front, const std::string& host = "127.0.0.1") const {
    HttpTransportOptions options;
    options.peer = {.host = host, .port = front.port(), .tls = TlsOptions{.ca = ca.cert()}};
    return options;
  }
  Certificate Ours(int days = 2) { return ca.Issue("DNS:localhost,IP:127.0.0.1", days); }
};

Result<Reply> Send(const HttpTransportOptions& options) {
  return MakeHttpTransport(options)->Send({kParams, "m v=1 1\n"});
}

std::string WhyRefused(const HttpTransportOptions& options, ErrorCode code) {
  const Result<Reply> reply = Send(options);
  REQUIRE(!reply.ok());
  CHECK_EQ(reply.error().code(), code);
  const std::string& message = reply.error().message();
  return message.substr(message.find(": ") + 2);
}

TEST_CASE("tls: lines arrive through it, on one connection, by name and by address") {
  Secured secured;
  const TlsFront front(secured.backend.endpoint(), {.certificate = secured.Ours()});
  for (const char* host : {"127.0.0.1", "localhost"}) {
    CAPTURE(host);
    const auto transport = MakeHttpTransport(secured.To(front, host));
    const std::string lines(3'000'000, 'x');
    CHECK_EQ(transport->Send({kParams, lines}).value().http_status, 204);
    CHECK_EQ(transport->Send({kParams, "m v=1 1\n"}).value().http_status, 204);
    CHECK(secured.backend.Bodies() == lines + "m v=1 1\n");
    secured.backend.Forget();
  }
}

TEST_CASE("tls: an untrusted certificate is reported with the reason, nothing is sent") {
  Secured secured;
  const TlsFront good(secured.backend.endpoint(), {.certificate = secured.Ours()});
  const TlsFront expired(secured.backend.endpoint(), {.certificate = secured.Ours(-1)});
  const TlsFront other(secured.backend.endpoint(),
                       {.certificate = secured.ca.Issue("DNS:elsewhere.example.org")});
  CHECK_EQ(WhyRefused(secured.To(expired), ErrorCode::kInvalidInput),
           "its TLS certificate has expired");
  CHECK_EQ(WhyRefused(secured.To(other), ErrorCode::kInvalidInput),
           "its TLS certificate is for another name than 127.0.0.1");
  CHECK_EQ(WhyRefused(secured.To(other, "localhost"), ErrorCode::kInvalidInput),
           "its TLS certificate is for another name than localhost");
  HttpTransportOptions strangers = secured.To(good);
  strangers.peer.tls->ca = TestCa().cert();  // Deleted already: the CA file cannot be read.
  CHECK(WhyRefused(strangers, ErrorCode::kInvalidInput).starts_with("tls: ca "));
  const TestCa stranger;
  strangers.peer.tls->ca = stranger.cert();
  CHECK_EQ(WhyRefused(strangers, ErrorCode::kInvalidInput),
           "its TLS certificate is signed by an unknown CA");
  strangers.peer.tls->ca = "";  // The system's.
  CHECK_EQ(WhyRefused(strangers, ErrorCode::kInvalidInput),
           "its TLS certificate is signed by an unknown CA");
  CHECK_EQ(secured.backend.RequestCount(), 0);

  strangers.peer.tls->insecure_skip_verify = true;
  CHECK_EQ(Send(strangers).value().http_status, 204);
}

TEST_CASE("tls: a backend that asks for a client certificate gets it") {
  Secured secured;
  const TlsFront front(secured.backend.endpoint(),
                       {.certificate = secured.Ours(), .client_ca = secured.ca.cert()});
  HttpTransportOptions options = secured.To(front);
  CHECK_FALSE(Send(options).ok());
  CHECK_EQ(secured.backend.RequestCount(), 0);
  const Certificate client = secured.ca.Issue("DNS:relay");
  options.peer.tls->cert = client.cert;
  options.peer.tls->key = client.key;
  CHECK_EQ(Send(options).value().http_status, 204);
  options.peer.tls->key = secured.Ours().key;  // The key of another certificate.
  CHECK(WhyRefused(options, ErrorCode::kInvalidInput).starts_with("tls: key "));
}

TEST_CASE("tls: certificates are read again for every connection") {
  Secured secured;
  const TlsFront front(secured.backend.endpoint(), {.certificate = secured.Ours()});
  const TempDir directory;
  HttpTransportOptions options = secured.To(front);
  options.peer.tls->ca = directory.File("ca.pem");
  WriteFile(options.peer.tls->ca, ReadFile(TestCa().cert()));
  const auto transport = MakeHttpTransport(options);
  CHECK_FALSE(transport->Send({kParams, "m v=1 1\n"}).ok());
  WriteFile(options.peer.tls->ca, ReadFile(secured.ca.cert()));
  CHECK_EQ(transport->Send({kParams, "m v=1 1\n"}).value().http_status, 204);
}

TEST_CASE("tls: versions below 1.2, plain HTTP and silence are refused") {
  Secured secured;
  const TlsFront old(secured.backend.endpoint(),
                     {.certificate = secured.Ours(), .old_version_only = true});
  CHECK(WhyRefused(secured.To(old), ErrorCode::kUnavailable)
            .starts_with("the TLS handshake failed: "));
  HttpTransportOptions options = secured.To(old);
  secured.backend.Follow([](const FakeRequest&) { return Answering(204); });
  options.peer.port = secured.backend.endpoint().port;
  options.timeout = milliseconds{300};  // The server waits for an HTTP request.
  CHECK_EQ(WhyRefused(options, ErrorCode::kUnavailable), "no answer within 300 ms");
}

TEST_CASE("tls: a backend that answers twice is not believed the second time") {
  Secured secured;
  secured.backend.Follow([](const FakeRequest& request) {
    FakeAnswer twice;
    twice.raw = Answering(204).Wire() + Answering(204).Wire();
    return request.number == 1 ? twice : Answering(400, "{}");
  });
  const TlsFront front(secured.backend.endpoint(), {.certificate = secured.Ours()});
  const auto transport = MakeHttpTransport(secured.To(front));
  CHECK_EQ(transport->Send({kParams, "m v=1 1\n"}).value().http_status, 204);
  CHECK_EQ(transport->Send({kParams, "m v=2 2\n"}).value().http_status, 400);
}

}  // namespace
}  // namespace relay::test::replay_net_tls_test
