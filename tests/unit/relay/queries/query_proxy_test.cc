#include "relay/queries/query_proxy.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <future>
#include <map>

#include "relay/ingest/write_handler.h"
#include "relay/queries/listener_queries.h"
#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/fakes/routers.h"
#include "tests/support/log_fixture.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/socket.h"

namespace relay::test::relay_queries_query_proxy_test {
namespace {

using namespace std::chrono_literals;

FakeAnswer Influx(std::string body, int status = 200) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"},
                      {"X-Influxdb-Build", "OSS"},
                      {"X-Influxdb-Version", "1.6.7"}},
          .body = std::move(body)};
}

// The head of an answer of InfluxDB, to be followed by chunks.
std::string ChunkedHead() {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Influxdb-Build: OSS\r\n"
         "Transfer-Encoding: chunked\r\n\r\n";
}

std::string Chunk(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

// A listener that routes queries to two backends, whose lag the test decides.
struct Relaying {
  explicit Relaying(Config wanted = ConfigOf({kWest, kEast})) : config(std::move(wanted)) {
    config.http.resize(1);
    HttpListenerConfig& listener = config.http[0];
    listener.routes_queries = true;
    listener.query_wait = 200ms;
    config.limits.queries = 4;
    for (const BackendId& name : config.BackendNames()) SetOldestOwed(name, {});
  }
  ~Relaying() {
    if (server) server->Stop(0ms);
    proxy.Stop();
  }
  Relaying(const Relaying&) = delete;
  Relaying& operator=(const Relaying&) = delete;

  // Begins to serve with the settings as they are now.
  void Start() {
    std::map<std::string, HttpTransportOptions> reached;
    for (const BackendConfig& backend : config.backends) {
      HttpTransportOptions options;
      options.peer = {.host = "127.0.0.1",
                      .port = (backend.name == kWest ? west : east).endpoint().port};
      options.target.api = backend.api;
      options.target.path_prefix = backend.url.path_prefix;
      options.credentials = {.username = backend.username, .password = backend.password};
      reached[backend.name.text()] = options;
    }
    proxy.Configure(std::move(reached), config.limits.queries);
    const auto router = std::make_shared<const Router>(config, config.http[0].backends);
    handler.Reconfigure({.router = router,
                         .users = Users::Load(config.http[0].users).value(),
                         .queries = std::make_shared<const ListenerQueries>(config, config.http[0],
                                                                            router, proxy)});
    server =
        HttpServer::Start(
            {.host = "127.0.0.1", .threads = 1, .headers = InfluxHeaders(), .request_ids = true},
            handler, clock)
            .value();
  }

  HostPort endpoint() {
    if (!server) Start();
    return {.host = "127.0.0.1", .port = server->port()};
  }
  HttpAnswer Query(const std::string& statement, const HttpHeaders& headers = {}) {
    return Get(endpoint(), "/query?db=d&q=" + PercentEncode(statement), {.headers = headers});
  }
  // Sends a query whose answer the test reads itself.
  RawConnection Begin(std::string_view version = "1.1") {
    RawConnection client(endpoint());
    client.Send(
        fmt::format("GET /query?db=d&q=SELECT%20v%20FROM%20m HTTP/{}\r\nHost: x\r\n\r\n", version));
    return client;
  }

  void SetOldestOwed(const BackendId& backend, std::optional<WallTime> since) {
    const std::lock_guard lock(mutex);
    BackendStatus status;
    status.name = backend.text();
    status.state = "delivering";
    status.takes_writes = true;
    status.figures.oldest_owed = since;
    statuses[backend.text()] = status;
  }
  std::vector<BackendStatus> Statuses() {
    const std::lock_guard lock(mutex);
    std::vector<BackendStatus> all;
    for (const auto& [name, status] : statuses) all.push_back(status);
    return all;
  }
  std::uint64_t Ended(const BackendId& backend, QueryEnd end) {
    const auto all = counters.queries().by_backend();
    const auto found = all.find(backend.text());
    return found == all.end() ? 0 : found->second.at(static_cast<std::size_t>(end));
  }

  std::mutex mutex;
  std::map<std::string, BackendStatus> statuses;
  Config config;
  FakeBackend west{[](const FakeRequest&) { return Influx("west"); }};
  FakeBackend east{[](const FakeRequest&) { return Influx("east"); }};
  MemoryLog log{{kWest, kEast}};
  SystemClock clock;
  Counters counters;
  QueryProxy proxy{{.log = log, .clock = clock, .counters = counters.queries(), .statuses = [this] {
                      return Statuses();
                    }}};
  WriteHandler handler{{.router = RouterTo({kWest})}, log, clock, counters};
  std::unique_ptr<HttpServer> server;
};

std::string ErrorOf(const HttpAnswer& answer) {
  return nlohmann::json::parse(answer.body).at("error");
}

TEST_CASE("query proxy: a query goes to the first backend as it came, and its answer back") {
  Relaying relay;
  const HttpAnswer answer =
      relay.Query("SELECT v FROM m", {{"accept", "application/csv"}, {"x-request-id", "mine"}});
  CHECK_EQ(answer.status, 200);
  CHECK_EQ(answer.body, "west");
  CHECK_EQ(answer.Header("x-relay-backend"), "west");
  CHECK_EQ(answer.Header("x-influxdb-version"), "1.6.7");
  CHECK_EQ(answer.headers.count("x-influxdb-version"), 1);
  CHECK_EQ(answer.headers.count("date"), 1);
  const FakeRequest got = relay.west.Requests().at(0);
  CHECK_EQ(got.method, "GET");
  CHECK_EQ(got.target, "/query?db=d&q=" + PercentEncode("SELECT v FROM m"));
  CHECK_EQ(got.Header("accept"), "application/csv");
  CHECK_EQ(got.Header("x-request-id"), "mine");
  CHECK_EQ(relay.east.RequestCount(), 0);
  CHECK_EQ(relay.Ended(kWest, QueryEnd::kAnswered), 1);
}

TEST_CASE("query proxy: a form in a body is passed on too") {
  Relaying relay;
  const std::string form = "db=d&q=" + PercentEncode("SHOW MEASUREMENTS");
  const HttpAnswer answer =
      Post(relay.endpoint(), "/query?epoch=ms", form,
           {.headers = {{"content-type", "application/x-www-form-urlencoded"}}});
  CHECK_EQ(answer.body, "west");
  CHECK_EQ(relay.west.Requests().at(0).target, "/query?epoch=ms");
  CHECK_EQ(relay.west.Requests().at(0).body, form);
}

TEST_CASE("query proxy: a backend that is behind is passed over, also while none is left") {
  Relaying relay;
  relay.SetOldestOwed(kWest, relay.clock.WallNow() - 1min);
  CHECK_EQ(relay.Query("SELECT v FROM m").body, "east");

  relay.SetOldestOwed(kEast, relay.clock.WallNow() - 2min);
  HttpAnswer none;
  CHECK(Eventually(kPatience, [&] {
    none = relay.Query("SELECT v FROM m");
    return none.status == 503;
  }));
  CHECK_EQ(none.Header("retry-after"), "1");
  CHECK_NE(ErrorOf(none).find("no backend can answer the query: west: 1m"), std::string::npos);
  CHECK_NE(ErrorOf(none).find("behind, more than 30.0s; east: 2m"), std::string::npos);
  CHECK_EQ(relay.counters.queries().unanswered(), 1);
}

TEST_CASE("query proxy: what gives no answer is followed by the next, before the first byte") {
  Relaying relay;
  SUBCASE("it refuses connections") {
    relay.west.Refuse();
  }
  SUBCASE("it closes the connection") {
    relay.west.Follow([](const FakeRequest&) { return AnsweringBytes(""); });
  }
  SUBCASE("it ends within its head") {
    relay.west.Follow([](const FakeRequest&) { return AnsweringBytes("HTTP/1.1 200 OK\r\nX"); });
  }
  SUBCASE("it ends behind its head") {
    relay.west.Follow([](const FakeRequest&) { return AnsweringBytes(ChunkedHead()); });
  }
  SUBCASE("it is starting") {
    relay.west.Follow([](const FakeRequest&) { return Influx("{\"error\":\"starting\"}", 503); });
  }
  SUBCASE("it has no such path") {
    relay.west.Follow([](const FakeRequest&) {
      return FakeAnswer{
          .status = 404, .headers = {{"Content-Type", "text/plain"}}, .body = "404 page not found"};
    });
  }
  SUBCASE("it is no InfluxDB") {
    relay.west.Follow([](const FakeRequest&) { return Answering(200, "{\"results\":[]}"); });
  }
  SUBCASE("it is silent") {
    relay.config.http[0].query_timeout = 100ms;
    relay.west.Follow([](const FakeRequest&) { return NeverAnswering(); });
  }
  const HttpAnswer answer = relay.Query("SELECT v FROM m");
  CHECK_EQ(answer.body, "east");
  CHECK_EQ(answer.Header("x-relay-backend"), "east");
  CHECK_EQ(relay.Ended(kWest, QueryEnd::kNoAnswer), 1);
}

TEST_CASE("query proxy: one that has caught up while another was tried is asked then") {
  Relaying relay;
  relay.SetOldestOwed(kEast, relay.clock.WallNow() - 1min);
  relay.west.Follow([&relay](const FakeRequest&) {
    relay.SetOldestOwed(kEast, {});
    FakeAnswer nothing = AnsweringBytes("");
    nothing.delay = 150ms;  // Longer than statuses are used.
    return nothing;
  });
  CHECK_EQ(relay.Query("SELECT v FROM m").body, "east");
}

TEST_CASE("query proxy: if none answers, the client is told the reason of each") {
  Relaying relay;
  relay.west.Follow([](const FakeRequest&) { return Influx("{\"error\":\"starting\"}", 503); });
  relay.east.Follow([](const FakeRequest&) { return Answering(200, "{}"); });
  const HttpAnswer answer = relay.Query("SELECT v FROM m");
  CHECK_EQ(answer.status, 503);
  CHECK_EQ(ErrorOf(answer),
           "no backend can answer the query: west: it answered 503: {\"error\":\"starting\"}; "
           "east: its answer to /query is not InfluxDB's: it has no X-Influxdb-Build (queries: "
           "false leaves it out)");
  CHECK_EQ(answer.Header("x-influxdb-error").substr(0, 32), "no backend can answer the query:");
}

TEST_CASE("query proxy: errors of a query are the backend's own and go through") {
  Relaying relay;
  relay.west.Follow([](const FakeRequest&) { return Influx("{\"error\":\"bad\"}", 400); });
  const HttpAnswer answer = relay.Query("SELECT v FROM m");
  CHECK_EQ(answer.status, 400);
  CHECK_EQ(answer.body, "{\"error\":\"bad\"}");
  relay.west.Follow([](const FakeRequest&) { return Influx("{\"error\":\"who\"}", 401); });
  CHECK_EQ(relay.Query("SELECT v FROM m").status, 401);
  CHECK_EQ(relay.east.RequestCount(), 0);
}

TEST_CASE("query proxy: an answer in chunks is whole, and leaves the connection open") {
  Relaying relay;
  std::string expected;
  std::string wire = ChunkedHead();
  for (int i = 0; i < 3'000; ++i) {
    const std::string part = fmt::format("{}:{}\n", i, std::string(1'000, 'x'));
    wire += Chunk(part);
    expected += part;
  }
  relay.west.Follow([&wire](const FakeRequest&) { return FakeAnswer{.raw = wire + "0\r\n\r\n"}; });
  CHECK_EQ(relay.Query("SELECT v FROM m").body, expected);
  CHECK_EQ(relay.Query("SELECT v FROM m").body, expected);

  SUBCASE("to a client of HTTP/1.0 its end is the connection's") {
    RawConnection client = relay.Begin("1.0");
    const std::string all = client.ReadUntilClose().bytes;
    CHECK_EQ(all.find("Transfer-Encoding"), std::string::npos);
    CHECK_EQ(all.substr(all.find("\r\n\r\n") + 4), expected);
  }
  SUBCASE("a connection serves several") {
    RawConnection client = relay.Begin();
    CHECK(client.ReadUntil("\r\n0\r\n\r\n").bytes.ends_with("\r\n0\r\n\r\n"));
    client.Send("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.ReadUntil("\r\n\r\n").bytes.starts_with("HTTP/1.1 204"));
  }
}

TEST_CASE("query proxy: what came is sent on at once, not when the answer is whole") {
  Relaying relay;
  relay.west.Follow([](const FakeRequest&) {
    FakeAnswer answer{.raw = ChunkedHead() + Chunk("first")};
    return answer;
  });
  RawConnection client = relay.Begin();
  CHECK_NE(client.ReadUntil("first").bytes.find("first"), std::string::npos);
}

TEST_CASE("query proxy: an answer that breaks off ends the client's connection without an end") {
  Relaying relay;
  relay.west.Follow(
      [](const FakeRequest&) { return AnsweringBytes(ChunkedHead() + Chunk("half")); });
  RawConnection client = relay.Begin();
  const Received received = client.ReadUntilClose();
  CHECK(received.closed);
  CHECK(received.bytes.ends_with("\r\n4\r\nhalf\r\n"));
  CHECK_EQ(relay.east.RequestCount(), 0);
  CHECK(Eventually(kPatience, [&] { return relay.Ended(kWest, QueryEnd::kBroken) == 1; }));
}

TEST_CASE("query proxy: a client that reads slowly holds no more than the room of its answer") {
  Relaying relay;
  relay.west.Follow(
      [](const FakeRequest&) { return Endlessly(ChunkedHead(), Chunk(std::string(60'000, 'y'))); });
  RawConnection client = relay.Begin();
  CHECK_NE(client.ReadUntil("yyy").bytes, "");
  // The answer has no end: only a client that leaves ends it.
  client.Close();
  CHECK(Eventually(kPatience, [&] { return relay.Ended(kWest, QueryEnd::kAbandoned) == 1; }));
}

TEST_CASE("query proxy: a client that leaves ends its query, before an answer too") {
  Relaying relay;
  relay.west.Follow([](const FakeRequest&) { return NeverAnswering(); });
  RawConnection client = relay.Begin();
  REQUIRE(relay.west.WaitForRequests(1));
  client.Close();
  CHECK(Eventually(kPatience, [&] { return relay.Ended(kWest, QueryEnd::kAbandoned) == 1; }));
  CHECK_EQ(relay.east.RequestCount(), 0);
}

TEST_CASE("query proxy: beyond the limit of queries at once, clients are refused") {
  Relaying relay;
  relay.west.Follow([](const FakeRequest&) { return NeverAnswering(); });
  std::vector<RawConnection> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(relay.Begin());
  REQUIRE(relay.west.WaitForRequests(4));
  const HttpAnswer refused = relay.Query("SELECT v FROM m");
  CHECK_EQ(refused.status, 503);
  CHECK_EQ(ErrorOf(refused), "too many queries at once (limits.queries)");
  CHECK_EQ(Post(relay.endpoint(), "/write?db=d", "m v=1 1\n").status, 204);
  clients.clear();
  relay.west.Follow([](const FakeRequest&) { return Influx("west"); });
  CHECK(Eventually(kPatience, [&] { return relay.Query("SELECT v FROM m").status == 200; }));
}

TEST_CASE("query proxy: a stop ends the queries in progress") {
  Relaying relay;
  relay.west.Follow([](const FakeRequest&) { return NeverAnswering(); });
  RawConnection client = relay.Begin();
  REQUIRE(relay.west.WaitForRequests(1));
  relay.server->Stop(0ms);
  relay.proxy.Stop();
  CHECK(client.ReadUntilClose().closed);
}

// ---- Positions

// Resolves all that the backend is owed.
void Deliver(Relaying& relay, const BackendId& backend) {
  const Sequence cursor = relay.log.MarksOf(backend).cursor;
  const auto records = relay.log.Read(backend, cursor, {.records = 100});
  REQUIRE(records.ok());
  const Position through = records.value().back().entry.position;
  REQUIRE(relay.log.Resolve(backend, {.after = cursor, .through = through, .delivered = 1}).ok());
}

TEST_CASE("query proxy: a query that must see a write goes to a backend that has passed it") {
  Relaying relay;
  const Result<Durable> stored = AppendAndWait(relay.log, NumberedRecord(1), {kWest, kEast});
  const HttpHeaders must_see = {{"x-relay-position", ToString(stored.value().position())}};
  const HttpAnswer early = relay.Query("SELECT v FROM m", must_see);
  CHECK_EQ(early.status, 503);
  CHECK_EQ(ErrorOf(early),
           "no backend can answer the query: west: the write 1 is not yet delivered; east: the "
           "write 1 is not yet delivered");
  Deliver(relay, kEast);
  CHECK_EQ(relay.Query("SELECT v FROM m", must_see).body, "east");
  CHECK_EQ(relay.Query("SELECT v FROM m").body, "west");
}

TEST_CASE("query proxy: it waits for the write, up to a limit") {
  Relaying relay;
  relay.config.http[0].query_wait = kPatience;
  AppendAndWait(relay.log, NumberedRecord(1), {kWest, kEast}).value();
  const HostPort server = relay.endpoint();
  auto answer = std::async(std::launch::async, [&] {
    return relay.Query("SELECT v FROM m", {{"x-relay-position", "1"}});
  });
  CHECK(answer.wait_for(50ms) == std::future_status::timeout);
  Deliver(relay, kWest);
  CHECK_EQ(answer.get().body, "west");
}

TEST_CASE("query proxy: a position that this log did not give is refused") {
  Relaying relay;
  const HttpAnswer unknown = relay.Query("SELECT v FROM m", {{"x-relay-position", "7"}});
  CHECK_EQ(unknown.status, 400);
  CHECK_EQ(ErrorOf(unknown), "X-Relay-Position: this relay's log did not give 7");
  CHECK_EQ(relay.Query("SELECT v FROM m", {{"x-relay-position", "x"}}).status, 400);
}

// ---- Credentials

TEST_CASE("query proxy: without users, clients' credentials go through and the relay's do not") {
  Relaying relay;
  relay.config.backends[0].username = "relay";
  relay.config.backends[0].password = SecretSource::FromText("secret");
  Get(relay.endpoint(), "/query?db=d&u=x&p=y&q=SHOW%20MEASUREMENTS",
      {.headers = {{"authorization", "Basic eDp5"}}});
  const FakeRequest with = relay.west.Requests().at(0);
  CHECK_EQ(with.Header("authorization"), "Basic eDp5");
  CHECK_EQ(with.target, "/query?db=d&u=x&p=y&q=SHOW%20MEASUREMENTS");
  relay.Query("SELECT v FROM m");
  CHECK_EQ(relay.west.Requests().at(1).Header("authorization"), "");
}

TEST_CASE("query proxy: a listener with users passes on the relay's credentials, not theirs") {
  Relaying relay;
  relay.config.http[0].users = {
      {.name = "x", .password = SecretSource::FromText("y")},
      {.name = "z", .password = SecretSource::FromText("y"), .databases = {"d"}}};
  relay.config.backends[0].username = "relay";
  relay.config.backends[0].password = SecretSource::FromText("secret");
  CHECK_EQ(relay.Query("SELECT v FROM m").status, 401);
  CHECK_EQ(Get(relay.endpoint(), "/query?db=d&u=x&p=y&q=SHOW%20MEASUREMENTS").body, "west");
  CHECK_EQ(relay.west.Requests().at(0).target, "/query?db=d&q=SHOW%20MEASUREMENTS");
  CHECK_EQ(relay.west.Requests().at(0).Header("authorization"), "Basic cmVsYXk6c2VjcmV0");

  SUBCASE("a user of some databases reads those only") {
    const auto as_z = [&](const std::string& rest) {
      return Get(relay.endpoint(), "/query?u=z&p=y&" + rest).status;
    };
    CHECK_EQ(as_z("db=d&q=SELECT%20v%20FROM%20m"), 200);
    CHECK_EQ(as_z("db=e&q=SELECT%20v%20FROM%20m"), 403);
    CHECK_EQ(as_z("db=d&q=SELECT%20v%20FROM%20e..m"), 403);
    CHECK_EQ(as_z("db=d&q=SHOW%20USERS"), 403);
    CHECK_EQ(as_z("q=SELECT%20v%20FROM%20m"), 403);
  }
  SUBCASE("a backend that refuses the relay is passed over") {
    relay.west.Follow([](const FakeRequest&) { return Influx("{}", 401); });
    CHECK_EQ(Get(relay.endpoint(), "/query?db=d&u=x&p=y&q=SHOW%20MEASUREMENTS").body, "east");
  }
}

// ---- What is passed on, and where to

TEST_CASE("query proxy: statements that change something stay with the relay") {
  Relaying relay;
  CHECK_EQ(relay.Query("CREATE DATABASE x").status, 200);
  CHECK_EQ(relay.Query("SELECT v INTO n FROM m").status, 400);
  CHECK_EQ(relay.Query("SELECT v FROM m; DROP DATABASE d").status, 400);
  CHECK_EQ(relay.Query("SELECT v FROM 'm").status, 400);
  CHECK_EQ(relay.west.RequestCount() + relay.east.RequestCount(), 0);
}

TEST_CASE("query proxy: SHOW DATABASES is answered even if no backend can") {
  Relaying relay;
  CHECK_EQ(relay.Query("SHOW DATABASES").body, "west");
  relay.west.Refuse();
  relay.east.Refuse();
  relay.Query("CREATE DATABASE mine");
  const HttpAnswer own = relay.Query("SHOW DATABASES");
  CHECK_EQ(own.status, 200);
  CHECK_NE(own.body.find("mine"), std::string::npos);
  CHECK_EQ(own.Header("x-relay-backend"), "");
}

TEST_CASE("query proxy: a backend that has only a part of the points is not asked for them") {
  Relaying relay;
  SUBCASE("by its measurements") {
    relay.config.backends[0].only.measurements = {"m"};
  }
  SUBCASE("by its databases") {
    relay.config.backends[0].only.databases = {"e"};
  }
  SUBCASE("by what it is spared") {
    relay.config.backends[0].except.measurements = {"n"};
  }
  SUBCASE("by another name") {
    relay.config.backends[0].renames = {{.from = {.database = "d"}, .to = {.database = "x"}}};
  }
  SUBCASE("by its setting") {
    relay.config.backends[0].takes_queries = false;
  }
  SUBCASE("by its API") {
    relay.config.backends[0].api = Api::kPrometheus;
  }
  SUBCASE("by the listener's order") {
    relay.config.http[0].backends = {kEast, kWest};
  }
  CHECK_EQ(relay.Query("SELECT v FROM m").body, "east");
  CHECK_EQ(relay.west.RequestCount(), 0);
}

TEST_CASE("query proxy: Flux goes to backends of v1 and v2 alone") {
  Relaying relay;
  relay.config.backends[0].api = Api::kV3;
  relay.config.backends[1].api = Api::kV2;
  const auto ask = [&](const std::string& body, const std::string& type) {
    return Post(relay.endpoint(), "/api/v2/query?org=o", body,
                {.headers = {{"content-type", type}}});
  };
  CHECK_EQ(ask("from(bucket:\"d\")", "application/vnd.flux").body, "east");
  CHECK_EQ(ask("{\"query\": \"buckets()\"}", "application/json").body, "east");
  CHECK_EQ(relay.east.Requests().at(0).target, "/api/v2/query?org=o");
  const HttpAnswer writes = ask("from(bucket:\"d\") |> to(bucket:\"e\")", "application/vnd.flux");
  CHECK_EQ(writes.status, 400);
  CHECK_EQ(nlohmann::json::parse(writes.body).at("code"), "invalid");
}

TEST_CASE("query proxy: SQL goes to backends of v3 alone") {
  Relaying relay;
  relay.config.backends[1].api = Api::kV3;
  CHECK_EQ(Get(relay.endpoint(), "/api/v3/query_sql?db=d&q=SELECT%201").body, "east");
  CHECK_EQ(
      Post(relay.endpoint(), "/api/v3/query_influxql", "{\"db\":\"d\",\"q\":\"SHOW TABLES\"}").body,
      "east");
  relay.SetOldestOwed(kEast, relay.clock.WallNow() - 1min);
  CHECK(Eventually(kPatience, [&] {
    return Get(relay.endpoint(), "/api/v3/query_sql?db=d&q=SELECT%201").status == 503;
  }));
}

TEST_CASE("query proxy: a listener that does not route has no endpoint for other queries") {
  Relaying relay;
  relay.Start();
  relay.handler.Reconfigure({.router = RouterTo({kWest})});
  CHECK_EQ(Post(relay.endpoint(), "/api/v2/query", "{}").status, 404);
  CHECK_EQ(Get(relay.endpoint(), "/api/v3/query_sql?db=d&q=x").status, 404);
  CHECK_EQ(relay.Query("SELECT v FROM m").status, 400);
}

}  // namespace
}  // namespace relay::test::relay_queries_query_proxy_test
