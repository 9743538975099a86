// A backend filled from another one or from the log: replays to it, repairs and seeds, with writes
// that go on, and with everything killed meanwhile.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/two_servers.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_fill_test {
namespace {

using nlohmann::json;

constexpr std::int64_t kStart = 1'700'000'000'000'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

RunResult Command(const RelayProcess& relay, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), RelayBinary());
  arguments.insert(arguments.end(), {"--config", relay.config_path()});
  return Run(arguments, 3 * kPatience);
}

// The newest job; empty: the relay does not answer.
json JobOf(const RelayProcess& relay) {
  const json all = json::parse(Get(relay.admin(), "/api/v1/replays").body, nullptr, false);
  if (!all.is_object() || all.at("replays").empty()) return json::object();
  return all.at("replays").at(0);
}

std::string StateOf(const RelayProcess& relay) {
  return JobOf(relay).value("state", "");
}

bool IsPaused(const RelayProcess& relay, const std::string& backend) {
  const json status =
      json::parse(Get(relay.admin(), "/api/v1/backends/" + backend).body, nullptr, false);
  return status.is_object() && status.value("paused", false);
}

void WriteTo(const Influxd& server, const std::string& lines) {
  REQUIRE_EQ(Post(server.endpoint(), "/write?db=metrics", lines).status, 204);
}

TEST_CASE("replay: another backend gets the kept records, and newer values stay on top") {
  TwoServers servers;
  servers.relay.Stop();
  servers.relay.Configure({.backends = {{"a", servers.a.Url()}}});
  servers.relay.Start();
  REQUIRE_EQ(servers.relay.Write("metrics", "cpu,host=x v=1 1\ncpu,host=y v=1 2\n").status, 204);
  REQUIRE_EQ(servers.relay.Write("metrics", "cpu,host=x v=2 1\n").status, 204);
  REQUIRE(servers.relay.WaitDrained());
  servers.relay.Stop();
  servers.relay.Configure({.backends = {{"a", servers.a.Url()}, {"b", servers.b.Url()}}});
  servers.relay.Start();

  const std::vector<std::string> replay = {"replay", "--backend", "a", "--to-backend", "b"};
  const auto with = [&replay](const std::vector<std::string>& more) {
    std::vector<std::string> all = replay;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const RunResult plan = Command(servers.relay, with({"--dry-run"}));
  CHECK_EQ(plan.exit_code, 0);
  CHECK_NE(plan.output.find("to b, whose own delivery waits meanwhile"), std::string::npos);
  CHECK_EQ(Command(servers.relay, with({"--to", "1", "--yes"})).exit_code, 2);
  CHECK_EQ(
      Command(servers.relay, {"replay", "--backend", "a", "--to-backend", "a", "--yes"}).exit_code,
      2);

  // A second for each point: while it runs, a newer value arrives and the relay is killed.
  CHECK_EQ(Command(servers.relay, with({"--rate", "1/s", "--yes", "--detach"})).exit_code, 0);
  CHECK(IsPaused(servers.relay, "b"));
  REQUIRE_EQ(servers.relay.Write("metrics", "cpu,host=x v=3 1\n").status, 204);
  servers.relay.Kill();
  servers.relay.Start();
  CHECK(Eventually(kPatience, [&] { return StateOf(servers.relay) == "done"; }));
  CHECK(Eventually(kPatience, [&] { return !IsPaused(servers.relay, "b"); }));
  REQUIRE(servers.relay.WaitDrained());
  CHECK_EQ(servers.b.ReadPoints("metrics", "cpu"),
           std::vector<StoredPoint>{{1, "host=x", "v=3"}, {2, "host=y", "v=1"}});
}

TEST_CASE("replay: a job that pauses a backend fails when an operator resumes it, and not before") {
  TwoServers servers;
  REQUIRE_EQ(servers.relay.Write("metrics", "cpu v=1 1\ncpu v=1 2\n").status, 204);
  REQUIRE_EQ(servers.relay.Write("metrics", "cpu v=1 3\ncpu v=1 4\n").status, 204);
  REQUIRE(servers.relay.WaitDrained());
  const std::vector<std::string> replay = {"replay", "--backend", "a",     "--to-backend", "b",
                                           "--rate", "1/s",       "--yes", "--detach"};
  CHECK_EQ(Command(servers.relay, {"pause", "b"}).exit_code, 0);
  const RunResult refused = Command(servers.relay, replay);
  CHECK_EQ(refused.exit_code, 1);
  CHECK_NE(refused.output.find("b is paused: resume it first"), std::string::npos);
  CHECK_EQ(Command(servers.relay, {"resume", "b"}).exit_code, 0);
  CHECK_EQ(Command(servers.relay, replay).exit_code, 0);
  CHECK_EQ(Command(servers.relay, {"resume", "b"}).exit_code, 0);
  CHECK(Eventually(kPatience, [&] { return StateOf(servers.relay) == "failed"; }));
  CHECK_NE(JobOf(servers.relay).value("reason", "").find("b was resumed"), std::string::npos);
  CHECK_FALSE(IsPaused(servers.relay, "b"));

  CHECK_EQ(Command(servers.relay, replay).exit_code, 0);
  CHECK_EQ(Command(servers.relay, {"replay", "--cancel", "2"}).exit_code, 0);
  CHECK(Eventually(kPatience, [&] { return !IsPaused(servers.relay, "b"); }));
}

std::string Lines(int series, int times) {
  std::string lines;
  for (int time = 0; time < times; ++time) {
    for (int i = 0; i < series; ++i) {
      lines +=
          fmt::format("c\\ pu,host=h\\ {},r\\=x=\\,{} f={},n={}i,t={},s\\ t=\"v\\\"{}\\\\\" {}\n",
                      i, i % 3, i + time / 7.0, time, time % 2 == 0, i, kStart + time * kSecond);
    }
  }
  return lines;
}

TEST_CASE("repair: what a backend lacks or has otherwise is delivered again, and nothing else") {
  TwoServers servers;
  REQUIRE_EQ(servers.relay.Write("metrics", Lines(20, 300)).status, 204);
  REQUIRE(servers.relay.WaitDrained());
  servers.a.Query("metrics", fmt::format("DELETE FROM \"c pu\" WHERE host='h 7' AND time < {}",
                                         kStart + 100 * kSecond));
  WriteTo(servers.a, fmt::format("c\\ pu,host=h\\ 3,r\\=x=\\,0 f=-1,n=77i {}\n", kStart));
  WriteTo(servers.b, fmt::format("mem,host=b used=1i {}\nmem used=2i -5\n", kStart));
  REQUIRE_EQ(Command(servers.relay, {"compare", "a", "b"}).exit_code, 1);

  const std::vector<std::string> repair = {"repair", "a", "--from", "b"};
  const RunResult plan = Command(servers.relay, {"repair", "a", "--from", "b", "--dry-run"});
  CHECK_EQ(plan.exit_code, 0);
  CHECK_NE(plan.output.find("would repair a from b"), std::string::npos);
  const RunResult done = Command(servers.relay, {"repair", "a", "--from", "b", "--yes"});
  INFO(done.output);
  CHECK_EQ(done.exit_code, 0);
  CHECK_NE(done.output.find("103 points sent"), std::string::npos);
  CHECK_NE(done.output.find("equal: 6002 points of 2 measurements"), std::string::npos);
  CHECK_EQ(servers.a.ReadPoints("metrics", "c pu"), servers.b.ReadPoints("metrics", "c pu"));
  CHECK_EQ(servers.a.ReadPoints("metrics", "mem"), servers.b.ReadPoints("metrics", "mem"));
  CHECK_EQ(servers.b.ReadPoints("metrics", "c pu").size(), 6'000);
  // It went through the queue, and is counted.
  const json status = json::parse(Get(servers.relay.admin(), "/api/v1/backends/a").body);
  CHECK_EQ(status.at("delivered_points"), 6'000 + 103);
  CHECK_EQ(status.at("unaccounted_points"), 0);
  CHECK_EQ(Command(servers.relay, {"compare", "a", "b"}).exit_code, 0);
}

TEST_CASE("repair: what only the repaired backend has is reported, not deleted") {
  TwoServers servers;
  REQUIRE_EQ(servers.relay.Write("metrics", "cpu v=1 1\n").status, 204);
  REQUIRE(servers.relay.WaitDrained());
  WriteTo(servers.a, "cpu v=1 2\n");
  WriteTo(servers.b, "cpu v=1 3\n");
  const RunResult done = Command(servers.relay, {"repair", "a", "--from", "b", "--yes"});
  INFO(done.output);
  CHECK_EQ(done.exit_code, 1);
  CHECK_NE(done.output.find("different: 1 points only on a, 0 only on b"), std::string::npos);
  CHECK_EQ(servers.a.CountPoints("metrics", "cpu", "v"), 3);
  CHECK_EQ(Command(servers.relay, {"repair", "a", "--from", "a", "--yes"}).exit_code, 2);
  CHECK_EQ(Command(servers.relay, {"repair", "a", "--from", "c", "--yes"}).exit_code, 1);
}

const std::vector<std::string> kDatabases = {"d0", "d1", "d2", "d3"};

// A server with four databases and a new one without any, behind a relay that takes writes for
// both.
struct OneIsNew {
  TempDir a_directory;
  TempDir b_directory;
  TempDir relay_directory;
  Influxd a{a_directory.path()};
  Influxd b{b_directory.path()};
  RelayProcess relay{relay_directory.path(), {.backends = {{"a", a.Url()}, {"b", b.Url()}}}};

  OneIsNew(int series, int times) {
    for (const std::string& database : kDatabases) {
      a.Query("", fmt::format("CREATE DATABASE {0}; CREATE RETENTION POLICY week ON {0} DURATION "
                              "200000h REPLICATION 1 SHARD DURATION 240h; CREATE RETENTION POLICY "
                              "main ON {0} DURATION INF REPLICATION 1 SHARD DURATION 48h DEFAULT",
                              database));
      for (const std::string policy : {"week", "main"}) {
        for (int part = 0; part < times; part += 200) {
          REQUIRE_EQ(Post(a.endpoint(), fmt::format("/write?db={}&rp={}", database, policy),
                          LinesFrom(series, part, std::min(200, times - part)))
                         .status,
                     204);
        }
      }
    }
  }

  static std::string LinesFrom(int series, int first, int times) {
    std::string lines;
    for (int time = first; time < first + times; ++time) {
      for (int i = 0; i < series; ++i) {
        lines += fmt::format("cpu,host=h{} f={},n={}i {}\n", i, i + time / 7.0, time,
                             kStart + time * 3'600 * kSecond);
      }
    }
    return lines;
  }

  bool HoldTheSame() const {
    for (const std::string& database : kDatabases) {
      for (const std::string place : {"week.cpu", "main.cpu"}) {
        if (a.ReadPoints(database, place) != b.ReadPoints(database, place)) return false;
      }
      const auto policies = [&](const Influxd& server) {
        return server.Query("", "SHOW RETENTION POLICIES ON " + database);
      };
      if (policies(a) != policies(b)) return false;
    }
    return true;
  }
};

TEST_CASE("seed: a new backend gets databases, policies and all points of another one") {
  OneIsNew servers(10, 50);
  servers.a.Query("", "CREATE USER reader WITH PASSWORD 'x'");
  servers.a.Query("",
                  "CREATE CONTINUOUS QUERY hourly ON d1 BEGIN SELECT mean(f) INTO means FROM cpu "
                  "GROUP BY time(1h) END");
  REQUIRE_EQ(servers.relay.Write("d0", fmt::format("cpu,host=h1 f=-1 {}\n", kStart)).status, 204);
  const RunResult plan =
      Command(servers.relay, {"backend", "seed", "b", "--from", "a", "--dry-run"});
  INFO(plan.output);
  CHECK_EQ(plan.exit_code, 0);
  CHECK_NE(plan.output.find("would seed b from a"), std::string::npos);
  const RunResult done = Command(servers.relay, {"backend", "seed", "b", "--from", "a", "--yes"});
  INFO(done.output);
  CHECK_EQ(done.exit_code, 0);
  CHECK_NE(done.output.find("equal: 4000 points"), std::string::npos);
  CHECK_NE(done.output.find("not copied: continuous query d1.hourly, user reader"),
           std::string::npos);
  CHECK(servers.HoldTheSame());
  CHECK_FALSE(IsPaused(servers.relay, "b"));
  CHECK_EQ(Command(servers.relay, {"compare", "a", "b"}).exit_code, 0);
  const json job = JobOf(servers.relay);
  CHECK_EQ(job.value("kind", ""), "seed");
  CHECK_EQ(job.value("values_done", 0), job.value("values_total", 1));
}

// Overwrites old points and adds new ones, until it is told to stop.
class Writer {
 public:
  Writer(const RelayProcess& relay, unsigned seed)
      : thread_([&relay, seed, this] { Run(relay, seed); }) {}
  ~Writer() { Stop(); }

  void Stop() {
    stops_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int accepted() const { return accepted_; }

 private:
  void Run(const RelayProcess& relay, unsigned seed) {
    std::mt19937_64 random(seed);
    while (!stops_) {
      std::string lines;
      for (int i = 0; i < 20; ++i) {
        lines +=
            fmt::format("cpu,host=h{} f={} {}\n", random() % 12, random() % 1'000,
                        kStart + static_cast<std::int64_t>(random() % 1'500) * 3'600 * kSecond);
      }
      const std::string& database = kDatabases[random() % kDatabases.size()];
      if (relay.Write(database, lines, random() % 2 == 0 ? "rp=week" : "").status == 204)
        ++accepted_;
    }
  }

  std::atomic<bool> stops_ = false;
  std::atomic<int> accepted_ = 0;
  std::thread thread_;
};

TEST_CASE("seed: equal in the end under writes, though relay, source and target are killed") {
  OneIsNew servers(20, 2'000);
  Writer writer(servers.relay, static_cast<unsigned>(PrintedSeed()));
  REQUIRE_EQ(Command(servers.relay, {"backend", "seed", "b", "--from", "a", "--yes", "--detach"})
                 .exit_code,
             0);
  // A frozen target lets the job come no further.
  const auto freeze_in_copy = [&](std::uint64_t beyond) {
    std::uint64_t done = 0;
    REQUIRE(Eventually(kPatience, [&] {
      const json job = JobOf(servers.relay);
      done = job.value("values_done", std::uint64_t{0});
      return done > beyond && job.value("doing", "").starts_with("copying");
    }));
    servers.b.Freeze();
    return done;
  };
  const std::uint64_t first = freeze_in_copy(0);
  servers.relay.Kill();
  servers.b.Thaw();
  servers.relay.Start();
  CHECK(IsPaused(servers.relay, "b"));
  const std::uint64_t second = freeze_in_copy(first);
  servers.a.Kill();
  servers.b.Thaw();
  servers.a.Start();
  freeze_in_copy(second);
  servers.b.Kill();
  servers.b.Start();
  REQUIRE(Eventually(3 * kPatience, [&] { return !IsPaused(servers.relay, "b"); }));
  writer.Stop();
  CHECK_GT(writer.accepted(), 10);
  CHECK(Eventually(3 * kPatience, [&] { return StateOf(servers.relay) != "running"; }));
  INFO(JobOf(servers.relay).dump(1));
  CHECK_EQ(StateOf(servers.relay), "done");
  REQUIRE(servers.relay.WaitDrained());
  CHECK(servers.HoldTheSame());
}

TEST_CASE("seed: a cancelled one lets the backend go on") {
  OneIsNew servers(20, 400);
  servers.b.Freeze();
  REQUIRE_EQ(Command(servers.relay, {"backend", "seed", "b", "--from", "a", "--yes", "--detach"})
                 .exit_code,
             0);
  CHECK(IsPaused(servers.relay, "b"));
  CHECK_EQ(Command(servers.relay, {"replay", "--cancel", "1"}).exit_code, 0);
  CHECK(Eventually(kPatience, [&] { return !IsPaused(servers.relay, "b"); }));
  CHECK_EQ(StateOf(servers.relay), "cancelled");
  servers.b.Thaw();
}

}  // namespace
}  // namespace relay::test::integration_operators_fill_test
