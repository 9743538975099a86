// Records that are too old to be worth delivering.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/support/worker_fixture.h"

namespace relay::test::replay_delivery_max_age_test {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kMaxAge{10'000};

struct Bench : WorkerFixture {
  explicit Bench(ScriptedTransport::Rule rule) : WorkerFixture(std::move(rule)) {
    log.MeasureAges(clock);
    Restart(Limited());
  }

  Worker::Options Limited() {
    Worker::Options options = QuickOptions();
    options.max_age = kMaxAge;
    options.on_gap = [this](const Gap& gap) { reported += gap.points; };
    return options;
  }

  // Accepts a record now.
  void AcceptNow(const std::string& line, const std::string& database = "db") {
    Record record;
    record.params.database = database;
    record.lines = line;
    for (LineWalk walk(line); !walk.AtEnd(); walk.Next()) ++record.points;
    REQUIRE(AppendAndWait(log, record, {kWest}, clock.WallNow()).ok());
  }
  std::vector<Gap> Gaps() {
    std::vector<Gap> gaps;
    for (const StoredGap& stored : log.ReadGaps(kWest, 0, 1'000).value())
      gaps.push_back(stored.gap);
    return gaps;
  }

  PointCount reported = 0;
};

Result<Reply> TakeAll(const WriteParams&, std::string_view) {
  return Status204();
}

TEST_CASE("max age: a record is delivered to the last moment, and dropped a millisecond later") {
  Bench bench(TakeAll);
  bench.AcceptNow("m v=1 1\n");
  bench.clock.Advance(1ms);
  bench.AcceptNow("m v=2 2\n");
  bench.clock.Advance(kMaxAge);
  bench.Drain();
  CHECK_EQ(bench.transport.sent, std::vector<std::string>{"m v=2 2\n"});
  REQUIRE_EQ(bench.Gaps().size(), 1);
  const Gap gap = bench.Gaps()[0];
  CHECK(gap.reason == GapReason::kTooOld);
  CHECK_EQ(gap.points, 1);
  CHECK_EQ(gap.databases, std::vector<std::string>{"db"});
  CHECK_EQ(gap.by, "relay");
  CHECK_EQ(gap.note, "accepted longer ago than max_age");
  CHECK_EQ(bench.reported, 1);
  CHECK_EQ(bench.Now().dropped, 1);
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("max age: a wall clock that is put forward makes no record too old, nor back one young") {
  for (const std::chrono::hours by : {20'000h, -20'000h}) {
    bool is_up = false;
    Bench bench([&is_up](const WriteParams&, std::string_view) -> Result<Reply> {
      if (is_up) return Status204();
      return Error(ErrorCode::kUnavailable, "no answer");
    });
    bench.clock.SetWallBy(40'000h);
    bench.AcceptNow("m v=1 1\n");
    bench.clock.SetWallBy(by);
    bench.StepFor(9s);
    CHECK(bench.Gaps().empty());
    bench.StepFor(5s);
    CHECK_EQ(bench.Gaps().size(), 1);
  }
}

TEST_CASE("max age: without one everything is delivered") {
  Bench bench(TakeAll);
  bench.Restart(QuickOptions());
  bench.AcceptNow("m v=1 1\n");
  bench.clock.Advance(1'000h);
  bench.Drain();
  CHECK_EQ(bench.transport.sent.size(), 1);
  CHECK(bench.Gaps().empty());
}

TEST_CASE("max age: consecutive records are one entry of the gap ledger, with their databases") {
  Bench bench(TakeAll);
  for (int i = 1; i <= 50; ++i) bench.AcceptNow("m v=1 1\n", i % 2 == 0 ? "even" : "odd");
  bench.clock.Advance(kMaxAge + 1ms);
  bench.AcceptNow("m v=2 2\n");
  bench.Drain();
  REQUIRE_EQ(bench.Gaps().size(), 1);
  const Gap gap = bench.Gaps()[0];
  CHECK_EQ(gap.points, 50);
  CHECK_EQ(gap.last - gap.first, 49);
  CHECK_EQ(gap.databases, std::vector<std::string>{"even", "odd"});
  CHECK_EQ(bench.transport.sent, std::vector<std::string>{"m v=2 2\n"});
}

TEST_CASE("max age: records that became too old while the backend was down are dropped") {
  bool is_up = false;
  Bench bench([&is_up](const WriteParams&, std::string_view) -> Result<Reply> {
    if (is_up) return Status204();
    return Error(ErrorCode::kUnavailable, "no answer");
  });
  bench.AcceptNow("m v=1 1\n");
  bench.StepFor(9s);
  CHECK(bench.Gaps().empty());
  bench.StepFor(5s);
  REQUIRE_EQ(bench.Gaps().size(), 1);
  bench.AcceptNow("m v=2 2\n");
  is_up = true;
  bench.Drain();
  CHECK_EQ(bench.transport.sent.back(), "m v=2 2\n");
  CHECK_EQ(bench.Now().delivered, 1);
  CHECK_EQ(bench.Now().dropped, 1);
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("max age: records of a lane on hold are dropped too, and the lane goes on") {
  bool exists = false;
  Bench bench([&exists](const WriteParams& params, std::string_view) {
    if (params.database == "db" || exists) return Status204();
    return Http(404, "database not found: \"missing\"");
  });
  bench.AcceptNow("m v=1 1\n", "missing");
  bench.AcceptNow("m v=1 1\n");
  bench.StepFor(5s);
  bench.AcceptNow("m v=2 2\n", "missing");
  CHECK_EQ(bench.Now().delivered, 1);
  bench.StepFor(8s);
  CHECK_EQ(bench.Now().held.points, 1);
  CHECK_EQ(bench.Now().dropped, 1);
  exists = true;
  bench.StepFor(1s);
  bench.StepFor(60s);
  CHECK_EQ(bench.Now().held.points, 0);
  CHECK_EQ(bench.Now().delivered + bench.Now().dropped, 3);
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("max age: held records that wait for a backend that went away are dropped") {
  bool exists = false;
  int taken = 0;
  Bench bench([&](const WriteParams&, std::string_view) -> Result<Reply> {
    if (!exists) return Http(404, "database not found: \"db\"");
    if (++taken == 1) return Status204();
    return Error(ErrorCode::kUnavailable, "no answer");
  });
  Worker::Options options = bench.Limited();
  options.batch_points_max = 1;
  bench.Restart(options);
  for (int i = 1; i <= 3; ++i) bench.AcceptNow("m v=1 1\n");
  bench.StepFor(1s);
  exists = true;
  bench.StepFor(5s);
  CHECK_EQ(bench.Now().delivered, 1);
  CHECK_EQ(bench.Now().held.points, 2);
  bench.StepFor(7s);
  bench.AcceptNow("m v=2 2\n");  // Waits behind them.
  bench.StepFor(3s);
  CHECK_EQ(bench.Now().held.points, 0);
  CHECK_EQ(bench.Now().dropped, 2);
  taken = 0;
  bench.StepFor(30s);
  CHECK_EQ(bench.Now().delivered, 2);
  CHECK_EQ(bench.transport.sent.back(), "m v=2 2\n");
  CHECK(bench.Held().empty());
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

// Fails without a reason on one database, and takes all else.
Result<Reply> FailsOnOne(const WriteParams& params, std::string_view) {
  return params.database == "bad" ? Http(500, "An internal error has occurred") : Status204();
}

TEST_CASE("max age: what was delivered behind a record that is stuck stays delivered") {
  Bench bench(FailsOnOne);
  Worker::Options options = bench.Limited();
  options.retry = {.first = 4s, .max = 4s};  // The lane is not on hold before it is too old.
  bench.Restart(options);
  bench.AcceptNow("m v=1 1\n", "bad");
  for (int i = 2; i <= 5; ++i) bench.AcceptNow("m v=2 2\n", "good");
  bench.AcceptNow("m v=3 3\n", "bad");
  bench.StepFor(8s);
  CHECK_EQ(bench.Now().marks.cursor, Sequence(0));
  bench.StepFor(8s);
  CHECK_EQ(bench.Now().marks.lag(), 0);
  CHECK_EQ(bench.Now().delivered, 4);
  CHECK_EQ(bench.Now().dropped, 2);
  CHECK_EQ(bench.reported, 2);
  REQUIRE_EQ(bench.Gaps().size(), 2);
  CHECK_EQ(bench.Gaps()[0].last, Sequence(1));
  CHECK_EQ(bench.Gaps()[1].first, Sequence(6));
  CHECK_EQ(bench.Now().unaccounted(), 0);
  CHECK_EQ(std::count(bench.transport.targets.begin(), bench.transport.targets.end(),
                      WriteParams{.database = "good"}),
           1);  // In one request, and not again.
}

TEST_CASE("max age: of a record that is delivered in part, the rest is dropped") {
  Bench bench([](const WriteParams&, std::string_view lines) {
    if (lines.find("v=4") == std::string_view::npos) return Status204();
    const bool is_alone = lines.find('\n') == lines.size() - 1;
    return is_alone ? Http(503, "busy")
                    : Http(400, R"({"error":"partial write: field type conflict dropped=1"})");
  });
  bench.AcceptNow("m v=1 1\nm v=2 2\nm v=3 3\nm v=4 4\n");
  bench.StepFor(20s);
  CHECK_EQ(bench.Now().marks.lag(), 0);
  CHECK_EQ(bench.Now().delivered, 3);
  CHECK_EQ(bench.Now().dropped, 1);
  CHECK_EQ(bench.reported, 1);
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("max age: records that an operator holds are kept") {
  Bench bench(TakeAll);
  REQUIRE(bench.log.Execute(kWest, HoldLane{{"db", ""}}).ok());
  bench.AcceptNow("m v=1 1\n");
  bench.StepFor(60s);
  CHECK_EQ(bench.Now().held.points, 1);
  CHECK(bench.Gaps().empty());
}

}  // namespace
}  // namespace relay::test::replay_delivery_max_age_test
