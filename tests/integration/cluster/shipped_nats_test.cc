// The configurations of NATS servers that are shipped, each on three real servers, and relays that
// share a log on them.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/tls_front.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_cluster_shipped_nats_test {
namespace {

const std::string kShipped = SourceRoot() + "/deploy/nats/";
constexpr milliseconds kLong = 2 * kPatience;

// Three servers with a configuration as it is shipped; what differs comes from the environment.
class ShippedServers {
 public:
  explicit ShippedServers(const std::string& configuration) {
    const Certificate certificate = ca.Issue("IP:127.0.0.1,DNS:localhost");
    std::vector<std::string> routes;
    for (Server& server : servers_) {
      routes.push_back(fmt::format("nats-route://127.0.0.1:{}", server.cluster_port));
    }
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      Server& server = servers_[i];
      const std::string store = directory_.File(fmt::format("{}", i));
      server.process = std::make_unique<Process>(Program{
          .argv = {"nats-server", "-c", kShipped + configuration},
          .environment = {fmt::format("NATS_NAME=nats-{}", i),
                          fmt::format("NATS_LISTEN=0.0.0.0:{}", server.port),
                          fmt::format("NATS_CLUSTER_LISTEN=127.0.0.1:{}", server.cluster_port),
                          fmt::format("NATS_ROUTES=[{}]", fmt::join(routes, ", ")),
                          fmt::format("NATS_MONITOR=127.0.0.1:{}", server.monitor_port),
                          "NATS_STORE=" + store, R"(NATS_PASSWORD="1 $secret")",
                          "NATS_CA=" + ca.cert(), "NATS_CERT=" + certificate.cert,
                          "NATS_KEY=" + certificate.key},
          .output_path = store + ".log"});
    }
    const auto is_ready = [](const Server& server) {
      return Get({.host = "127.0.0.1", .port = server.monitor_port}, "/healthz").status == 200;
    };
    const bool ready =
        Eventually(kLong, [&] { return std::all_of(servers_.begin(), servers_.end(), is_ready); });
    INFO(servers_[0].process->Output());
    REQUIRE(ready);
  }

  // Returns their URLs as a list of YAML; `at` is a scheme and a host.
  std::string Urls(const std::string& at) const {
    std::vector<std::string> urls;
    for (const Server& server : servers_) urls.push_back(fmt::format("{}:{}", at, server.port));
    return fmt::format("[{}]", fmt::join(urls, ", "));
  }

  void Kill(std::size_t server) { servers_.at(server).process->Kill(SIGKILL); }

  TestCa ca;

 private:
  struct Server {
    std::uint16_t port = FreePort();
    std::uint16_t cluster_port = FreePort();
    std::uint16_t monitor_port = FreePort();
    std::unique_ptr<Process> process = nullptr;
  };

  TempDir directory_;
  std::vector<Server> servers_{3};
};

// Two relays before a backend, with these settings of log.jetstream beside their names.
class Relays {
 public:
  explicit Relays(const std::vector<std::string>& jetstream) {
    for (const std::string name : {"relay-a", "relay-b"}) {
      RelayProcess::Settings settings{.backends = {{"influx", backend.Url()}},
                                      .log = {"min_free: 0B", "engine: jetstream", "jetstream:",
                                              "  max_bytes: 64MiB", "  relay: " + name}};
      for (const std::string& line : jetstream) settings.log.push_back("  " + line);
      std::filesystem::create_directory(directory_.File(name));
      relays_.push_back(std::make_unique<RelayProcess>(directory_.File(name), settings));
    }
  }

  RelayProcess& operator[](std::size_t relay) { return *relays_.at(relay); }

  // Returns whether both come to have each write.
  bool ComeInSync() {
    const auto is_ready = [this] {
      return Get(relays_[0]->admin(), "/readyz").body == "{\"status\":\"ready\",\"reason\":\"\"}\n";
    };
    return Eventually(kLong, is_ready);
  }

  FakeBackend backend;

 private:
  TempDir directory_;
  std::vector<std::unique_ptr<RelayProcess>> relays_;
};

// Checks that both relays take writes and that these are delivered, with all servers and with two.
void CheckThatRelaysWork(ShippedServers& servers, Relays& relays) {
  REQUIRE(relays.ComeInSync());
  CHECK_EQ(relays[0].Write("d", "m v=1 1").status, 204);
  CHECK_EQ(relays[1].Write("d", "m v=2 2").status, 204);
  REQUIRE(relays[0].WaitDrained());
  servers.Kill(0);
  // While the others elect a leader, a write may be refused: clients repeat it.
  CHECK(Eventually(kLong, [&] { return relays[0].Write("d", "m v=3 3").status == 204; }));
  CHECK(Eventually(kLong, [&] { return relays[1].Write("d", "m v=4 4").status == 204; }));
  REQUIRE(relays[1].WaitDrained(kLong));
  CHECK_GE(StatusOf(relays[1], "influx").figures.delivered, 4);
}

TEST_CASE("shipped nats: relays share a log with a user and a password") {
  const TempDir directory;
  WriteFile(directory.File("password"), "1 $secret\n");
  ShippedServers servers("nats-server.conf");
  Relays relays({"servers: " + servers.Urls("nats://127.0.0.1"), "username: relay",
                 "password_file: " + directory.File("password"),
                 "advertise: http://{relay}.test:9097"});
  CheckThatRelaysWork(servers, relays);
  CHECK(relays[0].Status().find(R"("address":"http://relay-b.test:9097")") != std::string::npos);
}

TEST_CASE("shipped nats: relays share a log over TLS, and the servers too speak TLS") {
  const TempDir directory;
  WriteFile(directory.File("password"), "1 $secret\n");
  ShippedServers servers("nats-server-tls.conf");
  Relays relays({"servers: " + servers.Urls("tls://localhost"), "username: relay",
                 "password_file: " + directory.File("password"),
                 fmt::format("tls: {{ca: {}}}", servers.ca.cert())});
  CheckThatRelaysWork(servers, relays);
}

// Returns why relays with these settings do not start; empty: they do.
std::string WhyNotStarted(const std::vector<std::string>& jetstream) {
  try {
    const Relays relays(jetstream);
  } catch (const std::exception& refused) {
    return refused.what();
  }
  return "";
}

TEST_CASE("shipped nats: a wrong password, CA or name of the server keeps a relay from starting") {
  const TempDir directory;
  WriteFile(directory.File("password"), "1 $secret\n");
  WriteFile(directory.File("wrong"), "2\n");
  const ShippedServers servers("nats-server-tls.conf");
  const TestCa other;
  struct Row {
    std::string url;
    std::string password;
    std::string ca;
  };
  const std::vector<Row> rows = {{"tls://localhost", "wrong", servers.ca.cert()},
                                 {"tls://localhost", "password", other.cert()},
                                 {"tls://127.0.0.2", "password", servers.ca.cert()}};
  std::vector<std::string> reasons(rows.size());
  std::vector<std::thread> starting;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    starting.emplace_back([&, i] {
      reasons[i] = WhyNotStarted({"servers: " + servers.Urls(rows[i].url), "username: relay",
                                  "password_file: " + directory.File(rows[i].password),
                                  fmt::format("tls: {{ca: {}}}", rows[i].ca)});
    });
  }
  for (std::thread& one : starting) one.join();
  CHECK(reasons[0].find("event=\"cannot start\"") != std::string::npos);
  CHECK(reasons[1].find("event=\"cannot start\"") != std::string::npos);
  CHECK(reasons[2].find("event=\"cannot start\"") != std::string::npos);
}

TEST_CASE("shipped nats: the example of the environment sets what the configurations use") {
  const auto named = [](const std::string& file, const std::string& before) {
    std::set<std::string> names;
    std::istringstream lines(ReadFile(kShipped + file));
    for (std::string line; std::getline(lines, line);) {
      const std::size_t at = line.find(before + "NATS_");
      if (line.starts_with('#') || at == std::string::npos) continue;
      const std::size_t begin = at + before.size();
      names.insert(
          line.substr(begin, line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", begin) - begin));
    }
    return names;
  };
  const std::set<std::string> set = named("nats-server.env", "");
  const std::set<std::string> with_tls = named("nats-server-tls.conf", "$");
  CHECK_EQ(set, with_tls);
  for (const std::string& name : named("nats-server.conf", "$")) CHECK(with_tls.contains(name));
}

}  // namespace
}  // namespace relay::test::integration_cluster_shipped_nats_test
