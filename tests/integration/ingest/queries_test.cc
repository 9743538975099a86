// Queries through a relay to real servers: the answers are those of the server itself, and never
// those of one that is behind.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/victoria_metrics.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_queries_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct Pair {
  explicit Pair(std::vector<std::string> http = {}, const std::string& of_influxd = "") {
    http.emplace_back("queries: route");
    a.emplace(directories[0].path(), of_influxd);
    b.emplace(directories[1].path(), of_influxd);
    relay.emplace(directories[2].path(),
                  RelayProcess::Settings{.backends = {{"a", a->Url(), {"create_databases: true"}},
                                                      {"b", b->Url(), {"create_databases: true"}}},
                                         .http = std::move(http)});
  }

  HttpAnswer Query(const std::string& statement, const HttpHeaders& headers = {}) const {
    return Get(relay->endpoint(), "/query?db=metrics&q=" + PercentEncode(statement),
               {.headers = headers});
  }

  TempDir directories[3];
  std::optional<Influxd> a;
  std::optional<Influxd> b;
  std::optional<RelayProcess> relay;
};

// ---- The same as from the server itself

struct Row {
  std::string method = "GET";
  std::string target;
  std::string body = {};
  HttpHeaders headers = {};
};

std::string Form(const std::string& statement) {
  return "q=" + PercentEncode(statement);
}

std::vector<Row> Rows() {
  const HttpHeaders form = {{"content-type", "application/x-www-form-urlencoded"}};
  const auto get = [](const std::string& statement, const std::string& more = "",
                      const HttpHeaders& headers = {}) {
    return Row{.target = "/query?db=metrics&" + Form(statement) + more, .headers = headers};
  };
  return {
      get("SELECT * FROM cpu"),
      get("SELECT * FROM cpu", "&epoch=ms"),
      get("SELECT * FROM cpu", "&pretty=true"),
      get("SELECT * FROM cpu", "&chunked=true&chunk_size=1000"),
      get("SELECT * FROM cpu", "&chunked=true", {{"accept-encoding", "gzip"}}),
      get("SELECT * FROM cpu", "", {{"accept-encoding", "gzip"}}),
      get("SELECT * FROM cpu", "", {{"accept", "application/csv"}}),
      get("SELECT * FROM cpu", "", {{"accept", "application/x-msgpack"}}),
      get("SELECT mean(v) FROM cpu WHERE h =~ /^(1|2)$/ GROUP BY h, time(1u) fill(none)"),
      get("SELECT /v|w/ FROM /c.*/ LIMIT 3; SHOW MEASUREMENTS"),
      get("SELECT v / 2 FROM cpu WHERE v / 2 > 3 LIMIT 5 -- a comment"),
      get("SELECT max(v) FROM (SELECT v FROM metrics.autogen.cpu)"),
      get("SELECT v FROM cpu WHERE h = $h LIMIT 2", "&params=" + PercentEncode("{\"h\":\"1\"}")),
      get("SHOW DATABASES"),
      get("SHOW TAG VALUES FROM cpu WITH KEY = h"),
      get("SHOW FIELD KEYS ON metrics"),
      get("SHOW RETENTION POLICIES"),
      get("EXPLAIN SELECT v FROM cpu"),
      get("SELECT v FROM nothing"),
      get("SELECT v FROM"),
      get("SELECT v FRM cpu"),
      get("SELECT unknown(v) FROM cpu"),
      get("SELECT v FROM cpu", "&epoch=x"),
      get("SELECT v FROM cpu LIMIT 1", "&chunked=yes"),
      {.target = "/query?" + Form("SELECT v FROM cpu")},
      {.target = "/query?db=other&" + Form("SELECT v FROM cpu")},
      {.method = "POST",
       .target = "/query?db=metrics",
       .body = Form("SELECT v FROM cpu LIMIT 4"),
       .headers = form},
      {.method = "POST",
       .target = "/query",
       .body = "db=metrics&epoch=s&" + Form("SELECT v FROM cpu LIMIT 4"),
       .headers = form},
      {.method = "POST", .target = "/query?db=metrics&" + Form("SHOW MEASUREMENTS"), .body = ""},
      {.method = "POST",
       .target = "/query?db=metrics",
       .body = "--x\r\nContent-Disposition: form-data; name=\"q\"; filename=\"q\"\r\n\r\n"
               "SELECT v FROM cpu LIMIT 2\r\n--x--\r\n",
       .headers = {{"content-type", "multipart/form-data; boundary=x"}}},
  };
}

std::string HeadersIn(const HttpAnswer& answer) {
  std::string shown;
  for (const char* name :
       {"content-type", "content-encoding", "x-influxdb-version", "x-influxdb-build",
        "x-influxdb-error", "request-id", "www-authenticate"}) {
    // An id differs from request to request.
    const bool is_id = std::string(name) == "request-id";
    const std::string value = answer.Header(name);
    shown += fmt::format("{}={}\n", name, is_id ? std::to_string(value.size()) : value);
  }
  return shown;
}

HttpAnswer Ask(const HostPort& server, const Row& row) {
  const HttpOptions options{.headers = row.headers};
  return row.method == "POST" ? Post(server, row.target, row.body, options)
                              : Get(server, row.target, options);
}

TEST_CASE("queries: an answer through the relay is the server's own, byte for byte") {
  const Pair pair;
  std::string lines;
  for (int i = 1; i <= 20'000; ++i)
    lines += fmt::format("cpu,h={} v={},w=\"x{}\" {}\n", i % 4, i, i, i);
  REQUIRE_EQ(pair.relay->Write("metrics", lines).status, 204);
  REQUIRE(pair.relay->WaitDrained());
  for (const Row& row : Rows()) {
    CAPTURE(row.target);
    CAPTURE(row.body);
    const HttpAnswer direct = Ask(pair.a->endpoint(), row);
    const HttpAnswer relayed = Ask(pair.relay->endpoint(), row);
    CHECK_EQ(relayed.status, direct.status);
    CHECK_EQ(HeadersIn(relayed), HeadersIn(direct));
    CHECK(relayed.body == direct.body);
    CHECK_EQ(relayed.Header("x-relay-backend"), "a");
  }
}

TEST_CASE("queries: with auth-enabled, the server decides whom it answers") {
  const Pair pair({}, "auth-enabled = true\n");
  const std::string create = "CREATE USER ada WITH PASSWORD 'secret' WITH ALL PRIVILEGES";
  for (const HostPort& server : {pair.a->endpoint(), pair.b->endpoint()}) {
    REQUIRE_EQ(Post(server, "/query?q=" + PercentEncode(create), "").status, 200);
  }
  const std::string show = "/query?q=" + PercentEncode("SHOW USERS");
  for (const Row& row :
       {Row{.target = show}, Row{.target = show + "&u=ada&p=secret"},
        Row{.target = show + "&u=ada&p=wrong"},
        Row{.target = show, .headers = {{"authorization", "Basic YWRhOnNlY3JldA=="}}},
        Row{.target = show, .headers = {{"authorization", "Basic YWRhOndyb25n"}}}}) {
    CAPTURE(row.target);
    const HttpAnswer direct = Ask(pair.a->endpoint(), row);
    const HttpAnswer relayed = Ask(pair.relay->endpoint(), row);
    CHECK_EQ(relayed.status, direct.status);
    CHECK_EQ(HeadersIn(relayed), HeadersIn(direct));
    CHECK_EQ(relayed.body, direct.body);
  }
}

// ---- Never behind

// Writes rising values without end and knows when each was accepted.
class RisingValues {
 public:
  explicit RisingValues(const RelayProcess& relay)
      : relay_(relay), thread_([this](const std::stop_token& stop) { Write(stop); }) {}

  // Returns the newest value accepted before `time`.
  int AcceptedBefore(Clock::time_point time) {
    const std::lock_guard lock(mutex_);
    int value = 0;
    for (auto one = accepted_.rbegin(); one != accepted_.rend(); ++one) {
      if (one->first < time) return one->second;
    }
    return value;
  }
  int newest() const { return newest_; }

 private:
  void Write(const std::stop_token& stop) {
    for (int value = 1; !stop.stop_requested(); ++value) {
      const std::string line = fmt::format("m v={}i {}\n", value, value);
      if (relay_.Write("metrics", line).status != 204) continue;
      const std::lock_guard lock(mutex_);
      accepted_.emplace_back(Clock::now(), value);
      newest_ = value;
    }
  }

  const RelayProcess& relay_;
  std::mutex mutex_;
  std::vector<std::pair<Clock::time_point, int>> accepted_;
  std::atomic<int> newest_ = 0;
  std::jthread thread_;
};

// Returns the one value of an answer; nullopt: there is none.
std::optional<int> ValueIn(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  const auto value = json.value("/results/0/series/0/values/0/1"_json_pointer, nlohmann::json());
  if (!value.is_number()) return std::nullopt;
  return value.get<int>();
}

// Clients that ask for the newest value without end.
class Askers {
 public:
  Askers(const HostPort& relay, RisingValues& values, Clock::duration max_lag)
      : relay_(relay), values_(values), max_lag_(max_lag) {
    constexpr int kClients = 64;
    for (int i = 0; i < kClients; ++i) {
      threads_.emplace_back([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) Ask();
      });
    }
  }
  void Stop() { threads_.clear(); }

  int AnsweredBy(const std::string& backend) {
    const std::lock_guard lock(mutex_);
    return by_backend_[backend];
  }
  // Waits until the backend has answered more.
  bool WaitForMoreOf(const std::string& backend) {
    const int before = AnsweredBy(backend);
    return Eventually(kPatience, [&] { return AnsweredBy(backend) > before + 100; });
  }
  int unavailable() const { return unavailable_; }
  // The first ones that were wrong.
  std::vector<std::string> mistakes() {
    const std::lock_guard lock(mutex_);
    return mistakes_;
  }

 private:
  void Ask() {
    const Clock::time_point begun = Clock::now();
    const HttpAnswer answer =
        Get(relay_, "/query?db=metrics&q=" + PercentEncode("SELECT last(v) FROM m"));
    const int least = values_.AcceptedBefore(begun - max_lag_);
    const std::lock_guard lock(mutex_);
    // While one is down, the other may still have to catch up.
    const bool is_behind = answer.body.find("behind, more than 2.0s") != std::string::npos;
    if (answer.status == 503 && is_behind) {
      ++unavailable_;
      return;
    }
    ++by_backend_[answer.Header("x-relay-backend")];
    const std::optional<int> value = ValueIn(answer.body);
    if (answer.status == 200 && value && *value >= least) return;
    if (mistakes_.size() > 5) return;
    mistakes_.push_back(fmt::format("{} by {}, expected at least {}: {}", answer.status,
                                    answer.Header("x-relay-backend"), least, answer.body));
  }

  const HostPort relay_;
  RisingValues& values_;
  const Clock::duration max_lag_;
  std::mutex mutex_;
  std::map<std::string, int> by_backend_;
  std::vector<std::string> mistakes_;
  std::atomic<int> unavailable_ = 0;
  std::vector<std::jthread> threads_;
};

TEST_CASE("queries: with servers that come and go, 64 clients get no old and no broken answer") {
  constexpr auto kMaxLag = 2s;
  Pair pair({"query_max_lag: 2s"});
  REQUIRE_EQ(pair.relay->Write("metrics", "m v=0i 0\n").status, 204);
  REQUIRE(pair.relay->WaitDrained());
  RisingValues values(*pair.relay);
  // Waits until a value is accepted that is out of the lag of one accepted now.
  const auto fall_behind = [&] {
    const Clock::time_point now = Clock::now();
    REQUIRE(Eventually(kPatience, [&] {
      return values.AcceptedBefore(Clock::now() - kMaxLag) > values.AcceptedBefore(now);
    }));
  };
  REQUIRE(Eventually(kPatience, [&] { return values.newest() > 10; }));
  Askers askers(pair.relay->endpoint(), values, kMaxLag);
  CHECK(askers.WaitForMoreOf("a"));
  pair.a->Kill();
  CHECK(askers.WaitForMoreOf("b"));
  fall_behind();
  pair.a->Start();
  CHECK(askers.WaitForMoreOf("a"));
  pair.b->Kill();
  fall_behind();
  pair.b->Start();
  REQUIRE(Eventually(kPatience, [&] {
    return StatusOf(*pair.relay, "b").figures.marks.lag() < 20 &&
           StatusOf(*pair.relay, "b").state != "retrying";
  }));
  pair.a->Kill();
  CHECK(askers.WaitForMoreOf("b"));
  // The only one that is up lacks old points: nobody gets an answer until it has caught up.
  fall_behind();
  pair.b->Kill();
  pair.a->Start();
  CHECK(askers.WaitForMoreOf("a"));
  CHECK_GT(askers.unavailable(), 0);
  askers.Stop();
  for (const std::string& mistake : askers.mistakes()) FAIL_CHECK(mistake);
  MESSAGE(askers.AnsweredBy("a"), " answers of a, ", askers.AnsweredBy("b"), " of b, ",
          askers.unavailable(), " refused, ", values.newest(), " writes");
}

TEST_CASE("queries: a query sees the write whose position it brings") {
  Pair pair;
  REQUIRE_EQ(pair.relay->Write("metrics", "m v=0i 0\n").status, 204);
  REQUIRE(pair.relay->WaitDrained());
  for (int i = 1; i <= 200; ++i) {
    const HttpAnswer written = pair.relay->Write("metrics", fmt::format("m v={}i {}\n", i, i));
    const HttpAnswer answer = pair.Query(
        "SELECT last(v) FROM m", {{"x-relay-position", written.Header("x-relay-position")}});
    CAPTURE(answer.body);
    CHECK_EQ(ValueIn(answer.body).value_or(-1), i);
  }
}

TEST_CASE("queries: a write that no backend has in time is answered 503 with the reasons") {
  Pair pair({"query_wait: 300ms"});
  REQUIRE_EQ(pair.relay->Write("metrics", "m v=0i 0\n").status, 204);
  REQUIRE(pair.relay->WaitDrained());
  pair.a->Freeze();
  const HttpAnswer written = pair.relay->Write("metrics", "m v=1i 1\n");
  const HttpHeaders must_see = {{"x-relay-position", written.Header("x-relay-position")}};
  const HttpAnswer answer = pair.Query("SELECT last(v) FROM m", must_see);
  CHECK_EQ(ValueIn(answer.body).value_or(-1), 1);
  CHECK_EQ(answer.Header("x-relay-backend"), "b");
  pair.b->Freeze();
  const HttpAnswer later = pair.relay->Write("metrics", "m v=2i 2\n");
  const HttpAnswer none =
      pair.Query("SELECT last(v) FROM m", {{"x-relay-position", later.Header("x-relay-position")}});
  CHECK_EQ(none.status, 503);
  CHECK_NE(none.body.find("a: the write 3-"), std::string::npos);
  CHECK_NE(none.body.find("is not yet delivered; b: the write 3-"), std::string::npos);
  pair.a->Thaw();
  pair.b->Thaw();
}

TEST_CASE("queries: points on hold leave a backend out for their database alone") {
  Pair pair({"query_max_lag: 1s"});
  REQUIRE_EQ(pair.relay->Write("metrics", "m v=0i 0\n").status, 204);
  REQUIRE_EQ(pair.relay->Write("other", "m v=0i 0\n").status, 204);
  REQUIRE(pair.relay->WaitDrained());
  REQUIRE_EQ(Run({RelayBinary(), "hold", "--backend", "a", "--database", "metrics", "--config",
                  pair.relay->config_path()})
                 .exit_code,
             0);
  // The delivery checks operators' holds once a second.
  int newest = 0;
  REQUIRE(Eventually(kPatience, [&] {
    ++newest;
    pair.relay->Write("metrics", fmt::format("m v={}i {}\n", newest, newest));
    return StatusOf(*pair.relay, "a").figures.held_records > 0;
  }));
  CHECK(Eventually(kPatience, [&] {
    return pair.Query("SELECT last(v) FROM m").Header("x-relay-backend") == "b";
  }));
  CHECK_EQ(ValueIn(pair.Query("SELECT last(v) FROM m").body).value_or(-1), newest);
  CHECK_EQ(pair.Query("SELECT last(v) FROM other..m").Header("x-relay-backend"), "b");
  CHECK_EQ(
      Get(pair.relay->endpoint(), "/query?db=other&q=" + PercentEncode("SELECT last(v) FROM m"))
          .Header("x-relay-backend"),
      "a");
}

TEST_CASE("queries: a VictoriaMetrics before an InfluxDB is passed over") {
  const TempDir victoria_directory;
  const TempDir influx_directory;
  const TempDir relay_directory;
  const VictoriaMetrics victoria(victoria_directory.path());
  const Influxd influx(influx_directory.path());
  const RelayProcess relay(
      relay_directory.path(),
      {.backends = {{"vm", victoria.Url()}, {"influx", influx.Url(), {"create_databases: true"}}},
       .http = {"queries: route"}});
  REQUIRE_EQ(relay.Write("metrics", "m v=5i 5\n").status, 204);
  REQUIRE(relay.WaitDrained());
  const HttpAnswer answer =
      Get(relay.endpoint(), "/query?db=metrics&q=" + PercentEncode("SELECT last(v) FROM m"));
  CHECK_EQ(answer.Header("x-relay-backend"), "influx");
  CHECK_EQ(ValueIn(answer.body).value_or(-1), 5);
}

// ---- Clients as they are

TEST_CASE("queries: influx and python3-influxdb write and query through one address") {
  Pair pair;
  const std::string port = std::to_string(pair.relay->endpoint().port);
  const std::vector<std::string> influx = {"/usr/bin/influx", "-host",   "127.0.0.1", "-port", port,
                                           "-database",       "metrics", "-execute"};
  const auto execute = [&influx](const std::string& statement) {
    std::vector<std::string> argv = influx;
    argv.push_back(statement);
    return Run(argv).output;
  };
  CHECK_EQ(execute("CREATE DATABASE metrics"),
           "warning: the relay creates it on each backend at its first write.\n");
  CHECK_EQ(execute("INSERT cpu,host=a load=0.5 1000"), "");
  REQUIRE(pair.relay->WaitDrained());
  CHECK_NE(execute("SELECT * FROM cpu").find("1000 a    0.5"), std::string::npos);
  CHECK_NE(execute("SHOW DATABASES").find("metrics"), std::string::npos);

  const RunResult python =
      Run({"/usr/bin/python3", "-c",
           fmt::format("from influxdb import InfluxDBClient\n"
                       "client = InfluxDBClient('127.0.0.1', {}, database='metrics')\n"
                       "print(list(client.query('SELECT * FROM cpu').get_points()))\n"
                       "print(len(list(client.query('SELECT * FROM cpu', chunked=True))))\n"
                       "print(client.get_list_database())\n",
                       port)});
  CHECK_EQ(python.exit_code, 0);
  CHECK_NE(python.output.find("'host': 'a', 'load': 0.5"), std::string::npos);
  CHECK_NE(python.output.find("[{'name': 'metrics'}"), std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_ingest_queries_test
