#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <mutex>

#include "relay/http.h"
#include "replay/clock.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"
#include "tests/support/http_client.h"
#include "tests/support/socket.h"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

// Answers with what it was asked; /later keeps its reply for the test.
class Echo final : public HttpHandler {
 public:
  void Handle(HttpRequest request, HttpReply reply) override {
    ++handled;
    HttpResponse response{.status = 200, .content_type = "text/plain"};
    response.body = std::string(request.method) + " " + std::string(request.path) + " " +
                    std::string(request.query) + " " + request.body;
    if (request.path != "/later") return reply(std::move(response));
    const std::lock_guard lock(mutex);
    later.push_back([reply = std::move(reply), response] { reply(response); });
  }
  HttpResponse Refusal(int status, std::string_view message) override {
    return {.status = status, .content_type = "text/plain", .body = std::string(message)};
  }
  std::size_t Waiting() {
    const std::lock_guard lock(mutex);
    return later.size();
  }

  std::atomic<int> handled = 0;
  std::mutex mutex;
  std::vector<std::function<void()>> later;
};

struct Bench {
  explicit Bench(HttpLimits limits = {}, unsigned threads = 1)
      : server(
            HttpServer::Start(
                {.host = "127.0.0.1", .port = 0, .threads = threads, .limits = limits}, echo, clock)
                .value()) {}

  Endpoint endpoint() const { return {.host = "127.0.0.1", .port = server->port()}; }
  std::string Exchange(const std::string& bytes) const {
    RawConnection connection(endpoint());
    connection.Send(bytes);
    return connection.ReadUntilClose().bytes;
  }

  Echo echo;
  SystemClock clock;
  std::unique_ptr<HttpServer> server;
};

std::string StatusLine(const std::string& answer) {
  return answer.substr(0, answer.find("\r\n"));
}

TEST_CASE("http server: method, path, query and body arrive as they were sent") {
  Bench bench({}, 2);
  const HttpAnswer answer = Post(bench.endpoint(), "/a%20b?x=1&y=%32", "body");
  CHECK_EQ(answer.status, 200);
  CHECK_EQ(answer.body, "POST /a%20b x=1&y=%32 body");
  CHECK(!answer.Header("date").empty());
}

TEST_CASE("http server: requests sent without waiting are answered in their order") {
  Bench bench;
  RawConnection connection(bench.endpoint());
  connection.Send(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: "
      "3\r\n\r\nabc"
      "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string all = connection.ReadUntilClose().bytes;
  const std::size_t first = all.find("GET /1  ");
  const std::size_t second = all.find("POST /2  abc");
  const std::size_t third = all.find("GET /3  ");
  CHECK_LT(first, second);
  CHECK_LT(second, third);
  CHECK_NE(third, std::string::npos);
}

TEST_CASE("http server: a chunked body is joined") {
  Bench bench;
  const std::string answer = bench.Exchange(
      "POST /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  CHECK(answer.ends_with("POST /c  abcde"));
}

TEST_CASE("http server: who expects 100-continue gets it before sending the body") {
  Bench bench;
  RawConnection connection(bench.endpoint());
  connection.Send(
      "POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
      "Connection: close\r\n\r\n");
  CHECK_EQ(connection.ReadUntil("\r\n\r\n").bytes, "HTTP/1.1 100 Continue\r\n\r\n");
  connection.Send("ok");
  CHECK(connection.ReadUntilClose().bytes.ends_with("POST /e  ok"));
}

TEST_CASE("http server: a HEAD is answered without a body") {
  Bench bench;
  const std::string answer =
      bench.Exchange("HEAD /h HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(answer.ends_with("\r\n\r\n"));
  CHECK(answer.find("Content-Length: 9") != std::string::npos);
}

TEST_CASE("http server: an answer may come later, from another thread") {
  Bench bench;
  auto answer = std::async(std::launch::async, [&] { return Get(bench.endpoint(), "/later"); });
  REQUIRE(Eventually(kPatience, [&] { return bench.echo.Waiting() == 1; }));
  bench.echo.later.front()();
  CHECK_EQ(answer.get().body, "GET /later  ");
}

TEST_CASE("http server: a client that left before its answer harms nobody") {
  Bench bench;
  {
    RawConnection connection(bench.endpoint());
    connection.Send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    REQUIRE(Eventually(kPatience, [&] { return bench.echo.Waiting() == 1; }));
    connection.Reset();
  }
  bench.echo.later.front()();
  CHECK_EQ(Get(bench.endpoint(), "/still-there").status, 200);
  CHECK(Eventually(kPatience, [&] { return bench.server->connections() == 0; }));
}

TEST_CASE("http server: a body is taken up to its limit and refused one byte beyond") {
  HttpLimits limits;
  limits.body = 1000_B;
  Bench bench(limits);
  CHECK_EQ(Post(bench.endpoint(), "/", std::string(1000, 'x')).status, 200);
  CHECK_EQ(Post(bench.endpoint(), "/", std::string(1001, 'x')).status, 413);
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
      std::string(1001, 'x') + "\r\n0\r\n\r\n";
  CHECK_EQ(StatusLine(bench.Exchange(chunked)), "HTTP/1.1 413 Payload Too Large");
}

TEST_CASE("http server: what is no request is refused as what it is") {
  HttpLimits limits;
  limits.head_bytes = 1024;
  Bench bench(limits);
  const std::string host = " HTTP/1.1\r\nHost: x\r\n";
  for (const auto& [bytes, status] : {
           std::pair<std::string, std::string>{"nonsense\r\n\r\n", "400"},
           {"GET / HTTP/9.9\r\n\r\n", "400"},
           {"POST /" + host + "\r\n", "411"},
           {"POST /" + host + "Content-Length: x\r\n\r\n", "400"},
           {"POST /" + host + "Content-Length: -1\r\n\r\n", "400"},
           {"POST /" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
           {"POST /" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
           {"POST /" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
           {"POST /" + host +
                "Transfer-Encoding: chunked, identity\r\nContent-Length: 4\r\n\r\nabcd",
            "400"},
           {"GET /" + host + "Transfer-Encoding: gzip\r\n\r\nGET / HTTP/1.1\r\n\r\n", "400"},
           {"POST /" + host + "Transfer-Encoding: chunked\r\n\r\n5;" + std::string(1U << 20U, 'a'),
            "431"},
           {"GET /" + std::string(2000, 'u') + host + "\r\n", "431"},
           {"GET /" + host + "A: " + std::string(2000, 'h') + "\r\n\r\n", "431"},
       }) {
    CAPTURE(bytes);
    CHECK_EQ(bench.Exchange(bytes).substr(9, 3), status);
  }
  CHECK_EQ(bench.echo.handled, 0);
}

TEST_CASE("http server: half a body is never handled") {
  Bench bench;
  RawConnection connection(bench.endpoint());
  connection.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
  connection.CloseSending();
  connection.ReadUntilClose();
  CHECK_EQ(bench.echo.handled, 0);
}

TEST_CASE("http server: a body beyond what may be in flight waits its turn, then is refused") {
  HttpLimits limits;
  limits.in_flight = 10_B;
  limits.wait = 300ms;
  Bench bench(limits);
  RawConnection first(bench.endpoint());
  first.Send("POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n12345678");
  REQUIRE(Eventually(kPatience, [&] { return bench.echo.Waiting() == 1; }));
  CHECK_EQ(Post(bench.endpoint(), "/", "123").status, 503);
  CHECK_EQ(Post(bench.endpoint(), "/", "12").status, 200);
  bench.echo.later.front()();
  first.ReadUntil("12345678");
  CHECK_EQ(Post(bench.endpoint(), "/", "123").status, 200);
}

TEST_CASE("http server: bodies that waited for room are taken once there is some") {
  HttpLimits limits;
  limits.in_flight = 10_B;
  Bench bench(limits);
  RawConnection first(bench.endpoint());
  first.Send("POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n12345678");
  REQUIRE(Eventually(kPatience, [&] { return bench.echo.Waiting() == 1; }));
  std::vector<std::future<HttpAnswer>> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.push_back(std::async(std::launch::async,
                                 [&bench] { return Post(bench.endpoint(), "/", "12345678"); }));
  }
  REQUIRE(Eventually(kPatience, [&] { return bench.server->connections() == 6; }));
  CHECK_EQ(bench.echo.handled, 1);
  bench.echo.later.front()();
  for (auto& answer : waiting) CHECK_EQ(answer.get().status, 200);
}

TEST_CASE("http server: more connections than allowed are closed, the others go on") {
  HttpLimits limits;
  limits.connections = 2;
  Bench bench(limits);
  RawConnection first(bench.endpoint());
  RawConnection second(bench.endpoint());
  REQUIRE(Eventually(kPatience, [&] { return bench.server->connections() == 2; }));
  RawConnection third(bench.endpoint());
  CHECK(third.ReadUntilClose().closed);
  first.Send("GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(first.ReadUntilClose().bytes.ends_with("GET /ok  "));
}

TEST_CASE(
    "http server: a slow head, a slow body and an idle client lose their connection in time") {
  HttpLimits limits;
  limits.head = 300ms;
  limits.body_time = 300ms;
  limits.idle = 300ms;
  Bench bench(limits);
  CHECK_EQ(bench.Exchange(""), "");
  CHECK_EQ(StatusLine(bench.Exchange("GET / HT")), "HTTP/1.1 408 Request Timeout");
  CHECK_EQ(StatusLine(bench.Exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab")),
           "HTTP/1.1 408 Request Timeout");
}

TEST_CASE("http server: stops by answering what is under way and closing what is idle") {
  Bench bench;
  RawConnection idle(bench.endpoint());
  RawConnection busy(bench.endpoint());
  busy.Send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(Eventually(kPatience, [&] { return bench.echo.Waiting() == 1; }));
  const Endpoint endpoint = bench.endpoint();
  auto stopped = std::async(std::launch::async, [&] { bench.server->Stop(kPatience); });
  CHECK(idle.ReadUntilClose().closed);
  CHECK_EQ(stopped.wait_for(0s), std::future_status::timeout);
  bench.echo.later.front()();
  const std::string answer = busy.ReadUntilClose().bytes;
  CHECK(answer.ends_with("GET /later  "));
  CHECK(answer.find("Connection: close") != std::string::npos);
  stopped.get();
  CHECK_EQ(Get(endpoint, "/").status, 0);
}

TEST_CASE("http server: a client that stays after its refusal does not keep it from stopping") {
  Bench bench;
  RawConnection lingering(bench.endpoint());
  lingering.Send("POST / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(lingering.ReadUntil("411").bytes.starts_with("HTTP/1.1 411"));
  auto stopped = std::async(std::launch::async, [&] { bench.server->Stop(kPatience); });
  CHECK_EQ(stopped.wait_for(kPatience), std::future_status::ready);
}

TEST_CASE("http server: an address that is taken or not ours is said so") {
  Bench bench;
  Echo echo;
  const auto taken =
      HttpServer::Start({.host = "127.0.0.1", .port = bench.server->port()}, echo, bench.clock);
  REQUIRE(!taken.ok());
  CHECK_EQ(taken.error().code(), ErrorCode::kUnavailable);
  CHECK(taken.error().message().find("Address already in use") != std::string::npos);
  CHECK(!HttpServer::Start({.host = "192.0.2.1", .port = 0}, echo, bench.clock).ok());
}

}  // namespace
}  // namespace relay::test
