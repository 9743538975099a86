#include "replay/expiry/expiry_watch.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"

namespace relay::test::unit_replay_expiry_expiry_watch_test {
namespace {

using namespace std::chrono_literals;

// A server that has databases with policies, and nothing else.
class Server final : public Source {
 public:
  std::map<std::string, std::vector<PolicyInfo>> databases = {
      {"db", {{.name = "hour", .duration = 1h, .is_default = true}, {.name = "ever"}}}};
  bool is_away = false;
  std::string refuses;
  std::set<std::string> hides;
  int asked = 0;

  const std::string& name() const override { return name_; }
  SourceTraits traits() const override { return {}; }
  Result<std::vector<std::string>> Databases() override {
    ++asked;
    RETURN_IF_ERROR(Answers());
    std::vector<std::string> names;
    for (const auto& [database, policies] : databases) names.push_back(database);
    return names;
  }
  Result<std::vector<PolicyInfo>> Policies(const std::string& database) override {
    RETURN_IF_ERROR(Answers());
    if (hides.contains(database)) return Error(ErrorCode::kInvalidInput, "not authorized");
    return databases.at(database);
  }
  Result<std::vector<MeasurementInfo>> Measurements(const std::string&,
                                                    const std::string&) override {
    return std::vector<MeasurementInfo>();
  }
  Result<std::vector<TimeWindow>> Windows(const MeasurementRef&, const std::vector<FieldInfo>&,
                                          const TimeRange&, WindowShape) override {
    return std::vector<TimeWindow>();
  }
  Status Scan(const MeasurementRef&, const std::vector<FieldInfo>&, const TimeRange&,
              ValueSink&) override {
    return Ok();
  }
  void Cancel() override {}

 private:
  Status Answers() const {
    if (is_away) return Error(ErrorCode::kUnavailable, "connection refused");
    if (refuses.empty()) return Ok();
    return Error(ErrorCode::kInvalidInput, refuses);
  }

  std::string name_ = "west";
};

struct Bench {
  explicit Bench(std::vector<LaneRename> renames = {}) : renames_(std::move(renames)) { Restart(); }

  void Restart(std::optional<KnownPolicies> known = {}) {
    watch = std::make_unique<ExpiryWatch>(
        ExpiryWatch::Options{
            .backend = kWest,
            .renames = renames_,
            .known = std::move(known),
            .on_known = [this](const KnownPolicies& now) { remembered = now; },
            .on_change = [this](const ExpiryStatus& now) { changes.push_back(now.lanes.size()); }},
        ExpiryWatch::Parts{log, server, clock});
  }

  // Accepts a record now.
  void Accept(PointCount points, const Lane& lane = {"db", ""}) {
    Record record = NumberedRecord(++number_, points);
    record.params.database = lane.database;
    record.params.retention_policy = lane.retention_policy;
    REQUIRE(AppendAndWait(log, record, {kWest}, clock.WallNow()).ok());
  }
  void DeliverThrough(std::uint64_t sequence) {
    PointCount points = 0;
    Position through;
    for (const StoredRecord& one : ReadAll(log, kWest, log.MarksOf(kWest).cursor)) {
      if (one.entry.position.sequence > Sequence(sequence)) break;
      through = one.entry.position;
      points += one.entry.size.points;
    }
    REQUIRE(Deliver(log, kWest, through, points).ok());
  }
  void Hold(std::uint64_t sequence) {
    const auto records = ReadAll(log, kWest, log.MarksOf(kWest).cursor);
    REQUIRE_EQ(records.front().entry.position.sequence, Sequence(sequence));
    REQUIRE(log.Resolve(kWest, {.after = log.MarksOf(kWest).cursor,
                                .through = records.front().entry.position,
                                .letters = {},
                                .gaps = {},
                                .held = {Sequence(sequence)}})
                .ok());
  }
  // Lets time pass, looks as often as it must, and returns the only lane that is due.
  LaneExpiry After(Clock::Duration time) {
    const std::vector<LaneExpiry> lanes = AllAfter(time);
    if (lanes.empty()) return {};
    REQUIRE_EQ(lanes.size(), 1);
    return lanes[0];
  }
  std::vector<LaneExpiry> AllAfter(Clock::Duration time) {
    clock.Advance(time);
    while (watch->Turn() == ExpiryWatch::kReadsOn) {
    }
    return watch->Snapshot().lanes;
  }

  Server server;
  FakeClock clock;
  MemoryLog log{{kWest}};
  std::unique_ptr<ExpiryWatch> watch;
  std::optional<KnownPolicies> remembered;
  std::vector<std::size_t> changes;

 private:
  const std::vector<LaneRename> renames_;
  std::uint64_t number_ = 0;
};

TEST_CASE("expiry: owed points are told of a quarter of their policy before they expire") {
  Bench bench;
  bench.Accept(7);
  CHECK_EQ(bench.After(45min - 1ms).due.expiring, 0);
  const LaneExpiry soon = bench.After(1ms);
  CHECK_EQ(soon.due.expiring, 7);
  CHECK_EQ(soon.due.expired, 0);
  CHECK_EQ(soon.keeps, 1h);
  CHECK_EQ(soon.theirs, Lane{"db", "hour"});
  CHECK_EQ(bench.After(15min).due.expiring, 7);
  const LaneExpiry late = bench.After(1ms);
  CHECK_EQ(late.due.expired, 7);
  CHECK_EQ(late.due.expiring, 0);
  bench.DeliverThrough(1);
  CHECK_FALSE(bench.After(10s).due.any());
  CHECK_EQ(bench.changes, std::vector<std::size_t>{1, 0});
}

TEST_CASE("expiry: a long policy tells a day before") {
  Bench bench;
  bench.server.databases["db"][0].duration = 24h * 30;
  bench.Accept(1);
  CHECK_EQ(bench.After(24h * 29 - 1ms).due.expiring, 0);
  CHECK_EQ(bench.After(1ms).due.expiring, 1);
}

TEST_CASE("expiry: each lane goes by its own policy, and one without end never expires") {
  Bench bench;
  bench.server.databases["week"] = {{.name = "autogen", .duration = 24h * 7, .is_default = true}};
  bench.Accept(1, {"db", "ever"});
  bench.Accept(2, {"week", ""});
  bench.Accept(4, {"db", "hour"});
  bench.Accept(8, {"unknown", ""});
  bench.Accept(16, {"db", "no such policy"});
  const LaneExpiry first = bench.After(50min);
  CHECK_EQ(first.lane, Lane{"db", "hour"});
  CHECK_EQ(first.due.expiring, 4);
  const std::vector<LaneExpiry> later = bench.AllAfter(24h * 6 + 12h);
  REQUIRE_EQ(later.size(), 2);
  CHECK_EQ(later[0].lane, Lane{"week", ""});  // The one that can still be saved.
  CHECK_EQ(later[0].due.expiring, 2);
  CHECK_EQ(later[1].due.expired, 4);
}

TEST_CASE("expiry: what is delivered is not counted, nor what is younger") {
  Bench bench;
  for (int i = 0; i < 100; ++i) {
    bench.Accept(1);
    bench.clock.Advance(1min);
  }
  // Accepted 1 to 100 minutes ago.
  LaneExpiry now = bench.After(0ms);
  CHECK_EQ(now.due.expired, 40);
  CHECK_EQ(now.due.expiring, 16);
  CHECK_EQ(now.due.to - now.due.from, 15min);
  bench.DeliverThrough(50);
  now = bench.After(0ms);
  CHECK_EQ(now.due.expired, 0);
  CHECK_EQ(now.due.expiring, 6);
}

TEST_CASE("expiry: points on hold count, and those that a rewind makes owed again") {
  Bench bench;
  bench.Accept(3);
  bench.Accept(5);
  bench.Hold(1);
  bench.DeliverThrough(2);
  const LaneExpiry held = bench.After(50min);
  CHECK_EQ(held.due.expiring, 3);
  REQUIRE(bench.log.Execute(kWest, Rewind{.to = Sequence(1)}).ok());
  CHECK_EQ(bench.After(1s).due.expiring, 8);
  bench.DeliverThrough(2);
  CHECK_EQ(bench.After(1s).due.expiring, 3);
}

TEST_CASE("expiry: what is known of the policies lasts while the backend is away, and longer") {
  Bench bench;
  bench.After(0ms);
  bench.server.is_away = true;
  bench.Accept(3);
  CHECK_EQ(bench.After(50min).due.expiring, 3);
  CHECK(bench.watch->Snapshot().is_watched);
  CHECK_EQ(bench.watch->Snapshot().why, "connection refused");
  bench.Restart(bench.remembered);
  CHECK_EQ(bench.After(1s).due.expiring, 3);
  bench.Restart();
  CHECK_FALSE(bench.After(1s).due.any());
  CHECK_FALSE(bench.watch->Snapshot().is_watched);
  bench.server.is_away = false;
  CHECK_EQ(bench.After(ExpiryWatch::kAsks).due.expiring, 3);
  CHECK_EQ(bench.watch->Snapshot().why, "");
}

TEST_CASE("expiry: a policy that was altered counts within a minute") {
  Bench bench;
  bench.Accept(3);
  CHECK_EQ(bench.After(50min).due.expiring, 3);
  bench.server.databases["db"][0].duration = 0ns;
  CHECK_FALSE(bench.After(1min).due.any());
  CHECK_EQ(bench.server.asked, 2);
  bench.After(59s);
  CHECK_EQ(bench.server.asked, 2);
}

TEST_CASE("expiry: a server that does not tell is named, and so is one of its databases") {
  Bench bench;
  bench.server.refuses = "unable to parse authentication credentials";
  bench.Accept(1);
  CHECK_FALSE(bench.After(50min).due.any());
  CHECK_FALSE(bench.watch->Snapshot().is_watched);
  CHECK_EQ(bench.watch->Snapshot().why, bench.server.refuses);
  bench.server.refuses.clear();
  bench.server.databases["secret"] = {};
  bench.server.hides = {"secret"};
  CHECK_EQ(bench.After(1min).due.expiring, 1);
  CHECK(bench.watch->Snapshot().is_watched);
  CHECK_EQ(bench.watch->Snapshot().why, "database \"secret\": not authorized");
}

TEST_CASE("expiry: names are those of clients; the backend's own decide") {
  Bench bench({{.from = {.database = "metrics"}, .to = {.database = "db"}}});
  bench.Accept(3, {"metrics", ""});
  const LaneExpiry soon = bench.After(50min);
  CHECK_EQ(soon.lane, Lane{"metrics", ""});
  CHECK_EQ(soon.theirs, Lane{"db", "hour"});
}

TEST_CASE("expiry: a long queue is counted in parts, and says so until it is whole") {
  Bench bench;
  Record record = NumberedRecord(1, 1);
  record.lines += "m text=\"" + std::string(4U << 20U, 'x') + "\" 1\n";
  for (int i = 0; i < 20; ++i) {
    REQUIRE(AppendAndWait(bench.log, record, {kWest}, bench.clock.WallNow()).ok());
  }
  bench.clock.Advance(50min);
  CHECK_EQ(bench.watch->Turn(), ExpiryWatch::kReadsOn);
  CHECK_FALSE(bench.watch->Snapshot().is_whole);
  CHECK_LT(bench.watch->Snapshot().lanes.at(0).due.expiring, 20);
  CHECK_EQ(bench.After(1s).due.expiring, 20);
  CHECK(bench.watch->Snapshot().is_whole);
}

TEST_CASE("expiry: a lane without a policy goes by the default one, wherever it is listed") {
  Bench bench;
  bench.server.databases["db"] = {{.name = "day", .duration = 24h},
                                  {.name = "hour", .duration = 1h, .is_default = true}};
  bench.Accept(3);
  CHECK_EQ(bench.After(50min).theirs, Lane{"db", "hour"});
}

}  // namespace
}  // namespace relay::test::unit_replay_expiry_expiry_watch_test
