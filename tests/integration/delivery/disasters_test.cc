// A script of disasters that hit two influxd, a VictoriaMetrics and the relay
// itself while a client writes: in the end all hold the same points.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/victoria_metrics.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_disasters_test {
namespace {

constexpr milliseconds kDrain{60'000};
constexpr const char* kFaketime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

// A client that writes new points one request after the other, and continues
// whatever happens; it remembers what was acknowledged, and what may or may not
// have been taken.
class Client {
 public:
  explicit Client(const RelayProcess& relay)
      : relay_(relay), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  void Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  bool WaitForMore(int requests) const {
    const int before = acknowledged_;
    return Eventually(kPatience, [&] { return acknowledged_ >= before + requests; });
  }

  // Call these after Stop.
  const std::vector<StoredPoint>& points() const { return points_; }
  const std::vector<StoredPoint>& unsure() const { return unsure_; }

 private:
  static constexpr int kLines = 5;
  static constexpr std::int64_t kFirstMilli = 1'700'000'000'000;

  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::string lines;
      std::vector<StoredPoint> sent;
      for (int i = 0; i < kLines; ++i, ++next_) {
        const std::int64_t time = (kFirstMilli + next_) * 1'000'000;
        lines += fmt::format("m,host=h{} v={} {}\n", next_ % 3, next_, time);
        sent.push_back({time, fmt::format("host=h{}", next_ % 3), fmt::format("v={}", next_)});
      }
      const bool taken = relay_.Write("metrics", lines).status == 204;
      std::vector<StoredPoint>& list = taken ? points_ : unsure_;
      list.insert(list.end(), sent.begin(), sent.end());
      acknowledged_ += taken ? 1 : 0;
      Eventually(milliseconds{2}, [&stop] { return stop.stop_requested(); });
    }
  }

  const RelayProcess& relay_;
  std::atomic<int> acknowledged_ = 0;
  std::int64_t next_ = 0;  // Owned by the thread until it has ended, as are these.
  std::vector<StoredPoint> points_;
  std::vector<StoredPoint> unsure_;
  std::jthread thread_;
};

struct World {
  World()
      : relay(relay_directory.path(),
              {.backends = {{"a", a.Url()}, {"b", b.Url()}, {"vm", vm.Url()}},
               .environment = Environment()}) {
    a.CreateDatabase("metrics");
    b.CreateDatabase("metrics");
  }

  // Sets the relay's clock by the file: "+0", "-2h".
  void SetClock(const std::string& offset) const { WriteFile(clock.File("offset"), offset + "\n"); }

  std::vector<std::string> Environment() const {
    SetClock("+0");
    // Uses the C library's allocator: below the program's own, libfaketime cannot start.
    return {std::string("LD_PRELOAD=") + kFaketime + ":libstdc++.so.6:libc.so.6",
            "FAKETIME_TIMESTAMP_FILE=" + clock.File("offset"), "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1"};
  }

  // Sends it again everything accepted after the `to`th record.
  void Rewind(const std::string& backend, Sequence to) const {
    const HttpAnswer answer = Post(relay.admin(), "/api/v1/backends/" + backend + "/rewind",
                                   fmt::format(R"({{"to":"{}"}})", to.value()),
                                   {.headers = {{"content-type", "application/json"}}});
    CAPTURE(answer.body);
    REQUIRE_EQ(answer.status / 100, 2);
  }

  Sequence CursorOf(const std::string& backend) const {
    return StatusOf(relay, backend).figures.marks.cursor;
  }

  TempDir clock;
  TempDir a_directory;
  TempDir b_directory;
  TempDir vm_directory;
  TempDir relay_directory;
  Influxd a{a_directory.path()};
  Influxd b{b_directory.path()};
  VictoriaMetrics vm{vm_directory.path()};
  RelayProcess relay;
};

void KillEachInTurn(World& world, const Client& client) {
  world.a.Kill();
  REQUIRE(client.WaitForMore(50));
  world.b.Kill();
  REQUIRE(client.WaitForMore(50));
  world.a.Start();
  REQUIRE(client.WaitForMore(50));
  world.b.Start();
  // VictoriaMetrics answers before it syncs: what it took last is gone, and is sent again.
  world.vm.Kill();
  REQUIRE(client.WaitForMore(50));
  world.vm.Start();
  world.Rewind("vm", Sequence::BeforeFirst());
}

void KillTheRelay(World& world, const Client& client) {
  world.relay.Kill();
  world.relay.Start();
  REQUIRE(client.WaitForMore(50));
}

void JumpInTime(const World& world, const Client& client) {
  for (const char* offset : {"+30d", "-2h", "+0"}) {
    world.SetClock(offset);
    REQUIRE(client.WaitForMore(30));
  }
}

// Restores a backup of b, and with it a state that lacks what came since.
void RestoreFromBackup(World& world, const Client& client) {
  namespace fs = std::filesystem;
  const TempDir backup;
  REQUIRE(Eventually(kDrain, [&] { return world.CursorOf("b") > Sequence::BeforeFirst(); }));
  world.b.Kill();
  const Sequence at_backup = world.CursorOf("b");
  for (const char* part : {"meta", "data", "wal"}) {
    fs::copy(world.b_directory.File(part), backup.File(part), fs::copy_options::recursive);
  }
  world.b.Start();
  REQUIRE(client.WaitForMore(100));
  REQUIRE(Eventually(kDrain, [&] { return world.CursorOf("b") > at_backup; }));
  world.b.Kill();
  for (const char* part : {"meta", "data", "wal"}) {
    fs::remove_all(world.b_directory.File(part));
    fs::copy(backup.File(part), world.b_directory.File(part), fs::copy_options::recursive);
  }
  world.b.Start();
  world.Rewind("b", at_backup);
}

void MissADatabase(World& world, const Client& client) {
  world.a.CreateDatabase("late");
  for (int i = 1; i <= 20; ++i) {
    REQUIRE_EQ(
        world.relay
            .Write("late", fmt::format("m v={} {}\n", i, (1'700'000'000'000 + i) * 1'000'000))
            .status,
        204);
  }
  REQUIRE(Eventually(kDrain, [&] { return world.a.CountPoints("late", "m", "v") == 20; }));
  REQUIRE(client.WaitForMore(20));
  world.b.CreateDatabase("late");
}

// v is a float in both; neither can store this line.
void ConflictInType(const World& world) {
  REQUIRE_EQ(world.relay.Write("types", "t v=1 1\n").status, 204);
  REQUIRE_EQ(world.relay.Write("types", "t v=\"text\" 2\nt v=3 3\n").status, 204);
}

// Beside the acknowledged points there may be those whose answer was lost.
void CheckHolds(const std::vector<StoredPoint>& stored, const Client& client) {
  CHECK(
      std::includes(stored.begin(), stored.end(), client.points().begin(), client.points().end()));
  std::vector<StoredPoint> known = client.points();
  known.insert(known.end(), client.unsure().begin(), client.unsure().end());
  std::sort(known.begin(), known.end());
  CHECK(std::includes(known.begin(), known.end(), stored.begin(), stored.end()));
}

void CheckAccounts(const RelayProcess& relay, const std::string& backend, PointCount dead) {
  CAPTURE(backend);
  const QueueStats figures = StatusOf(relay, backend).figures;
  CHECK_EQ(figures.unaccounted(), 0);
  CHECK_EQ(figures.dead, dead);
  CHECK_EQ(figures.dropped, 0);
  CHECK_EQ(figures.held.points, 0);
}

TEST_CASE("disasters: two influxd and a VictoriaMetrics end up equal, whatever hit them") {
  World world;
  world.a.CreateDatabase("types");
  world.b.CreateDatabase("types");
  Client client(world.relay);
  REQUIRE(client.WaitForMore(50));
  KillEachInTurn(world, client);
  KillTheRelay(world, client);
  JumpInTime(world, client);
  RestoreFromBackup(world, client);
  MissADatabase(world, client);
  ConflictInType(world);
  client.Stop();
  REQUIRE(world.relay.WaitDrained(kDrain));
  REQUIRE(Eventually(kDrain, [&] { return world.b.CountPoints("late", "m", "v") == 20; }));

  const std::vector<StoredPoint> points = world.a.ReadPoints("metrics", "m");
  CHECK_GT(points.size(), 1'000);
  CheckHolds(points, client);
  CHECK(world.b.ReadPoints("metrics", "m") == points);
  CHECK(world.vm.ReadPoints("metrics", "m", "v") == points);
  CHECK(world.b.ReadPoints("late", "m") == world.a.ReadPoints("late", "m"));
  CHECK(world.vm.ReadPoints("late", "m", "v") == world.a.ReadPoints("late", "m"));
  const std::vector<StoredPoint> typed = {{1, "", "v=1"}, {3, "", "v=3"}};
  CHECK(world.a.ReadPoints("types", "t") == typed);
  CHECK(world.b.ReadPoints("types", "t") == typed);
  CheckAccounts(world.relay, "a", 1);
  CheckAccounts(world.relay, "b", 1);
  CheckAccounts(world.relay, "vm", 0);
}

}  // namespace
}  // namespace relay::test::integration_delivery_disasters_test
