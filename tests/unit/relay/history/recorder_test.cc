#include "relay/history/recorder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>

#include "relay/history/outages.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::unit_relay_history_recorder_test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// A relay with one backend, whose status the test writes.
struct Bench {
  TempDir directory;
  FakeClock clock;
  BackendStatus backend{.name = "a", .state = "caught up", .takes_writes = true};
  std::unique_ptr<HistoryStore> store;
  std::unique_ptr<HistoryRecorder> recorder;

  Bench() {
    clock.Advance(hours(24 * 20'000));
    Open();
  }
  void Open() {
    recorder.reset();
    store = std::make_unique<HistoryStore>(directory.path());
    recorder = std::make_unique<HistoryRecorder>(*store, clock, [this] {
      RelayStatus status{.now = clock.WallNow(), .running = true};
      status.backends.push_back(backend);
      return status;
    });
  }
  void Accept(std::uint64_t records) {
    backend.figures.marks.head = Sequence(backend.figures.marks.head.value() + records);
    backend.figures.accepted.points += records;
    backend.figures.owed.points += records;
    if (!backend.figures.oldest_owed) backend.figures.oldest_owed = clock.WallNow();
  }
  void Deliver(std::uint64_t records) {
    backend.figures.marks.cursor = Sequence(backend.figures.marks.cursor.value() + records);
    backend.figures.delivered += records;
    backend.figures.owed.points -= records;
    if (backend.figures.owed.points == 0) backend.figures.oldest_owed.reset();
  }
  void GoDown(const std::string& state = "retrying") {
    backend.takes_writes = false;
    backend.state = state;
    backend.why = "connection refused";
    backend.since = clock.WallNow();
  }
  void ComeBack() {
    backend.takes_writes = true;
    backend.state = "delivering";
    backend.since = clock.WallNow();
  }
  void LookFor(int looks) {
    for (int i = 0; i < looks; ++i) {
      recorder->Look();
      clock.Advance(seconds(1));
    }
  }
  HistoryData Read() const { return store->Read(WallTime(), clock.WallNow() + hours(24)).value(); }
  std::vector<Outage> Outages() const {
    return OutagesIn(Read(), WallTime(), clock.WallNow() + hours(1), clock.WallNow());
  }
};

TEST_CASE("recorder: an outage has its times, its reason and what was owed at worst") {
  Bench bench;
  bench.LookFor(5);
  bench.GoDown();
  const WallTime began = bench.clock.WallNow();
  bench.Accept(40);
  bench.LookFor(90);
  bench.ComeBack();
  bench.Accept(2);
  bench.LookFor(3);
  REQUIRE_EQ(bench.Outages().size(), 1);
  CHECK_FALSE(bench.Outages().front().recovered);
  bench.Deliver(42);
  bench.Accept(1);  // New points do not put the recovery off.
  bench.LookFor(1);
  const std::vector<Outage> outages = bench.Outages();
  REQUIRE_EQ(outages.size(), 1);
  const Outage& outage = outages.front();
  CHECK(outage.began == began);
  CHECK(outage.back == began + seconds(90));
  CHECK(outage.recovered == began + seconds(93));
  CHECK(outage.down == seconds(90));
  CHECK_EQ(outage.points_worst, 42);
  CHECK_EQ(outage.age_worst, doctest::Approx(92));
  CHECK_EQ(outage.reason, "connection refused");
}

TEST_CASE("recorder: the outage of a relay that is killed and started again is one outage") {
  Bench bench;
  bench.GoDown();
  const WallTime began = bench.clock.WallNow();
  bench.Accept(7);
  bench.LookFor(70);
  bench.Open();  // Killed: nothing is written at the end.
  bench.LookFor(10);
  bench.ComeBack();
  bench.LookFor(1);
  bench.Open();  // And once more while the backend recovers.
  bench.LookFor(1);
  bench.Deliver(7);
  bench.LookFor(1);
  const std::vector<Outage> outages = bench.Outages();
  REQUIRE_EQ(outages.size(), 1);
  CHECK(outages.front().began == began);
  CHECK(outages.front().recovered);
  CHECK_EQ(outages.front().points_worst, 7);
}

TEST_CASE("recorder: rows are of a minute each, and hold what came in, also across a kill") {
  Bench bench;
  bench.LookFor(30);
  for (int i = 0; i < 120; ++i) {
    bench.Accept(1);
    bench.Deliver(1);
    bench.LookFor(1);
  }
  bench.Open();  // The first row after it has what the lost part had.
  bench.LookFor(61);
  const HistoryData data = bench.Read();
  PointCount accepted = 0;
  for (const HistoryRow& row : data.rows) {
    CHECK_LE(row.backends.at("a").samples, 60);
    CHECK(row.to - row.from < seconds(60));
    accepted += row.backends.at("a").grown.accepted;
  }
  CHECK_EQ(accepted, 120);
}

TEST_CASE("recorder: a clean stop writes the row begun, and the next start knows of it") {
  Bench bench;
  bench.clock.on_wait = [] {};
  bench.recorder->Start();
  bench.recorder->Stop();
  const WallTime stopped = bench.Read().events.back().at;
  CHECK_EQ(bench.Read().events.back().kind, HistoryKind::kStopped);
  CHECK_FALSE(bench.Read().rows.empty());
  bench.Open();
  bench.recorder->Start();
  bench.recorder->Stop();
  const auto restarts = RestartsIn(bench.Read(), WallTime(), bench.clock.WallNow() + hours(1));
  REQUIRE_EQ(restarts.size(), 2);
  CHECK_EQ(restarts[0].after, "first");
  CHECK_EQ(restarts[1].after, "clean");
  CHECK(restarts[1].last_seen == std::chrono::floor<std::chrono::milliseconds>(stopped));
}

TEST_CASE("recorder: a set clock is told, and ends the row") {
  Bench bench;
  bench.LookFor(3);
  bench.clock.SetWallBy(-hours(2));
  bench.LookFor(3);
  const HistoryData data = bench.Read();
  REQUIRE_EQ(data.events.size(), 1);
  CHECK_EQ(data.events.front().kind, HistoryKind::kClockSet);
  CHECK_EQ(data.events.front().seconds, doctest::Approx(-7'200));
  CHECK_EQ(data.rows.size(), 1);
}

TEST_CASE("recorder: events wait in memory while the disk takes nothing") {
  Bench bench;
  WriteFile(bench.directory.path() + "/history", "not a directory");
  bench.GoDown();
  bench.LookFor(3);
  bench.ComeBack();
  bench.LookFor(3);
  std::filesystem::remove(bench.directory.path() + "/history");
  bench.LookFor(1);
  REQUIRE_EQ(bench.Outages().size(), 1);
  CHECK(bench.Outages().front().recovered);
}

TEST_CASE("recorder: a diverged backend is not as it should be, one that is removed is forgotten") {
  Bench bench;
  bench.backend.watermarks.emplace();
  bench.backend.watermarks->diverged.emplace();
  bench.backend.state = "diverged";
  bench.LookFor(2);
  REQUIRE_EQ(bench.Outages().size(), 1);
  CHECK_EQ(bench.Outages().front().states, std::vector<std::string>{"diverged"});
  bench.backend = {.name = "a", .state = "not configured"};
  bench.LookFor(2);
  REQUIRE_EQ(bench.Outages().size(), 1);
  CHECK(bench.Outages().front().removed);
}

}  // namespace
}  // namespace relay::test::unit_relay_history_recorder_test
