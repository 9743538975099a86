#include "relay/http/server.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <mutex>

#include "config/schema/endpoint.h"
#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/socket.h"
#include "wal/base/clock.h"

namespace relay::test::relay_http_server_test {
namespace {

using namespace std::chrono_literals;

// Echoes the request; /later keeps its reply for the test.
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
  void Reached(HttpLimit limit) override { ++reached.at(static_cast<std::size_t>(limit)); }
  int ReachedCount(HttpLimit limit) const { return reached.at(static_cast<std::size_t>(limit)); }
  std::size_t Waiting() {
    const std::lock_guard lock(mutex);
    return later.size();
  }

  std::atomic<int> handled = 0;
  std::array<std::atomic<int>, kHttpLimitNames.size()> reached{};
  std::mutex mutex;
  std::vector<std::function<void()>> later;
};

struct Bench {
  explicit Bench(HttpLimits limits = {}, unsigned threads = 1, AdmissionLimits admitted = {})
      : admission(std::make_shared<Admission>(admitted)),
        server(HttpServer::Start({.host = "127.0.0.1",
                                  .port = 0,
                                  .threads = threads,
                                  .limits = limits,
                                  .admission = admission},
                                 echo, clock)
                   .value()) {}

  HostPort endpoint() const { return {.host = "127.0.0.1", .port = server->port()}; }
  std::string Exchange(const std::string& bytes) const {
    RawConnection connection(endpoint());
    connection.Send(bytes);
    return connection.ReadUntilClose().bytes;
  }

  int Reached(HttpLimit limit) const { return echo.ReachedCount(limit); }

  Echo echo;
  SystemClock clock;
  std::shared_ptr<Admission> admission;
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

TEST_CASE("body pipe: an end that was set first stays, and what came before it is taken first") {
  BodyPipe pipe;
  CHECK(pipe.Put("a"));
  CHECK(pipe.Put("b"));
  pipe.End();
  pipe.Break();
  BodyPipe::Taken taken = pipe.Take();
  CHECK_EQ(taken.bytes, "ab");
  CHECK(taken.state == BodyPipe::State::kWhole);
}

TEST_CASE("body pipe: the maker waits while it is full, and ends when nobody reads") {
  BodyPipe pipe;
  CHECK(pipe.Put(std::string(BodyPipe::kRoom.count(), 'x')));
  auto put = std::async(std::launch::async, [&] { return pipe.Put("y"); });
  CHECK(put.wait_for(20ms) == std::future_status::timeout);
  SUBCASE("until something is taken") {
    CHECK_EQ(pipe.Take().bytes.size(), BodyPipe::kRoom.count());
    CHECK(put.get());
    CHECK_EQ(pipe.Take().bytes, "y");
  }
  SUBCASE("until the client is gone") {
    pipe.Close();
    CHECK_FALSE(put.get());
    CHECK_FALSE(pipe.Put("z"));
  }
}

TEST_CASE("body pipe: it wakes the reader once, when something comes after nothing was there") {
  BodyPipe pipe;
  int woken = 0;
  pipe.OnMore([&woken] { ++woken; });
  CHECK(pipe.Put("a"));
  CHECK_EQ(woken, 0);
  pipe.Take();
  CHECK(pipe.Take().bytes.empty());
  CHECK(pipe.Put("b"));
  CHECK(pipe.Put("c"));
  CHECK_EQ(woken, 1);
  pipe.Take();
  pipe.Take();
  pipe.End();
  CHECK_EQ(woken, 2);
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

TEST_CASE("http server: a client that expects 100-continue gets it before sending the body") {
  Bench bench;
  RawConnection connection(bench.endpoint());
  connection.Send(
      "POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
      "Connection: close\r\n\r\n");
  CHECK_EQ(connection.ReadUntil("\r\n\r\n").bytes, "HTTP/1.1 100 Continue\r\n\r\n");
  connection.Send("ok");
  CHECK(connection.ReadUntilClose().bytes.ends_with("POST /e  ok"));
}

TEST_CASE("http server: a whole URL for a target is taken for its path") {
  Bench bench;
  const std::string rest = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  CHECK(bench.Exchange("GET http://relay:9096/a?b=c" + rest).ends_with("GET /a b=c "));
  CHECK(bench.Exchange("GET https://relay" + rest).ends_with("GET /  "));
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
  CHECK_EQ(Post(bench.endpoint(), "/", std::string(999, 'x')).status, 200);
  CHECK_EQ(Post(bench.endpoint(), "/", std::string(1000, 'x')).status, 200);
  CHECK_EQ(Post(bench.endpoint(), "/", std::string(1001, 'x')).status, 413);
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
      std::string(1001, 'x') + "\r\n0\r\n\r\n";
  CHECK_EQ(StatusLine(bench.Exchange(chunked)), "HTTP/1.1 413 Payload Too Large");
  CHECK_EQ(bench.Reached(HttpLimit::kBody), 2);
}

// A request whose head has this many bytes, in so many headers and such a target.
std::string HeadOf(std::size_t bytes, std::size_t headers, std::size_t target) {
  std::string head = "GET /" + std::string(target - 1, 't') + " HTTP/1.1\r\nHost: x\r\n";
  for (std::size_t i = 2; i < headers; ++i) head += "H: \r\n";
  const std::string last = "Connection: close";
  head += last;
  head.insert(head.size() - 5, bytes - head.size() - 4, ' ');
  return head + "\r\n\r\n";
}

TEST_CASE("http server: a head is taken up to each of its limits and refused one beyond") {
  const HttpLimits limits;
  Bench bench(limits);
  const auto status = [&](std::size_t bytes, std::size_t headers, std::size_t target) {
    return bench.Exchange(HeadOf(bytes, headers, target)).substr(9, 3);
  };
  for (const std::size_t below : {1U, 0U}) {
    CHECK_EQ(status(limits.head_bytes - below, 2, 1), "200");
    CHECK_EQ(status(2'000, limits.headers - below, 1), "200");
    CHECK_EQ(status(10'000, 2, limits.target_bytes - below), "200");
  }
  CHECK_EQ(status(limits.head_bytes + 1, 2, 1), "431");
  CHECK_EQ(status(2'000, limits.headers + 1, 1), "431");
  CHECK_EQ(status(10'000, 2, limits.target_bytes + 1), "414");
  CHECK_EQ(bench.Reached(HttpLimit::kHead), 1);
  CHECK_EQ(bench.Reached(HttpLimit::kHeaders), 1);
  CHECK_EQ(bench.Reached(HttpLimit::kTarget), 1);
}

TEST_CASE("http server: malformed requests are refused, each with its own error") {
  HttpLimits limits;
  limits.head_bytes = 1024;
  Bench bench(limits);
  const std::string host = " HTTP/1.1\r\nHost: x\r\n";
  for (const auto& [bytes, status] : {
           std::pair<std::string, std::string>{"nonsense\r\n\r\n", "400"},
           {"GET / HTTP/9.9\r\n\r\n", "400"},
           {"POST /" + host + "\r\n", "411"},
           {"GET / HTTP/1.1\r\n\r\n", "400"},
           {"GET /" + host + "Host: y\r\n\r\n", "400"},
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
  limits.wait = 300ms;
  Bench bench(limits, 1, {.in_flight = 10_B});
  RawConnection first(bench.endpoint());
  first.Send("POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n12345678");
  REQUIRE(Eventually(kPatience, [&] { return bench.echo.Waiting() == 1; }));
  CHECK_EQ(Post(bench.endpoint(), "/", "123").status, 503);
  CHECK_EQ(Post(bench.endpoint(), "/", "12").status, 200);
  bench.echo.later.front()();
  first.ReadUntil("12345678");
  CHECK_EQ(Post(bench.endpoint(), "/", "123").status, 200);
}

TEST_CASE("http server: a request without a body does not wait for room") {
  Bench bench({}, 1, {.in_flight = 10_B});
  RawConnection first(bench.endpoint());
  first.Send("POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1234567890");
  REQUIRE(Eventually(kPatience, [&] { return bench.echo.Waiting() == 1; }));
  CHECK_EQ(Get(bench.endpoint(), "/ping").status, 200);
  bench.echo.later.front()();
}

// Neither an announced length nor the ability to send without end counts.
TEST_CASE("http server: clients that announce much and send little do not make others wait") {
  Bench bench({}, 1, {.in_flight = 1_MiB});
  std::vector<std::unique_ptr<RawConnection>> idle;
  for (int i = 0; i < 10; ++i) {
    idle.push_back(std::make_unique<RawConnection>(bench.endpoint()));
    idle.back()->Send(
        i % 2 == 0 ? "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\nbegun"
                   : "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun");
  }
  REQUIRE(Eventually(kPatience, [&] { return bench.admission->in_flight() > 300_KiB; }));
  CHECK_LT(bench.admission->in_flight(), 500_KiB);
  CHECK_EQ(Post(bench.endpoint(), "/", std::string(400'000, 'x')).status, 200);
}

// Each holds a part of the memory, and none could finish without another's.
TEST_CASE("http server: bodies that together are too large all arrive in the end") {
  constexpr std::size_t kSize = 2'000'000;
  Bench bench({}, 2, {.in_flight = 1_MiB});
  std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n";
  chunked += "Connection: close\r\n\r\n1e8480\r\n" + std::string(kSize, 'c') + "\r\n0\r\n\r\n";
  std::vector<std::future<bool>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::async(std::launch::async, [&bench, &chunked, i] {
      if (i % 2 == 0) return bench.Exchange(chunked).ends_with(std::string(1000, 'c'));
      return Post(bench.endpoint(), "/", std::string(kSize, 's')).body.size() > kSize;
    }));
  }
  for (auto& client : clients) CHECK(client.get());
  CHECK(Eventually(kPatience, [&] { return bench.admission->in_flight() == 0_B; }));
}

TEST_CASE("http server: bodies that waited for room are taken once there is some") {
  Bench bench({}, 1, {.in_flight = 10_B});
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
  Bench bench({}, 1, {.connections = 2});
  RawConnection first(bench.endpoint());
  RawConnection second(bench.endpoint());
  REQUIRE(Eventually(kPatience, [&] { return bench.server->connections() == 2; }));
  RawConnection third(bench.endpoint());
  CHECK(third.ReadUntilClose().closed);
  CHECK_EQ(bench.Reached(HttpLimit::kConnections), 1);
  first.Send("GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(first.ReadUntilClose().bytes.ends_with("GET /ok  "));
}

TEST_CASE("http server: connections are limited for each address separately") {
  Bench bench({}, 1, {.connections_of_address = 2});
  RawConnection first(bench.endpoint());
  {
    RawConnection second(bench.endpoint());
    REQUIRE(Eventually(kPatience, [&] { return bench.server->connections() == 2; }));
    CHECK(RawConnection(bench.endpoint()).ReadUntilClose().closed);
    CHECK_EQ(bench.Reached(HttpLimit::kConnectionsOfAddress), 1);
    CHECK_EQ(bench.admission->Connect("192.0.2.1"), Admission::Verdict::kAdmitted);
    bench.admission->Disconnect("192.0.2.1");
  }
  REQUIRE(Eventually(kPatience, [&] { return bench.server->connections() == 1; }));
  CHECK_EQ(Get(bench.endpoint(), "/again").status, 200);
}

TEST_CASE("http server: new limits hold for the requests to come") {
  Bench bench;
  CHECK_EQ(Post(bench.endpoint(), "/", "12345").status, 200);
  HttpLimits limits;
  limits.body = 4_B;
  bench.server->SetLimits(limits);
  CHECK(Eventually(kPatience, [&] { return Post(bench.endpoint(), "/", "12345").status == 413; }));
  CHECK_EQ(Post(bench.endpoint(), "/", "1234").status, 200);
}

// Uses up the descriptors of this very process.
TEST_CASE("http server: without descriptors it goes on with those it has, then with new ones") {
  Bench bench;
  RawConnection present(bench.endpoint());
  REQUIRE(Eventually(kPatience, [&] { return bench.server->connections() == 1; }));
  Fd waiting(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  std::vector<Fd> taken;
  rlimit before{};
  REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(waiting.get()) + 1;
  REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  for (Fd fd(dup(waiting.get())); fd.open(); fd = Fd(dup(waiting.get()))) {
    taken.push_back(std::move(fd));
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(bench.endpoint().port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE_EQ(connect(waiting.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  CHECK(Eventually(kPatience, [&] { return bench.Reached(HttpLimit::kDescriptors) > 0; }));
  present.Send("GET /present HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(present.ReadUntil("GET /present").bytes.ends_with("GET /present  "));
  CHECK_EQ(bench.server->connections(), 1);
  REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  taken.clear();
  CHECK(Eventually(kPatience, [&] { return bench.server->connections() == 2; }));
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
  CHECK_EQ(bench.Reached(HttpLimit::kIdleTime), 1);
  CHECK_EQ(bench.Reached(HttpLimit::kHeadTime), 1);
  CHECK_EQ(bench.Reached(HttpLimit::kBodyTime), 1);
}

TEST_CASE("http server: stops by answering what is under way and closing what is idle") {
  Bench bench;
  RawConnection idle(bench.endpoint());
  RawConnection busy(bench.endpoint());
  busy.Send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(Eventually(kPatience, [&] { return bench.echo.Waiting() == 1; }));
  const HostPort endpoint = bench.endpoint();
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

TEST_CASE("http server: without a host it is reached by IPv4 and, where there is one, by IPv6") {
  Echo echo;
  const SystemClock clock;
  const auto server = HttpServer::Start({.host = "", .port = 0, .threads = 2}, echo, clock).value();
  CHECK_EQ(Post({.host = "127.0.0.1", .port = server->port()}, "/", "four").status, 200);
  if (HostToBind("") == "::") {
    CHECK_EQ(Post({.host = "::1", .port = server->port()}, "/", "six").status, 200);
  }
  CHECK(!HttpServer::Start({.host = "", .port = server->port()}, echo, clock).ok());
}

TEST_CASE("http server: an address that is in use or not ours is reported") {
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
}  // namespace relay::test::relay_http_server_test
