// Relays that share a log, in a network that is cut: a relay from the servers of NATS, and these
// from one another. The databases are reached by all.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/process/http_client.h"
#include "tests/support/process/network.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_cluster_partitions_test {
namespace {

using Json = nlohmann::json;

constexpr milliseconds kLong = 2 * kPatience;
constexpr milliseconds kShort{2'000};
constexpr std::uint16_t kWrites = 9096;
constexpr std::uint16_t kAdmin = 9097;
constexpr std::uint16_t kInflux = 8086;

// The hosts: three servers of NATS, two relays, and one with the two databases and the clients.
constexpr std::size_t kNats = 3;
constexpr std::size_t kRelays = 2;
constexpr std::size_t kData = kNats + kRelays;

struct Site {
  Site() {
    network.Enter(kData);  // The test is a client.
    for (std::size_t i = 0; i < kNats; ++i) StartNats(i);
    for (std::size_t i = 0; i < 2; ++i) StartInfluxd(i);
    REQUIRE(Eventually(kPatience, [this] {
      return Get({network.AddressOf(0), 8222}, "/healthz", {.timeout = kShort}).status == 200 &&
             Get(Influx(0), "/ping", {.timeout = kShort}).status == 204 &&
             Get(Influx(1), "/ping", {.timeout = kShort}).status == 204;
    }));
    for (std::size_t i = 0; i < kRelays; ++i) StartRelay(i);
    REQUIRE(Eventually(kPatience, [this] { return Copies(0) == 2 && Copies(1) == 2; }));
  }

  static std::size_t HostOf(std::size_t relay) { return kNats + relay; }
  HostPort Influx(std::size_t i) const {
    return {network.AddressOf(kData), static_cast<std::uint16_t>(kInflux + i)};
  }
  HostPort Writes(std::size_t relay) const { return {network.AddressOf(HostOf(relay)), kWrites}; }
  HostPort Admin(std::size_t relay) const { return {network.AddressOf(HostOf(relay)), kAdmin}; }

  std::string File(const std::string& name) const { return directory.File(name); }

  void Start(const std::string& name, std::size_t host, const std::vector<std::string>& argv) {
    processes.push_back(std::make_unique<Process>(
        Program{.argv = network.On(host, argv), .output_path = File(name + ".out")}));
  }

  void StartNats(std::size_t i) {
    std::vector<std::string> routes;
    for (std::size_t other = 0; other < kNats; ++other) {
      routes.push_back(fmt::format("nats-route://{}:6222", network.AddressOf(other)));
    }
    const std::string name = fmt::format("nats-{}", i);
    WriteFile(File(name + ".conf"),
              fmt::format("server_name: {0}\nlisten: \"{1}:4222\"\nhttp: \"{1}:8222\"\n"
                          "ping_interval: 2s\n"
                          "jetstream {{ store_dir: \"{2}\", max_file_store: 10GB }}\n"
                          "cluster {{ name: c, listen: \"{1}:6222\", routes: [{3}] }}\n",
                          name, network.AddressOf(i), File(name), fmt::join(routes, ", ")));
    Start(name, i, {"nats-server", "-c", File(name + ".conf")});
  }

  void StartInfluxd(std::size_t i) {
    const std::string name = fmt::format("influx-{}", i);
    WriteFile(File(name + ".conf"),
              fmt::format("reporting-disabled = true\nbind-address = \"127.0.0.1:{0}\"\n"
                          "[meta]\ndir = \"{1}/meta\"\n[data]\ndir = \"{1}/data\"\n"
                          "wal-dir = \"{1}/wal\"\n[http]\nbind-address = \":{2}\"\n"
                          "log-enabled = false\n",
                          18'088 + i, File(name), kInflux + i));
    Start(name, kData, {"influxd", "-config", File(name + ".conf")});
  }

  void StartRelay(std::size_t i) {
    const std::string name = fmt::format("relay-{}", i);
    std::filesystem::create_directory(File(name));
    std::vector<std::string> servers;
    for (std::size_t one = 0; one < kNats; ++one) {
      servers.push_back(fmt::format("\"nats://{}:4222\"", network.AddressOf(one)));
    }
    const std::string address = network.AddressOf(HostOf(i));
    WriteFile(
        File(name + ".yaml"),
        fmt::format("log:\n  path: {}\n  min_free: 0B\n  engine: jetstream\n  jetstream:\n"
                    "    servers: [{}]\n    relay: {}\n    max_bytes: 256MiB\n"
                    "http:\n  - address: {}:{}\nadmin:\n  address: 127.0.0.1:{}\n"
                    "backends:\n"
                    "  - {{ name: influx-a, url: \"http://{}:{}\", create_databases: true }}\n"
                    "  - {{ name: influx-b, url: \"http://{}:{}\", create_databases: true }}\n",
                    File(name), fmt::join(servers, ", "), name, address, kWrites, kAdmin,
                    network.AddressOf(kData), kInflux, network.AddressOf(kData), kInflux + 1));
    Start(name, HostOf(i), {RelayBinary(), "serve", "--config", File(name + ".yaml")});
  }

  // Asks a relay's admin port, which only its own host reaches.
  Json StatusOf(std::size_t relay) const {
    const RunResult asked =
        Run(network.On(HostOf(relay), {"curl", "-s", "-m", "2",
                                       fmt::format("127.0.0.1:{}/api/v1/status", kAdmin)}));
    return Json::parse(asked.output, nullptr, false);
  }
  std::uint64_t Copies(std::size_t relay) const {
    const Json status = StatusOf(relay);
    return status.is_object() ? status.at("shared_log").at("copies").get<std::uint64_t>() : 0;
  }
  bool Delivers(std::size_t relay) const {
    const Json status = StatusOf(relay);
    if (!status.is_object()) return false;
    const Json& backend = status.at("backends").at(0);
    return backend.value("delivered_by", "") == fmt::format("relay-{}", relay) &&
           backend.at("state") != "standby";
  }
  std::size_t Owner() const {
    std::size_t owner = kRelays;
    REQUIRE(Eventually(kLong, [&] {
      for (std::size_t i = 0; i < kRelays; ++i) {
        if (Delivers(i)) owner = i;
      }
      return owner < kRelays;
    }));
    return owner;
  }

  void CutFromNats(std::size_t relay) const {
    for (std::size_t i = 0; i < kNats; ++i) network.Cut(HostOf(relay), i);
  }
  void MendToNats(std::size_t relay) const {
    for (std::size_t i = 0; i < kNats; ++i) network.Mend(HostOf(relay), i);
  }

  int Write(std::size_t relay, int n, milliseconds patience = kShort) const {
    return Post(Writes(relay), "/write?db=d", fmt::format("m v={0}i {0}", n), {.timeout = patience})
        .status;
  }
  void WriteUntilTaken(std::size_t relay, int n) const {
    REQUIRE(Eventually(kLong, [&] { return Write(relay, n, milliseconds{12'000}) == 204; }));
  }
  std::string PointsOf(std::size_t influx) const {
    return Get(Influx(influx), "/query?db=d&q=" + PercentEncode("select * from m")).body;
  }
  int CountOf(std::size_t influx) const {
    const Json json = Json::parse(
        Get(Influx(influx), "/query?db=d&q=" + PercentEncode("select count(v) from m")).body,
        nullptr, false);
    if (!json.is_object() || !json.at("results").at(0).contains("series")) return 0;
    return json["results"][0]["series"][0]["values"][0][1].get<int>();
  }
  void CheckThatBothHave(int points) const {
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(Eventually(kLong, [&] { return CountOf(i) == points; }));
    }
    CHECK_EQ(PointsOf(0), PointsOf(1));
  }

  TempDir directory;
  Network network{kData + 1};
  std::vector<std::unique_ptr<Process>> processes;
};

// Runs the test on a thread of its own, as a thread that has entered the network stays there.
template <typename Test>
void InNetwork(const Test& test) {
  if (const std::string reason = Network::WhyNot(); !reason.empty()) {
    MESSAGE("skipped: no network can be made here: " << reason);
    return;
  }
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      test();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

TEST_CASE(
    "partition: a relay that is cut off from NATS delivers and accepts nothing, the other does") {
  InNetwork([] {
    const Site site;
    for (int n = 1; n <= 10; ++n) site.WriteUntilTaken(n % 2 == 0 ? 0 : 1, n);
    const std::size_t cut = site.Owner();
    const std::size_t other = 1 - cut;
    site.CutFromNats(cut);
    REQUIRE(Eventually(kLong, [&] { return site.Delivers(other); }));
    // It has stopped before the other began, though it reaches the databases.
    CHECK_FALSE(site.Delivers(cut));
    for (int n = 11; n <= 20; ++n) site.WriteUntilTaken(other, n);
    CHECK_NE(site.Write(cut, 99), 204);
    site.CheckThatBothHave(20);
    site.MendToNats(cut);
    REQUIRE(Eventually(kLong, [&] { return site.Copies(cut) == 2; }));
    site.WriteUntilTaken(cut, 99);
    site.CheckThatBothHave(21);
  });
}

TEST_CASE("partition: of servers that are cut in two, the majority's side goes on") {
  InNetwork([] {
    const Site site;
    for (int n = 1; n <= 10; ++n) site.WriteUntilTaken(0, n);
    // One server is alone, with one relay on its side.
    site.network.Cut(0, 1);
    site.network.Cut(0, 2);
    site.network.Cut(Site::HostOf(1), 1);
    site.network.Cut(Site::HostOf(1), 2);
    site.network.Cut(Site::HostOf(0), 0);
    REQUIRE(Eventually(kLong, [&] { return site.Delivers(0); }));
    for (int n = 11; n <= 20; ++n) site.WriteUntilTaken(0, n);
    CHECK_NE(site.Write(1, 99), 204);
    CHECK_FALSE(site.Delivers(1));
    site.CheckThatBothHave(20);
    site.network.Mend(0, 1);
    site.network.Mend(0, 2);
    site.network.Mend(Site::HostOf(1), 1);
    site.network.Mend(Site::HostOf(1), 2);
    site.network.Mend(Site::HostOf(0), 0);
    REQUIRE(Eventually(kLong, [&] { return site.Copies(1) == 2 && site.Copies(0) == 2; }));
    site.WriteUntilTaken(1, 99);
    site.CheckThatBothHave(21);
  });
}

}  // namespace
}  // namespace relay::test::integration_cluster_partitions_test
