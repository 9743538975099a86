// Backends that lost what they had, behind the relay's back: each is noticed without a hand, named,
// and mended by the printed command alone.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_watermarks_test {
namespace {

using std::chrono::seconds;

// The promise: noticed within this time of the reconnect.
constexpr milliseconds kNoticed = seconds(30);

struct Server {
  TempDir directory;
  Influxd influxd{directory.path()};

  Server() { influxd.CreateDatabase("metrics"); }

  // Stops it, changes what it has on disk, and starts it again.
  template <typename Change>
  void WhileStopped(const Change& change) {
    influxd.Kill();
    change();
    influxd.Start();
  }
  void CopyTo(const std::string& aside) const {
    for (const std::string part : {"data", "wal", "meta"}) {
      std::filesystem::copy(directory.File(part), aside + "/" + part,
                            std::filesystem::copy_options::recursive);
    }
  }
  void Clear() const {
    for (const std::string part : {"data", "wal", "meta"}) {
      std::filesystem::remove_all(directory.File(part));
    }
  }
  void CopyFrom(const std::string& aside) const {
    Clear();
    for (const std::string part : {"data", "wal", "meta"}) {
      std::filesystem::copy(aside + "/" + part, directory.File(part),
                            std::filesystem::copy_options::recursive);
    }
  }
};

const std::vector<std::string> kNames = {"good", "back", "auto", "dropped",
                                         "bare", "left", "right"};

// One relay before all of them.
struct Site {
  std::map<std::string, Server> servers;
  TempDir relay_directory;
  RelayProcess relay;

  Site() : servers(Started()), relay(relay_directory.path(), SettingsFor(servers)) {}

  static std::map<std::string, Server> Started() {
    std::map<std::string, Server> all;
    for (const std::string& name : kNames) all.try_emplace(name);
    return all;
  }
  static RelayProcess::Settings SettingsFor(const std::map<std::string, Server>& all) {
    RelayProcess::Settings settings;
    for (const std::string& name : kNames) {
      settings.backends.push_back({name, all.at(name).influxd.Url()});
    }
    settings.backends[2].settings = {"on_divergence: rewind"};
    return settings;
  }

  void Write(int first, int last) const {
    for (int i = first; i <= last; ++i) {
      const std::string lines = fmt::format("cpu,host=a v={0} {0}\nmem,host=b v={0}i {0}", i);
      REQUIRE_EQ(relay.Write("metrics", lines).status, 204);
    }
  }
  WatermarkReport Marks(const std::string& name) const {
    return StatusOf(relay, name).watermarks.value();
  }
  bool WaitMarked(std::uint64_t sequence) const {
    return Eventually(kNoticed, [&] {
      for (const std::string& name : kNames) {
        if (Marks(name).newest != Sequence(sequence)) return false;
      }
      return true;
    });
  }
  bool WaitDiverged(const std::string& name) const {
    return Eventually(kNoticed, [&] { return Marks(name).diverged.has_value(); });
  }
  int Ready(const std::string& name) const {
    return Get(relay.admin(), "/api/v1/backends/" + name + "/ready").status;
  }
  // Does what the status says.
  RunResult Mend(const std::string& name) const {
    std::string command = Marks(name).diverged.value().remedy;
    command = command.substr(command.find("influxdb-relay ") + 15);
    command = fmt::format("{} {} --yes --config {}", RelayBinary(), command, relay.config_path());
    return Run({"bash", "-c", command});
  }
};

TEST_CASE("watermarks: whatever a backend loses is noticed, named, and mended as printed") {
  Site site;
  auto& servers = site.servers;
  site.Write(1, 20);
  REQUIRE(site.WaitMarked(20));
  const TempDir back_backup;
  const TempDir auto_backup;
  servers.at("back").WhileStopped([&] { servers.at("back").CopyTo(back_backup.path()); });
  servers.at("auto").WhileStopped([&] { servers.at("auto").CopyTo(auto_backup.path()); });
  site.Write(21, 40);
  REQUIRE(site.WaitMarked(40));

  servers.at("back").WhileStopped([&] { servers.at("back").CopyFrom(back_backup.path()); });
  servers.at("auto").WhileStopped([&] { servers.at("auto").CopyFrom(auto_backup.path()); });
  servers.at("dropped").influxd.Query("", "DROP DATABASE metrics");
  servers.at("dropped").influxd.CreateDatabase("metrics");
  servers.at("bare").WhileStopped([&] { servers.at("bare").Clear(); });
  servers.at("bare").influxd.CreateDatabase("metrics");
  const auto swap = [&] {
    const TempDir left;
    const TempDir right;
    servers.at("left").influxd.Kill();
    servers.at("right").influxd.Kill();
    servers.at("left").CopyTo(left.path());
    servers.at("right").CopyTo(right.path());
    servers.at("left").CopyFrom(right.path());
    servers.at("right").CopyFrom(left.path());
    servers.at("left").influxd.Start();
    servers.at("right").influxd.Start();
  };
  swap();
  site.Write(41, 45);

  const std::map<std::string, std::pair<std::string, std::uint64_t>> expected = {
      {"back", {"put back", 20}},
      {"dropped", {"emptied", 0}},
      {"bare", {"emptied", 0}},
      {"left", {"swapped", 0}},
      {"right", {"swapped", 0}}};
  for (const auto& [name, what] : expected) {
    CAPTURE(name);
    REQUIRE(site.WaitDiverged(name));
    const DivergenceReport diverged = site.Marks(name).diverged.value();
    CHECK_EQ(diverged.kind, what.first);
    CHECK_EQ(diverged.from, Sequence(what.second));
    CHECK_EQ(site.Ready(name), 503);
    CHECK(WaitForState(site.relay, name, "diverged"));
  }
  CHECK_NE(site.Marks("left").diverged->reason.find("the backend right"), std::string::npos);
  CHECK_EQ(site.Ready("good"), 200);
  CHECK_FALSE(site.Marks("good").diverged);
  const std::string metrics = Get(site.relay.admin(), "/metrics").body;
  CHECK_NE(metrics.find("influxdb_relay_backend_diverged{backend=\"back\"} 1"), std::string::npos);
  CHECK_NE(metrics.find("influxdb_relay_backend_diverged{backend=\"good\"} 0"), std::string::npos);

  // The one that may rewinds by itself.
  CHECK(Eventually(kNoticed, [&] { return StatusOf(site.relay, "auto").figures.rewound > 0; }));
  CHECK_FALSE(site.Marks("auto").diverged);

  // The two have their own data again, but not what was delivered meanwhile.
  swap();
  CHECK(Eventually(kNoticed, [&] { return site.Marks("left").diverged->from == Sequence(40); }));
  CHECK(Eventually(kNoticed, [&] { return site.Marks("right").diverged->from == Sequence(40); }));

  for (const auto& [name, what] : expected) {
    const RunResult run = site.Mend(name);
    CAPTURE(name);
    INFO(run.output);
    CHECK_EQ(run.exit_code, 0);
    CHECK(Eventually(kPatience, [&] { return !site.Marks(name).diverged; }));
  }
  REQUIRE(site.relay.WaitDrained());
  const std::vector<StoredPoint> cpu = servers.at("good").influxd.ReadPoints("metrics", "cpu");
  CHECK_EQ(cpu.size(), 45);
  for (const std::string& name : kNames) {
    CAPTURE(name);
    CHECK(servers.at(name).influxd.ReadPoints("metrics", "cpu") == cpu);
    CHECK(servers.at(name).influxd.ReadPoints("metrics", "mem") ==
          servers.at("good").influxd.ReadPoints("metrics", "mem"));
    CHECK_EQ(site.Ready(name), 200);
  }
  const RunResult compared =
      Run({RelayBinary(), "compare", "good", "back", "--config", site.relay.config_path()});
  INFO(compared.output);
  CHECK_EQ(compared.exit_code, 0);
  const std::string audit = Get(site.relay.admin(), "/api/v1/audit").body;
  CHECK_NE(audit.find("back diverged: "), std::string::npos);
  CHECK_NE(audit.find("rewind auto to 20"), std::string::npos);
}

TEST_CASE("watermarks: backends that cannot be asked are listed, and get no marks") {
  Server open;
  const TempDir directory;
  const Influxd closed(directory.path(), "auth-enabled = true\n");
  const auto as_admin = [&closed](const std::string& statement) {
    Post(closed.endpoint(), "/query?u=root&p=root", "q=" + PercentEncode(statement),
         {.headers = {{"content-type", "application/x-www-form-urlencoded"}}});
  };
  as_admin("CREATE USER root WITH PASSWORD 'root' WITH ALL PRIVILEGES");
  as_admin("CREATE DATABASE metrics");
  as_admin("CREATE USER writer WITH PASSWORD 'secret'");
  as_admin("GRANT WRITE ON metrics TO writer");
  const TempDir relay_directory;
  const TempDir secrets;
  WriteFile(secrets.File("password"), "secret\n");
  const RelayProcess relay(
      relay_directory.path(),
      {.backends = {{"open", open.influxd.Url(), {"watermarks: false"}},
                    {"closed",
                     closed.Url(),
                     {"username: writer", "password_file: " + secrets.File("password")}}}});
  REQUIRE_EQ(relay.Write("metrics", "cpu v=1 1").status, 204);
  REQUIRE(relay.WaitDrained());
  CHECK(Eventually(kNoticed, [&] { return !StatusOf(relay, "closed").watermarks->watched; }));
  const WatermarkReport marks = StatusOf(relay, "closed").watermarks.value();
  CHECK_NE(marks.why.find("authorized"), std::string::npos);
  CHECK_EQ(StatusOf(relay, "open").watermarks->why, "watermarks: false");
  CHECK_EQ(open.influxd.ReadPoints("metrics", "_relay_mark").size(), 0);
  const RunResult status = Run({RelayBinary(), "status", "--config", relay.config_path()});
  INFO(status.output);
  CHECK_NE(status.output.find("\nwatermarks: 0 of 2 backends watched; closed is not: answered 403"),
           std::string::npos);
  CHECK_NE(status.output.find("; open is not: watermarks: false\n"), std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_delivery_watermarks_test
