// deploy/haproxy: a real HAProxy spreads writes over two relays and keeps
// queries away from a database that is behind.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_haproxy_test {
namespace {

using Json = nlohmann::json;

const std::string kFile = SourceRoot() + "/deploy/haproxy/haproxy.cfg";
constexpr milliseconds kLong = 3 * kPatience;

HostPort Local(std::uint16_t port) {
  return {.host = "127.0.0.1", .port = port};
}

std::string Text(const HostPort& endpoint) {
  return fmt::format("{}:{}", endpoint.host, endpoint.port);
}

// Returns the number of queries to a server since it started.
int Queries(const Influxd& server) {
  const Json all = Json::parse(Get(server.endpoint(), "/debug/vars").body);
  for (const auto& [name, statistics] : all.items()) {
    if (name.starts_with("httpd")) return statistics.at("values").at("queryReq").get<int>();
  }
  FAIL("influxd counts no queries");
  return 0;
}

// HAProxy as shipped, before two relays and the two databases of each.
struct Site {
  TempDir directories[5];
  Influxd a{directories[0].path()};
  Influxd b{directories[1].path()};
  RelayProcess relay_1{directories[2].path(), Settings()};
  RelayProcess relay_2{directories[3].path(), Settings()};
  HostPort site = Local(FreePort());
  HostPort statistics = Local(FreePort());
  Process haproxy;

  explicit Site(std::vector<std::string> settings = {})
      : haproxy({.argv = {"haproxy", "-db", "-f", kFile},
                 .environment = Environment(std::move(settings)),
                 .output_path = directories[4].File("haproxy.log")}) {
    a.CreateDatabase("metrics");
    b.CreateDatabase("metrics");
    REQUIRE(Eventually(kPatience, [&] { return Judged("relays", "BACKEND") == "UP"; }));
  }

  RelayProcess::Settings Settings() const {
    return {.backends = {{"influx-a", a.Url()}, {"influx-b", b.Url()}},
            .http = {"log_statements: true"}};
  }

  std::vector<std::string> Environment(std::vector<std::string> more) const {
    std::vector<std::string> all = {"LISTEN=" + Text(site),
                                    "STATISTICS=" + Text(statistics),
                                    "CONTROL=" + directories[4].File("socket"),
                                    "RELAY_1=" + Text(relay_1.endpoint()),
                                    "RELAY_1_ADMIN=" + Text(relay_1.admin()),
                                    "RELAY_2=" + Text(relay_2.endpoint()),
                                    "RELAY_2_ADMIN=" + Text(relay_2.admin()),
                                    "INFLUX_A=" + Text(a.endpoint()),
                                    "INFLUX_B=" + Text(b.endpoint()),
                                    "LOOK_EVERY=100ms"};
    // The first of two counts.
    all.insert(all.begin(), more.begin(), more.end());
    return all;
  }

  // Returns HAProxy's word for a server: "UP", "DOWN", "NOLB" (stopping).
  std::string Judged(const std::string& backend, const std::string& server) const {
    const std::string table = Get(statistics, "/;csv").body;
    const std::size_t row = table.find("\n" + backend + "," + server + ",");
    if (row == std::string::npos) return "";
    const std::string line = table.substr(row + 1, table.find('\n', row + 1) - row - 1);
    std::size_t at = 0;
    for (int column = 0; column < 17; ++column) at = line.find(',', at) + 1;
    return line.substr(at, line.find(',', at) - at);
  }
  bool WaitJudged(const std::string& backend, const std::string& word) const {
    return Eventually(kLong, [&] { return Judged(backend, "relay") == word; });
  }

  // Writes as clients do: a write that was not taken is sent again.
  void Write(int n) const {
    const std::string line = fmt::format("cpu v={0} {0}", n);
    CHECK(
        Eventually(kPatience, [&] { return Post(site, "/write?db=metrics", line).status == 204; }));
  }
  HttpAnswer Query(const std::string& text) const {
    return Get(site, "/query?db=metrics&q=" + PercentEncode(text));
  }
  int Count() const {
    const HttpAnswer answer = Query("SELECT COUNT(v) FROM cpu");
    CAPTURE(answer.body);
    REQUIRE_EQ(answer.status, 200);
    const Json series = Json::parse(answer.body).at("results").at(0).value("series", Json::array());
    return series.empty() ? 0 : series.at(0).at("values").at(0).at(1).get<int>();
  }
  // Checks that every query is answered with all points, and none of them by `server`.
  void CheckKeptAwayFrom(const Influxd& server, int points) const {
    const int before = Queries(server);
    for (int i = 0; i < 20; ++i) CHECK_EQ(Count(), points);
    CHECK_EQ(Queries(server), before);
  }
  bool WaitUntilAsked(const Influxd& server, int points) const {
    const int before = Queries(server);
    return Eventually(kLong, [&] {
      CHECK_EQ(Count(), points);
      return Queries(server) > before;
    });
  }
  // Waits until it has everything, and HAProxy knows.
  bool WaitCurrent(const std::string& backend) const {
    return Eventually(kLong,
                      [&] {
                        return StatusOf(relay_1, backend).figures.marks.lag() == 0 &&
                               StatusOf(relay_2, backend).figures.marks.lag() == 0;
                      }) &&
           WaitJudged(backend + "-by-relay-1", "UP") && WaitJudged(backend + "-by-relay-2", "UP");
  }
  bool WaitDrained() const { return relay_1.WaitDrained(kLong) && relay_2.WaitDrained(kLong); }
  static void Tell(const RelayProcess& relay, const std::string& what, const std::string& backend) {
    const HttpAnswer answer = Post(relay.admin(), "/api/v1/backends/" + backend + "/" + what, "{}",
                                   {.headers = {{"content-type", "application/json"}}});
    REQUIRE_MESSAGE(answer.status == 200, answer.body);
  }
};

TEST_CASE("haproxy: it has no warnings about the configuration") {
  const RunResult run = Run({"haproxy", "-c", "-f", kFile});
  CHECK_EQ(run.exit_code, 0);
  CHECK_EQ(run.output, "Configuration file is valid\n");
}

TEST_CASE("haproxy: while a database is behind no query reaches it, then it is asked again") {
  Site site({"QUESTION=max_lag=0s"});
  for (int n = 1; n <= 20; ++n) site.Write(n);
  CHECK(site.WaitCurrent("influx-a"));
  CHECK(site.WaitCurrent("influx-b"));
  CHECK(site.WaitUntilAsked(site.a, 20));
  CHECK(site.WaitUntilAsked(site.b, 20));

  // It goes away and comes back with what one relay owes it, but not with what the other does.
  site.b.Kill();
  for (int n = 21; n <= 40; ++n) site.Write(n);
  Site::Tell(site.relay_2, "pause", "influx-b");
  site.b.Start();
  CHECK(site.WaitJudged("influx-b-by-relay-1", "UP"));
  CHECK(site.WaitJudged("influx-b-by-relay-2", "NOLB"));
  CHECK(site.WaitCurrent("influx-a"));
  CHECK_LT(site.b.CountPoints("metrics", "cpu", "v"), 40);
  site.CheckKeptAwayFrom(site.b, 40);

  // A dead relay still owes what it owed.
  site.relay_2.Kill();
  CHECK(site.WaitJudged("relay-2-takes-writes", "DOWN"));
  site.CheckKeptAwayFrom(site.b, 40);

  site.relay_2.Start();
  Site::Tell(site.relay_2, "resume", "influx-b");
  CHECK(site.WaitCurrent("influx-a"));
  CHECK(site.WaitUntilAsked(site.b, 40));
  CHECK(site.WaitUntilAsked(site.a, 40));
}

TEST_CASE("haproxy: a database that lost what is written to is not asked until it has it again") {
  Site site({"QUESTION=max_lag=0s&database=metrics"});
  site.Write(1);
  CHECK(site.WaitCurrent("influx-a"));
  CHECK(site.WaitCurrent("influx-b"));
  CHECK(site.WaitUntilAsked(site.b, 1));
  site.b.Query("", "DROP DATABASE metrics");
  for (int n = 2; n <= 11; ++n) site.Write(n);
  CHECK(site.WaitJudged("influx-b-by-relay-1", "NOLB"));
  CHECK(site.WaitJudged("influx-b-by-relay-2", "NOLB"));
  CHECK(site.WaitCurrent("influx-a"));
  site.CheckKeptAwayFrom(site.b, 11);
  site.b.CreateDatabase("metrics");
  CHECK(site.WaitJudged("influx-b-by-relay-1", "UP"));
  CHECK(site.WaitJudged("influx-b-by-relay-2", "UP"));
}

TEST_CASE("haproxy: writes go on while a relay is dead, and nothing that was taken is lost") {
  Site site;
  for (int n = 1; n <= 10; ++n) site.Write(n);
  site.relay_1.Kill();
  for (int n = 11; n <= 30; ++n) site.Write(n);
  site.relay_1.Start();
  REQUIRE(Eventually(kPatience, [&] { return site.Judged("relays", "relay-1") == "UP"; }));
  site.relay_2.Kill();
  for (int n = 31; n <= 40; ++n) site.Write(n);
  site.relay_2.Start();
  REQUIRE(site.WaitDrained());
  CHECK_EQ(site.a.CountPoints("metrics", "cpu", "v"), 40);
  CHECK_EQ(site.b.CountPoints("metrics", "cpu", "v"), 40);
  CHECK(site.a.ReadPoints("metrics", "cpu") == site.b.ReadPoints("metrics", "cpu"));
}

// A relay that refuses each write when it has read its head, as one does whose log is full.
class FullRelay {
 public:
  FullRelay() : listening_(ListenOn(port_)), thread_([this] { Serve(); }) {}
  ~FullRelay() { shutdown(listening_.get(), SHUT_RDWR); }

  HostPort endpoint() const { return Local(port_); }
  int refused() const { return refused_; }

 private:
  void Serve() {
    constexpr std::string_view kAnswer =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for (;;) {
      const Fd client(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client.open()) return;
      char head[1024];
      if (recv(client.get(), head, sizeof head, 0) <= 0) continue;
      ++refused_;
      send(client.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
      while (recv(client.get(), head, sizeof head, 0) > 0) {
      }
    }
  }

  std::uint16_t port_ = FreePort();
  Fd listening_;
  std::atomic<int> refused_ = 0;
  std::jthread thread_;
};

TEST_CASE(
    "haproxy: a write that one relay refuses goes to the other, however late its body comes") {
  FullRelay full;
  Site site({"RELAY_1=" + Text(full.endpoint())});
  constexpr int kWrites = 10;
  for (int n = 1; n <= kWrites; ++n) {
    const std::string line = fmt::format("cpu v={0} {0}", n);
    RawConnection client(site.site);
    client.Send(fmt::format(
        "POST /write?db=metrics HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", line.size()));
    REQUIRE_EQ(client.ReadSome(milliseconds(50)).bytes, "");
    client.Send(line);
    REQUIRE(client.ReadUntil("\r\n\r\n").bytes.starts_with("HTTP/1.1 204"));
  }
  CHECK_GT(full.refused(), 0);
  REQUIRE(site.relay_2.WaitDrained(kLong));
  CHECK_EQ(site.a.CountPoints("metrics", "cpu", "v"), kWrites);
}

TEST_CASE("haproxy: statements that change databases reach both, queries reach one") {
  Site site;
  CHECK_EQ(site.Query("CREATE DATABASE \"made by GET\"").status, 200);
  const HttpAnswer posted =
      Post(site.site, "/query", "q=" + PercentEncode(" create database posted"),
           {.headers = {{"content-type", "application/x-www-form-urlencoded"}}});
  CHECK_EQ(posted.status, 200);
  for (const Influxd* server : {&site.a, &site.b}) {
    CHECK(Eventually(kPatience, [&] {
      const std::string names = server->Query("", "SHOW DATABASES");
      return names.find("made by GET") != std::string::npos &&
             names.find("posted") != std::string::npos;
    }));
  }
  const int before = Queries(site.a) + Queries(site.b);
  CHECK_EQ(site.Query("SHOW DATABASES").status, 200);
  CHECK_EQ(Queries(site.a) + Queries(site.b), before + 1);
}

TEST_CASE("haproxy: where every database is behind, queries are refused or answered, as told") {
  for (const std::string told : {"refuse", "answer"}) {
    CAPTURE(told);
    Site site({"ALL_BEHIND=" + told});
    site.Write(1);
    REQUIRE(site.WaitDrained());
    for (const std::string backend : {"influx-a", "influx-b"}) {
      Site::Tell(site.relay_1, "pause", backend);
      CHECK(site.WaitJudged(backend + "-by-relay-1", "NOLB"));
    }
    const HttpAnswer answer = site.Query("SELECT COUNT(v) FROM cpu");
    CHECK_EQ(answer.status, told == "refuse" ? 503 : 200);
    if (told == "refuse") CHECK_EQ(answer.Header("retry-after"), "5");
  }
}

}  // namespace
}  // namespace relay::test::integration_ingest_haproxy_test
