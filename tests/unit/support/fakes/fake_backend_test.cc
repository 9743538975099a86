#include "tests/support/fakes/fake_backend.h"

#include <doctest/doctest.h>

namespace relay::test::support_fakes_fake_backend_test {
namespace {

constexpr std::string_view kPing = "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_CASE("fake backend: without a script it takes everything, and keeps it") {
  const FakeBackend backend;
  const HttpAnswer answer =
      Post(backend.endpoint(), "/write?db=metrics&rp=week", "m v=1 1\n", {.headers = {{"x", "y"}}});
  CHECK_EQ(answer.status, 204);
  CHECK_EQ(answer.body, "");
  REQUIRE_EQ(backend.RequestCount(), 1);
  const FakeRequest request = backend.Requests().front();
  CHECK_EQ(request.number, 1);
  CHECK_EQ(request.method, "POST");
  CHECK_EQ(request.Path(), "/write");
  CHECK_EQ(request.Parameter("db"), "metrics");
  CHECK_EQ(request.Parameter("rp"), "week");
  CHECK_EQ(request.Parameter("d"), "");
  CHECK_EQ(request.Header("x"), "y");
  CHECK_EQ(request.body, "m v=1 1\n");
}

TEST_CASE("fake backend: answers as its script says") {
  FakeBackend backend([](const FakeRequest& request) {
    return request.number == 1 ? Answering(503, R"({"error":"timeout"})") : Answering(204);
  });
  const HttpAnswer first = Get(backend.endpoint(), "/ping");
  CHECK_EQ(first.status, 503);
  CHECK_EQ(first.body, R"({"error":"timeout"})");
  CHECK_EQ(first.Header("content-type"), "application/json");
  CHECK_EQ(Get(backend.endpoint(), "/ping").status, 204);
  backend.Follow([](const FakeRequest&) { return Answering(401); });
  CHECK_EQ(Get(backend.endpoint(), "/ping").status, 401);
}

TEST_CASE("fake backend: serves requests one after another on one connection") {
  const FakeBackend backend;
  RawConnection client(backend.endpoint());
  CHECK(client.Send(std::string(kPing) + std::string(kPing)));
  CHECK(backend.WaitForRequests(2));
  CHECK_EQ(client.ReadUntil("204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").closed, false);
}

TEST_CASE("fake backend: takes a request byte by byte, and a chunked body as one") {
  const FakeBackend backend;
  RawConnection client(backend.endpoint());
  const std::string request =
      "POST /write HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "6\r\nm v=1\n\r\n8;x=y\r\nm v=2 7\n\r\n0\r\n\r\n";
  for (const char byte : request) CHECK(client.Send({&byte, 1}));
  client.ReadUntil("\r\n\r\n");
  CHECK_EQ(backend.Bodies(), "m v=1\nm v=2 7\n");
}

TEST_CASE("fake backend: refuses, then listens again where it did") {
  FakeBackend backend;
  RawConnection idle(backend.endpoint());
  backend.Refuse();
  CHECK(idle.ReadUntilClose().closed);
  CHECK_EQ(Get(backend.endpoint(), "/ping").status, 0);
  backend.Listen();
  CHECK_EQ(Get(backend.endpoint(), "/ping").status, 204);
  CHECK_EQ(backend.RequestCount(), 1);
}

TEST_CASE("fake backend: can leave a request without an answer, and still stop") {
  const FakeBackend backend([](const FakeRequest&) { return NeverAnswering(); });
  RawConnection client(backend.endpoint());
  CHECK(client.Send(kPing));
  CHECK(backend.WaitForRequests(1));
  const Received nothing = client.ReadSome(milliseconds{20});
  CHECK_EQ(nothing.bytes, "");
  CHECK_FALSE(nothing.closed);
}

TEST_CASE("fake backend: can reset in the middle of an answer") {
  const FakeBackend backend(
      [](const FakeRequest&) { return ResettingAfter(20, Answering(200, "long body")); });
  RawConnection client(backend.endpoint());
  CHECK(client.Send(kPing));
  const Received cut = client.ReadUntilClose();
  CHECK(cut.closed);
  CHECK_LE(cut.bytes.size(), 20);
}

TEST_CASE("fake backend: can answer byte by byte") {
  const FakeBackend backend(
      [](const FakeRequest&) { return Slowly(milliseconds{1}, Answering(204)); });
  const Stopwatch watch;
  CHECK_EQ(Get(backend.endpoint(), "/ping").status, 204);
  CHECK_GE(watch.elapsed(), milliseconds{27});  // The gaps between all bytes of the answer.
}

TEST_CASE("fake backend: can say what is not HTTP at all") {
  const FakeBackend backend([](const FakeRequest&) { return AnsweringBytes("\x01garbage"); });
  RawConnection client(backend.endpoint());
  CHECK(client.Send(kPing));
  CHECK_EQ(client.ReadUntilClose().bytes, "\x01garbage");
}

TEST_CASE("http client: a value in a query or a form is escaped") {
  CHECK_EQ(PercentEncode("a b&c=1/\xc3\xa4"), "a%20b%26c%3D1%2F%C3%A4");
}

}  // namespace
}  // namespace relay::test::support_fakes_fake_backend_test
