#include "replay/http_transport.h"

#include <doctest/doctest.h>

#include <future>

#include "tests/support/eventually.h"
#include "tests/support/fake_backend.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

const WriteParams kParams{
    .database = "my db", .retention_policy = "", .precision = Precision::kSecond};

HttpTransportOptions To(const FakeBackend& backend, std::chrono::milliseconds timeout = 10s) {
  HttpTransportOptions options;
  options.peer = {.host = "127.0.0.1", .port = backend.endpoint().port};
  options.timeout = timeout;
  return options;
}

Result<Reply> Send(Transport& transport, std::string_view lines = "m v=1 1\n") {
  return transport.Send({.params = kParams, .lines = lines});
}

TEST_CASE("transport: the lines arrive byte for byte, on one connection") {
  FakeBackend backend;
  const auto transport = MakeHttpTransport(To(backend));
  const std::string lines(3'000'000, 'x');
  CHECK_EQ(Send(*transport, lines).value().http_status, 204);
  CHECK_EQ(Send(*transport).value().http_status, 204);
  REQUIRE_EQ(backend.RequestCount(), 2);
  CHECK(backend.Requests()[0].body == lines);
  CHECK_EQ(backend.Requests()[0].target, "/write?db=my%20db&precision=s");
  CHECK_EQ(backend.Requests()[1].body, "m v=1 1\n");
}

TEST_CASE("transport: what the verdict needs of an answer is there") {
  FakeBackend backend([](const FakeRequest&) {
    return AnsweringBytes(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 7\r\n"
        "Content-Length: 4\r\n\r\nbusy");
  });
  const Reply reply = Send(*MakeHttpTransport(To(backend))).value();
  CHECK_EQ(reply.http_status, 503);
  CHECK_EQ(reply.content_type, "text/plain");
  CHECK_EQ(reply.retry_after, "7");
  CHECK_EQ(reply.body, "busy");
}

TEST_CASE("transport: the password is read when needed, and again after it was refused") {
  TempDir directory;
  WriteFile(directory.File("password"), "old\n");
  FakeBackend backend([](const FakeRequest& request) {
    // "relay:new"
    return Answering(request.Header("authorization") == "Basic cmVsYXk6bmV3" ? 204 : 401);
  });
  HttpTransportOptions options = To(backend);
  options.credentials.username = "relay";
  options.credentials.password = SecretSource::FromFile(directory.File("password"));
  const auto transport = MakeHttpTransport(options);
  CHECK_EQ(Send(*transport).value().http_status, 401);
  WriteFile(directory.File("password"), "new\n");
  CHECK_EQ(Send(*transport).value().http_status, 204);
}

TEST_CASE("transport: no answer is an error in words, whatever the backend does instead") {
  FakeBackend backend;
  const auto transport = MakeHttpTransport(To(backend, 300ms));
  backend.Follow([](const FakeRequest&) { return NeverAnswering(); });
  CHECK(Send(*transport).error().message().ends_with("no answer within 300 ms"));
  backend.Follow(
      [](const FakeRequest&) { return Slowly(100ms, Answering(204, std::string(100, 'x'))); });
  CHECK(Send(*transport).error().message().ends_with("no answer within 300 ms"));
  backend.Follow([](const FakeRequest&) { return ResettingAfter(5, Answering(204)); });
  CHECK_EQ(Send(*transport).error().code(), ErrorCode::kUnavailable);
  backend.Follow([](const FakeRequest&) { return AnsweringBytes("garbage\r\n\r\n"); });
  CHECK_EQ(Send(*transport).error().code(), ErrorCode::kUnavailable);
  backend.Refuse();
  CHECK(Send(*transport).error().message().ends_with("connection refused"));
  backend.Listen();
  backend.Follow([](const FakeRequest&) { return Answering(204); });
  CHECK_EQ(Send(*transport).value().http_status, 204);
}

TEST_CASE("transport: of an answer without an end only the beginning is kept") {
  FakeBackend backend([](const FakeRequest&) {
    return AnsweringBytes("HTTP/1.1 400 Bad Request\r\nContent-Length: 10000000\r\n\r\n" +
                          std::string(10'000'000, 'x'));
  });
  const Reply reply = Send(*MakeHttpTransport(To(backend))).value();
  CHECK_EQ(reply.http_status, 400);
  CHECK_EQ(reply.body.size(), 64U << 10U);
}

TEST_CASE("transport: cancelling ends a request under way") {
  FakeBackend backend([](const FakeRequest&) { return NeverAnswering(); });
  const auto transport = MakeHttpTransport(To(backend, 60s));
  auto answer = std::async(std::launch::async, [&] { return Send(*transport); });
  REQUIRE(backend.WaitForRequests(1));
  transport->Cancel();
  CHECK(!answer.get().ok());
  CHECK(!Send(*transport).ok());
}

}  // namespace
}  // namespace relay::test
