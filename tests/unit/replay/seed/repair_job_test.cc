#include "replay/seed/repair_job.h"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_source.h"

namespace relay::test::unit_replay_seed_repair_job_test {
namespace {

struct PlainFence final : Fence {
  Result<Mark> Here() override {
    return Mark{.a = 7, .b = 7, .time = WallTime(std::chrono::hours(400'000))};
  }
  Status WaitPassed(const Mark& /*mark*/) override { return Ok(); }
};

// Two servers, whose points the tests change.
struct Pairing {
  using Change = std::function<void(MemorySource& server)>;

  Change change_a = [](MemorySource&) {};
  Change change_b = [](MemorySource&) {};
  FakeClock clock;
  std::vector<Record> appended;
  std::function<void()> on_append = [] {};

  std::unique_ptr<Source> Open(const std::string& name, const Change& change) const {
    auto server = std::make_unique<MemorySource>(name);
    for (int time = 0; time < 5; ++time) {
      server->PointsOf("cpu")[{"h", time}] = {{"f", FloatValue(time)}, {"i", IntegerValue(time)}};
    }
    change(*server);
    return server;
  }

  ReplayProgress Run() {
    RepairParts parts;
    parts.target_name = "a";
    parts.source_name = "b";
    parts.target = [this] { return Open("a", change_a); };
    parts.source = [this] { return Open("b", change_b); };
    parts.both_pass = [](const std::atomic<bool>&) { return std::make_unique<PlainFence>(); };
    parts.append = [this](Record record) {
      appended.push_back(std::move(record));
      on_append();
      return Ok();
    };
    RepairJob job(std::move(parts), {}, clock);
    CHECK_FALSE(job.NeedsPause());
    for (int i = 0; i < 20 && job.Progress().state == ReplayState::kRunning; ++i) {
      static_cast<void>(job.Step());
    }
    return job.Progress();
  }
};

TEST_CASE("repair: servers that hold the same are left alone") {
  Pairing it;
  const ReplayProgress done = it.Run();
  CHECK_EQ(done.state, ReplayState::kComplete);
  CHECK_EQ(done.result, "equal: 5 points of 1 measurements");
  CHECK(it.appended.empty());
}

TEST_CASE("repair: only the values that differ are sent, to the default policy by its short name") {
  Pairing it;
  it.change_a = [](MemorySource& a) {
    a.PointsOf("cpu").erase({"h", 1});
    a.PointsOf("cpu")[{"h", 3}]["i"] = IntegerValue(-1);
  };
  it.on_append = [&it] { it.change_a = [](MemorySource&) {}; };
  const ReplayProgress done = it.Run();
  CHECK_EQ(done.state, ReplayState::kComplete);
  REQUIRE_EQ(it.appended.size(), 1);
  CHECK_EQ(it.appended[0].lines, "cpu,host=h f=1,i=1i 1\ncpu,host=h i=3i 3\n");
  CHECK_EQ(it.appended[0].points, 2);
  CHECK_EQ(it.appended[0].params.database, "db");
  CHECK_EQ(it.appended[0].params.retention_policy, "");
  CHECK_EQ(done.points_sent, 2);
}

TEST_CASE("repair: a point that is overwritten meanwhile is looked at again") {
  Pairing it;
  it.change_a = [](MemorySource& a) { a.PointsOf("cpu").erase({"h", 1}); };
  // The first record is late: a newer value is there, and only on b for a moment.
  it.on_append = [&it] {
    if (it.appended.size() == 2) {
      it.change_a = it.change_b;
      return;
    }
    it.change_b = [](MemorySource& b) { b.PointsOf("cpu")[{"h", 1}]["f"] = FloatValue(9); };
    it.change_a = [](MemorySource&) {};
  };
  const ReplayProgress done = it.Run();
  CHECK_EQ(done.state, ReplayState::kComplete);
  REQUIRE_EQ(it.appended.size(), 2);
  CHECK_EQ(it.appended[1].lines, "cpu,host=h f=9 1\n");
}

TEST_CASE("repair: it gives up when rounds change nothing") {
  Pairing it;
  it.change_a = [](MemorySource& a) { a.PointsOf("cpu").erase({"h", 1}); };
  const ReplayProgress done = it.Run();
  CHECK_EQ(done.state, ReplayState::kGivenUp);
  CHECK_EQ(it.appended.size(), RepairJob::kFruitlessMax);
  CHECK(done.result.starts_with("different: 0 points only on a, 1 only on b"));
}

TEST_CASE("repair: what only the repaired server has is named, and not deleted") {
  Pairing it;
  it.change_b = [](MemorySource& b) {
    b.PointsOf("cpu").erase({"h", 1});
    b.PointsOf("cpu")[{"h", 2}].erase("i");
  };
  const ReplayProgress done = it.Run();
  CHECK_EQ(done.state, ReplayState::kGivenUp);
  CHECK(it.appended.empty());
  CHECK_NE(done.result.find("1 points only on a"), std::string::npos);
  CHECK_NE(done.result.find("not deleted"), std::string::npos);
}

}  // namespace
}  // namespace relay::test::unit_replay_seed_repair_job_test
