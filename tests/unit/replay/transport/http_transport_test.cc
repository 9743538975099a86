#include "replay/transport/http_transport.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <future>
#include <thread>

#include "relay/ingest/gunzip_body.h"
#include "replay/delivery/answer_policy.h"
#include "replay/transport/remote_write.h"
#include "replay/transport/verdict.h"
#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::replay_transport_http_transport_test {
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

TEST_CASE("transport: pieces of any size arrive as one text, plain and as gzip") {
  FakeBackend backend;
  std::vector<std::string> texts;
  std::string all;
  for (const std::size_t times : {1U, 7'000U, 1U, 1U, 3'000U, 40'000U, 90'000U, 2U}) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += fmt::format("m v={} {}\n", i, texts.size());
    all += text;
    texts.push_back(std::move(text));
  }
  const std::vector<std::string_view> pieces(texts.begin(), texts.end());
  HttpTransportOptions options = To(backend);
  SUBCASE("plain") {}
  SUBCASE("gzip") {
    options.gzip = true;
  }
  const auto transport = MakeHttpTransport(options);
  for (std::size_t i = 0; i < 2; ++i) {
    const WriteRequest request{.params = kParams, .lines = LinesInPieces(pieces)};
    CHECK_EQ(transport->Send(request).value().http_status, 204);
    const std::string body = backend.Requests()[i].body;
    CHECK((options.gzip ? InflateGzip(body, Bytes(all.size())).value() : body) == all);
  }
}

TEST_CASE("transport: an answer has everything that the verdict needs") {
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
  CHECK_EQ(Send(*transport).error().code(), ErrorCode::kBrokenOff);
  backend.Follow([](const FakeRequest&) { return AnsweringBytes(""); });
  CHECK_EQ(Send(*transport).error().code(), ErrorCode::kBrokenOff);
  backend.Follow([](const FakeRequest&) { return AnsweringBytes("garbage\r\n\r\n"); });
  CHECK_EQ(Send(*transport).error().code(), ErrorCode::kUnavailable);
  backend.Refuse();
  CHECK_EQ(Send(*transport).error().code(), ErrorCode::kUnavailable);
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

// Takes one connection, reads a little of the request, sends `answer` and closes.
class Interrupter {
 public:
  explicit Interrupter(std::string answer)
      : port_(FreePort()), listener_(ListenOn(port_)), thread_([this, said = std::move(answer)] {
          const Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
          std::array<char, 1024> some{};
          CHECK_GT(recv(client.get(), some.data(), some.size(), 0), 0);
          CHECK_GT(send(client.get(), said.data(), said.size(), MSG_NOSIGNAL), 0);
        }) {}
  ~Interrupter() { thread_.join(); }

  HttpTransportOptions options() const {
    HttpTransportOptions options;
    options.peer = {.host = "127.0.0.1", .port = port_};
    return options;
  }

 private:
  std::uint16_t port_;
  Fd listener_;
  std::thread thread_;
};

const std::string& LongLines() {
  static const std::string lines(64U << 20U, 'x');
  return lines;
}

TEST_CASE("transport: a refusal that comes before all was sent counts, a success does not") {
  {
    const Interrupter refuses("HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\ntoo large");
    const Result<Reply> reply = Send(*MakeHttpTransport(refuses.options()), LongLines());
    // If the reset overtakes the answer there is none; the request is then retried.
    if (reply.ok()) CHECK_EQ(reply.value().http_status, 413);
  }
  const Interrupter agrees("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(!Send(*MakeHttpTransport(agrees.options()), LongLines()).ok());
}

TEST_CASE("transport: after a refusal before all was sent the next request has a new connection") {
  const std::uint16_t port = FreePort();
  const Fd listener = ListenOn(port);
  // Both stay open: the first still expects most of a body.
  std::thread server([&] {
    std::array<char, 1024> some{};
    const Fd first(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    CHECK_GT(recv(first.get(), some.data(), some.size(), 0), 0);
    constexpr std::string_view kRefusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    CHECK_GT(send(first.get(), kRefusal.data(), kRefusal.size(), MSG_NOSIGNAL), 0);
    const Fd second(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    CHECK_GT(recv(second.get(), some.data(), some.size(), 0), 0);
    constexpr std::string_view kDone = "HTTP/1.1 204 No Content\r\n\r\n";
    CHECK_GT(send(second.get(), kDone.data(), kDone.size(), MSG_NOSIGNAL), 0);
  });
  HttpTransportOptions options;
  options.peer = {.host = "127.0.0.1", .port = port};
  const auto transport = MakeHttpTransport(options);
  CHECK_EQ(Send(*transport, LongLines()).value().http_status, 400);
  const Result<Reply> next = Send(*transport);
  if (!next.ok()) shutdown(listener.get(), SHUT_RDWR);
  server.join();
  REQUIRE(next.ok());
  CHECK_EQ(next.value().http_status, 204);
}

TEST_CASE("transport: unsolicited bytes are never the answer to the next request") {
  FakeBackend backend([](const FakeRequest& request) {
    FakeAnswer twice;
    twice.raw = Answering(204).Wire() + Answering(204).Wire();
    return request.number == 1 ? twice : Answering(400, "{}");
  });
  const auto transport = MakeHttpTransport(To(backend));
  CHECK_EQ(Send(*transport).value().http_status, 204);
  CHECK_EQ(Send(*transport).value().http_status, 400);
}

TEST_CASE("transport: the answer to an attempt that was given up is not that of the next") {
  FakeBackend backend([](const FakeRequest& request) {
    FakeAnswer late = Answering(204);
    late.delay = 250ms;
    return request.number == 1 ? late : Answering(400, "{}");
  });
  const auto transport = MakeHttpTransport(To(backend, 200ms));
  CHECK(!Send(*transport).ok());
  CHECK_EQ(Send(*transport).value().http_status, 400);
}

TEST_CASE("transport: a connection that the backend closed meanwhile is not tried again") {
  FakeBackend backend;
  const auto transport = MakeHttpTransport(To(backend));
  for (int restart = 0; restart < 3; ++restart) {
    CHECK_EQ(Send(*transport).value().http_status, 204);
    backend.Refuse();
    backend.Listen();
  }
}

TEST_CASE("transport: a host with several addresses is reached on the one that listens") {
  FakeBackend backend;  // Listens on 127.0.0.1 only; localhost may be ::1 as well.
  HttpTransportOptions options = To(backend);
  options.peer.host = "localhost";
  CHECK_EQ(Send(*MakeHttpTransport(options)).value().http_status, 204);
  CHECK_EQ(backend.Requests().front().Header("host"),
           "localhost:" + std::to_string(backend.endpoint().port));
}

// Answers on one connection after the other, and counts them.
class Counting {
 public:
  ~Counting() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  HttpTransportOptions options(const std::string& host) const {
    HttpTransportOptions options;
    options.peer = {.host = host, .port = port_};
    return options;
  }
  int connections() const { return connections_; }

 private:
  void Serve() {
    while (true) {
      const Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client.open()) return;
      ++connections_;
      std::array<char, 1024> some{};
      constexpr std::string_view kTaken = "HTTP/1.1 204 No Content\r\n\r\n";
      while (recv(client.get(), some.data(), some.size(), 0) > 0) {
        send(client.get(), kTaken.data(), kTaken.size(), MSG_NOSIGNAL);
      }
    }
  }

  std::uint16_t port_ = FreePort();
  Fd listener_ = ListenOn(port_);
  std::atomic<int> connections_ = 0;
  std::thread thread_{[this] { Serve(); }};
};

int ConnectionsOfThreeRequests(const std::string& host, std::chrono::milliseconds look_up_after) {
  const Counting server;
  HttpTransportOptions options = server.options(host);
  options.look_up_after = look_up_after;
  const auto transport = MakeHttpTransport(options);
  for (int i = 0; i < 3; ++i) {
    CHECK_EQ(Send(*transport).value().http_status, 204);
    Eventually(2ms, [] { return false; });  // Waits until the connection is too old.
  }
  return server.connections();
}

TEST_CASE("transport: a host with a name is looked up again though its connection still works") {
  CHECK_EQ(ConnectionsOfThreeRequests("localhost", 1h), 1);
  CHECK_EQ(ConnectionsOfThreeRequests("localhost", 1ms), 3);
  CHECK_EQ(ConnectionsOfThreeRequests("127.0.0.1", 1ms), 1);
}

TEST_CASE("transport: an unknown host is a set-up error") {
  HttpTransportOptions options;
  options.peer = {.host = "no-such-host.invalid", .port = 8086};
  const Result<Reply> reply = Send(*MakeHttpTransport(options));
  REQUIRE(!reply.ok());
  CHECK_NE(reply.error().message().find("no-such-host.invalid"), std::string::npos);
}

TEST_CASE("transport: v2 and v3 backends get their paths, units and tokens") {
  TempDir directory;
  WriteFile(directory.File("token"), "secret\n");
  FakeBackend backend;
  HttpTransportOptions options = To(backend);
  options.credentials.token = SecretSource::FromFile(directory.File("token"));
  const WriteParams hours{.database = "d", .retention_policy = "r", .precision = Precision::kHour};
  options.target.api = Api::kV2;
  CHECK_EQ(MakeHttpTransport(options)->Send({hours, "m v=1 2\n"}).value().http_status, 204);
  options.target.api = Api::kV3;
  CHECK_EQ(MakeHttpTransport(options)->Send({kParams, "m v=1 2\n"}).value().http_status, 204);
  const std::vector<FakeRequest> requests = backend.Requests();
  CHECK_EQ(requests[0].target, "/api/v2/write?bucket=d%2Fr&precision=s");
  CHECK_EQ(requests[0].body, "m v=1 7200\n");
  CHECK_EQ(requests[0].Header("authorization"), "Token secret");
  CHECK_EQ(requests[1].target, "/api/v3/write_lp?db=my%20db&precision=second");
  CHECK_EQ(requests[1].body, "m v=1 2\n");
  CHECK_EQ(requests[1].Header("authorization"), "Bearer secret");
}

TEST_CASE("transport: a timestamp that the backend's units cannot hold is not sent") {
  FakeBackend backend;
  HttpTransportOptions options = To(backend);
  options.target.api = Api::kV2;
  const Result<Reply> reply = MakeHttpTransport(options)->Send(
      {{.database = "d", .precision = Precision::kHour}, "m v=1 1\nm v=1 9000000000000000\n"});
  CHECK_EQ(reply.value().http_status, 422);
  CHECK_EQ(reply.value().body,
           "not sent: line 2: its timestamp cannot be converted to s without rounding");
  CHECK_EQ(backend.RequestCount(), 0);
}

TEST_CASE("transport: compressed bodies say so and inflate to the lines") {
  FakeBackend backend;
  HttpTransportOptions options = To(backend);
  options.gzip = true;
  const auto transport = MakeHttpTransport(options);
  const std::string lines(100'000, 'x');
  CHECK_EQ(Send(*transport, lines).value().http_status, 204);
  CHECK_EQ(Send(*transport).value().http_status, 204);
  const std::vector<FakeRequest> requests = backend.Requests();
  CHECK_EQ(requests[0].Header("content-encoding"), "gzip");
  CHECK_LT(requests[0].body.size(), 1'000);
  CHECK(InflateGzip(requests[0].body, Bytes(lines.size())).value() == lines);
  CHECK_EQ(InflateGzip(requests[1].body, 1_KiB).value(), "m v=1 1\n");
}

TEST_CASE("transport: a database is created in the words of each API") {
  FakeBackend backend([](const FakeRequest& request) {
    return request.target.find("/query") == 0 ? Answering(200, R"({"results":[]})")
                                              : Answering(409, "{}");
  });
  HttpTransportOptions options = To(backend);
  const WriteParams odd{.database = "a \"b\\", .retention_policy = "week"};
  CHECK_EQ(MakeHttpTransport(options)->CreateDatabase({.database = "d"}).value().http_status, 200);
  CHECK_EQ(MakeHttpTransport(options)->CreateDatabase(odd).value().http_status, 200);
  options.target.api = Api::kV3;
  CHECK_EQ(MakeHttpTransport(options)->CreateDatabase(odd).value().http_status, 200);
  const std::vector<FakeRequest> requests = backend.Requests();
  CHECK_EQ(requests[0].target, "/query?db=d");
  CHECK_EQ(requests[0].body, "q=CREATE%20DATABASE%20%22d%22");
  CHECK_EQ(requests[1].body,
           "q=" + PercentEncoded(
                      R"(CREATE DATABASE "a \"b\\"; CREATE RETENTION POLICY "week" ON "a \"b\\")"
                      " DURATION INF REPLICATION 1"));
  CHECK_EQ(requests[2].target, "/api/v3/configure/database");
  CHECK_EQ(requests[2].body, R"({"db":"a \"b\\/week"})");
}

TEST_CASE("transport: a database that cannot be created is no success") {
  FakeBackend backend([](const FakeRequest&) {
    return Answering(200, R"({"results":[{"statement_id":0,"error":"already exists"}]})");
  });
  HttpTransportOptions options = To(backend);
  CHECK_EQ(MakeHttpTransport(options)->CreateDatabase(kParams).value().http_status, 422);
  options.target.api = Api::kV2;
  const Result<Reply> v2 = MakeHttpTransport(options)->CreateDatabase(kParams);
  REQUIRE(!v2.ok());
  CHECK_EQ(v2.error().code(), ErrorCode::kInvalidInput);
}

TEST_CASE("transport: remote write goes to its path, with its headers and tenant") {
  FakeBackend backend;
  HttpTransportOptions options = To(backend);
  options.target = {
      .api = Api::kPrometheus, .path_prefix = "/tsdb", .org = "team", .write_path = "/api/v1/push"};
  const auto transport = MakeHttpTransport(options);
  const Reply reply = Send(*transport, "up,__name__=up value=1 5\n").value();
  CHECK_EQ(reply.http_status, 204);
  CHECK(reply.api == Api::kPrometheus);
  CHECK_EQ(Send(*transport, "log text=\"no number\" 5\n").value().http_status, 204);
  REQUIRE_EQ(backend.RequestCount(), 1);
  const FakeRequest request = backend.Requests()[0];
  CHECK_EQ(request.target, "/tsdb/api/v1/push?db=my%20db");
  CHECK_EQ(request.Header("content-type"), "application/x-protobuf");
  CHECK_EQ(request.Header("content-encoding"), "snappy");
  CHECK_EQ(request.Header("x-prometheus-remote-write-version"), "0.1.0");
  CHECK_EQ(request.Header("x-scope-orgid"), "team");
  CHECK_EQ(request.body,
           EncodeRemoteWrite("up,__name__=up value=1 5\n", Precision::kSecond).value());
}

TEST_CASE("transport: lines whose samples are too large a request are refused like by a 413") {
  FakeBackend backend;
  HttpTransportOptions options = To(backend);
  options.target = {.api = Api::kPrometheus, .write_path = "/api/v1/write"};
  const auto transport = MakeHttpTransport(options);
  std::string line = "m,t=" + std::string(64'000, 'x') + " f=1";
  for (int i = 0; i < 1'000; ++i) line += ",f" + std::to_string(i) + "=1";
  const Reply reply = Send(*transport, line + " 5\n").value();
  CHECK_EQ(reply.http_status, 413);
  CHECK_EQ(reply.body,
           "not sent: a remote write request larger than 33554432 bytes: it repeats the labels of "
           "a line for each of its fields");
  const Verdict verdict = Judge(reply, WallTime{});
  CHECK(verdict.action == Action::kSplit);
  const AnswerPolicy policy({});
  CHECK(policy.Decide({.points = 2}, verdict).step == Step::kHalve);
  CHECK(policy.Decide({.points = 1}, verdict).step == Step::kDeadLetter);
  CHECK_EQ(backend.RequestCount(), 0);
}

TEST_CASE("transport: an opaque sample is not sent as a line") {
  FakeBackend backend;
  const auto transport = MakeHttpTransport(To(backend));
  const Reply reply = Send(*transport, "m v=1 1\nup " + OpaqueFields("x") + " 5\n").value();
  CHECK_EQ(reply.http_status, 422);
  CHECK_EQ(reply.body,
           "not sent: a sample of Prometheus that only a backend with api: prometheus takes");
  CHECK_EQ(backend.RequestCount(), 0);
  CHECK_EQ(Send(*transport, "m text=\"__remote_write__=\" 5\n").value().http_status, 204);
}

TEST_CASE("transport: a backend's own names are put into requests") {
  FakeBackend backend;
  HttpTransportOptions options = To(backend);
  options.target.renames = {
      {LaneName::Parse("my db").value(), LaneName::Parse("own/week").value()}};
  const auto transport = MakeHttpTransport(options);
  CHECK_EQ(Send(*transport).value().http_status, 204);
  CHECK(transport->CreateDatabase(kParams).ok());
  CHECK_EQ(backend.Requests()[0].target, "/write?db=own&rp=week&precision=s");
  CHECK_NE(backend.Requests()[1].body.find("CREATE%20DATABASE%20%22own%22"), std::string::npos);
  const WriteParams statement{.api = Api::kStatement,
                              .database = "my db",
                              .retention_policy = std::string(kStatementsPolicy)};
  const Reply refused =
      transport->Send({.params = statement, .lines = "DROP DATABASE \"my db\"\n"}).value();
  CHECK_EQ(refused.http_status, 422);
  CHECK_EQ(backend.RequestCount(), 2);
}

TEST_CASE("transport: a bucket kept whole has its name where there are buckets") {
  FakeBackend backend;
  const auto sent_to = [&backend](Api api, const WriteParams& params) {
    HttpTransportOptions options = To(backend);
    options.target.api = api;
    options.target.renames = {{LaneName::Parse("db").value(), LaneName::Parse("own").value()}};
    backend.Forget();
    const auto transport = MakeHttpTransport(options);
    CHECK_EQ(transport->Send({.params = params, .lines = "m v=1 1\n"}).value().http_status, 204);
    const std::string target = backend.Requests()[0].target;
    return target.substr(0, target.find("&precision"));
  };
  CHECK_EQ(sent_to(Api::kV1, {.database = "db/"}), "/write?db=own");
  CHECK_EQ(sent_to(Api::kV1, {.database = "x/week"}), "/write?db=x&rp=week");
  CHECK_EQ(sent_to(Api::kV1, {.database = "/x"}), "/write?db=%2Fx");
  CHECK_EQ(sent_to(Api::kV2, {.database = "db/"}), "/api/v2/write?bucket=db%2F");
  CHECK_EQ(sent_to(Api::kV2, {.database = "/x"}), "/api/v2/write?bucket=%2Fx");
  CHECK_EQ(sent_to(Api::kV2, {.database = "x", .retention_policy = "/"}),
           "/api/v2/write?bucket=x%2F%2F");
  CHECK_EQ(sent_to(Api::kV3, {.database = "db/"}), "/api/v3/write_lp?db=db%2F");
}

TEST_CASE("transport: a statement goes to /query, and its answer means what a write's would") {
  const WriteParams params{
      .api = Api::kStatement, .database = "d", .retention_policy = std::string(kStatementsPolicy)};
  struct Row {
    const char* statement;
    int status;
    const char* body;
    int means;
  };
  for (const Row& row : {
           Row{"DELETE FROM m", 200, R"({"results":[{"statement_id":0}]})", 200},
           Row{"ALTER x", 200, R"({"results":[{"error":"database not found: d"}]})", 404},
           Row{"DROP x", 200, R"({"results":[{"error":"database not found: d"}]})", 200},
           Row{"DROP x", 404, "404 page not found", 404},
           Row{"DELETE x", 200, R"({"results":[{"error":"database not found: d"}]})", 200},
           Row{"CREATE x", 200, R"({"results":[{"error":"policy already exists"}]})", 422},
           Row{"ALTER x", 200, R"({"results":[{"error":"retention policy not found: p"}]})", 500},
           Row{"x", 400, R"({"error":"error parsing query"})", 400},
           Row{"DROP x", 401, R"({"error":"authorization failed"})", 401},
       }) {
    CAPTURE(row.body);
    FakeBackend backend([&row](const FakeRequest&) { return Answering(row.status, row.body); });
    const Result<Reply> reply =
        MakeHttpTransport(To(backend))->Send({params, std::string(row.statement) + "\n"});
    REQUIRE(reply.ok());
    CHECK_EQ(reply.value().http_status, row.means);
    CHECK_EQ(reply.value().body.empty(), row.means == 200);
    CHECK_EQ(backend.Requests().front().target, "/query?db=d");
    CHECK_EQ(backend.Requests().front().body, "q=" + PercentEncoded(row.statement));
  }
  FakeBackend backend;
  HttpTransportOptions options = To(backend);
  options.target.api = Api::kV2;
  CHECK_EQ(MakeHttpTransport(options)->Send({params, "DROP DATABASE \"d\"\n"}).value().http_status,
           422);
  CHECK_EQ(backend.RequestCount(), 0);
}

TEST_CASE("transport: a backend that takes no more of a request is given up before the answer is") {
  const std::uint16_t port = FreePort();
  const Fd listener = ListenOn(port);
  HttpTransportOptions options;
  options.peer = {.host = "127.0.0.1", .port = port};
  options.timeout = 60s;
  options.write_timeout = 200ms;
  const Result<Reply> reply = Send(*MakeHttpTransport(options), LongLines());
  REQUIRE_FALSE(reply.ok());
  CHECK(reply.error().message().ends_with("it accepted no bytes of the request for 200 ms"));

  // An answer may be slow once the request has been taken completely.
  FakeBackend slow([](const FakeRequest&) { return Slowly(20ms, Answering(204)); });
  options.peer.port = slow.endpoint().port;
  CHECK_EQ(Send(*MakeHttpTransport(options)).value().http_status, 204);
}

FakeAnswer Redirecting(const std::string& location) {
  FakeAnswer answer = Answering(308);
  answer.headers.emplace("location", location);
  return answer;
}

TEST_CASE("transport: a redirect on the same host is followed where that is asked for") {
  FakeBackend backend([](const FakeRequest& request) {
    const bool there = request.target.starts_with("/influx/write");
    return there ? Answering(204) : Redirecting("/influx" + request.target);
  });
  HttpTransportOptions options = To(backend);
  options.credentials = {.username = "u", .password = SecretSource::FromText("p")};
  const Reply told = Send(*MakeHttpTransport(options)).value();
  CHECK_EQ(told.http_status, 308);
  CHECK_EQ(told.location, "/influx/write?db=my%20db&precision=s");

  options.follow_redirects = true;
  CHECK_EQ(Send(*MakeHttpTransport(options), "m v=2 2\n").value().http_status, 204);
  const FakeRequest last = backend.Requests().back();
  CHECK_EQ(last.target, "/influx/write?db=my%20db&precision=s");
  CHECK_EQ(last.body, "m v=2 2\n");
  CHECK_EQ(last.method, "POST");
  CHECK_EQ(last.Header("authorization"), "Basic dTpw");
}

TEST_CASE("transport: a redirect to another port, or one without an end, is the answer") {
  FakeBackend elsewhere;
  FakeBackend backend([&](const FakeRequest&) {
    return Redirecting(fmt::format("http://127.0.0.1:{}/write", elsewhere.endpoint().port));
  });
  HttpTransportOptions options = To(backend);
  options.follow_redirects = true;
  const auto transport = MakeHttpTransport(options);
  CHECK_EQ(Send(*transport).value().http_status, 308);
  CHECK_EQ(elsewhere.RequestCount(), 0);

  backend.Follow([](const FakeRequest& request) { return Redirecting(request.target); });
  CHECK_EQ(Send(*transport).value().http_status, 308);
  CHECK_EQ(backend.RequestCount(), 1 + 4);
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
}  // namespace relay::test::replay_transport_http_transport_test
