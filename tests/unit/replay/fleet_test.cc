#include "replay/fleet.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/batch_text.h"
#include "tests/support/eventually.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"

namespace relay::test::replay_fleet_test {
namespace {

// Counts what it takes; while it is closed, a Send waits until it is cancelled.
struct Backend {
  std::atomic<int> taken = 0;
  std::atomic<bool> closed = false;
  std::atomic<int> waiting = 0;
};

class ToBackend final : public Transport {
 public:
  explicit ToBackend(Backend& backend) : backend_(backend) {}

  Result<Reply> Send(const WriteRequest& /*request*/) override {
    if (backend_.closed) {
      ++backend_.waiting;
      cancelled_.wait(false);
      return Error(ErrorCode::kUnavailable, "cancelled");
    }
    ++backend_.taken;
    return Reply{.http_status = 204};
  }
  void Cancel() override {
    cancelled_ = true;
    cancelled_.notify_all();
  }

 private:
  Backend& backend_;
  std::atomic<bool> cancelled_ = false;
};

FleetMember To(const BackendId& name, Backend& backend) {
  std::vector<std::unique_ptr<Transport>> transports;
  transports.push_back(std::make_unique<ToBackend>(backend));
  return {Worker::Options{.backend = name}, std::move(transports)};
}

struct Bench {
  Bench() { fleet.Start(); }
  ~Bench() { fleet.Stop(); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void Accept(const BackendId& backend) {
    Record record;
    record.params.database = "db";
    record.points = 1;
    record.lines = "m v=1 1\n";
    REQUIRE(AppendAndWait(log, record, {backend}).ok());
  }
  RecordCount Lag(const BackendId& backend) { return log.MarksOf(backend).lag(); }
  bool CaughtUp(const BackendId& backend) {
    return Eventually(kPatience, [&] { return Lag(backend) == 0; });
  }

  MemoryLog log{{kEast, kWest}};
  SystemClock clock;
  Fleet fleet{{}, log, clock};
};

TEST_CASE("fleet: a member that is put in is delivered to, what waits and what comes") {
  Backend west;
  Bench bench;
  bench.Accept(kWest);
  bench.fleet.Put(To(kWest, west));
  CHECK(bench.CaughtUp(kWest));
  bench.Accept(kWest);
  CHECK(bench.CaughtUp(kWest));
  CHECK_EQ(west.taken, 2);
  CHECK(bench.fleet.Snapshots().contains(kWest));
}

TEST_CASE("fleet: a member that is removed in mid request keeps what it is owed, others go on") {
  Backend east;
  Backend west;
  west.closed = true;
  Bench bench;
  bench.fleet.Put(To(kEast, east));
  bench.fleet.Put(To(kWest, west));
  bench.Accept(kWest);
  REQUIRE(Eventually(kPatience, [&] { return west.waiting == 1; }));

  bench.fleet.Remove(kWest);
  CHECK_EQ(bench.Lag(kWest), 1);
  CHECK_FALSE(bench.fleet.Snapshots().contains(kWest));
  bench.Accept(kEast);
  CHECK(bench.CaughtUp(kEast));
}

TEST_CASE("fleet: a member put in the place of another goes on where that one was") {
  Backend old_place;
  Backend new_place;
  Bench bench;
  bench.fleet.Put(To(kWest, old_place));
  bench.Accept(kWest);
  REQUIRE(bench.CaughtUp(kWest));
  bench.fleet.Put(To(kWest, new_place));
  bench.Accept(kWest);
  CHECK(bench.CaughtUp(kWest));
  CHECK_EQ(old_place.taken, 1);
  CHECK_EQ(new_place.taken, 1);
}

// Allows several requests at once, but only one per database, in order.
struct Ordered {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::string> taken;
  std::set<std::string> busy;
  std::size_t most_at_once = 0;
  bool overlapped = false;
};

class ToOrdered final : public Transport {
 public:
  explicit ToOrdered(Ordered& backend) : backend_(backend) {}

  // Answers the first requests only once two are there.
  Result<Reply> Send(const WriteRequest& request) override {
    const std::string& database = request.params.database;
    std::unique_lock lock(backend_.mutex);
    if (!backend_.busy.insert(database).second) backend_.overlapped = true;
    backend_.most_at_once = std::max(backend_.most_at_once, backend_.busy.size());
    backend_.changed.notify_all();
    backend_.changed.wait_for(lock, kPatience, [this] { return backend_.most_at_once >= 2; });
    backend_.taken[database] += TextOf(request.lines);
    backend_.busy.erase(database);
    return Reply{.http_status = 204};
  }
  void Cancel() override {}

 private:
  Ordered& backend_;
};

TEST_CASE("fleet: several requests are under way at once, one of each database, each in order") {
  constexpr int kDatabases = 4;
  constexpr int kRecords = 200;
  Ordered backend;
  FleetMember member{Worker::Options{.backend = kWest, .batch_points_max = 7}, {}};
  for (int i = 0; i < 3; ++i) member.transports.push_back(std::make_unique<ToOrdered>(backend));
  std::map<std::string, std::string> all;
  Bench bench;
  bench.fleet.Put(std::move(member));
  for (int i = 0; i < kRecords; ++i) {
    Record record;
    record.params.database = fmt::format("db{}", i % kDatabases);
    record.points = 1;
    record.lines = fmt::format("m v={} {}\n", i, i);
    all[record.params.database] += record.lines;
    REQUIRE(AppendAndWait(bench.log, record, {kWest}).ok());
  }
  REQUIRE(bench.CaughtUp(kWest));
  bench.fleet.Stop();
  CHECK_GE(backend.most_at_once, 2);
  CHECK_FALSE(backend.overlapped);
  CHECK(backend.taken == all);
}

TEST_CASE("fleet: to remove what is not there changes nothing") {
  Bench bench;
  bench.fleet.Remove(kWest);
  CHECK(bench.fleet.Snapshots().empty());
}

}  // namespace
}  // namespace relay::test::replay_fleet_test
