#include "replay/marks/mark_keeper.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <charconv>
#include <map>

#include "tests/support/batch_text.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/fakes/scripted_transport.h"
#include "tests/support/log_fixture.h"
#include "tests/support/temp_dir.h"
#include "wal/base/files.h"

namespace relay::test::unit_replay_marks_mark_keeper_test {
namespace {

using namespace std::chrono_literals;

const Lane kDb{"db", ""};

// A server that has the marks it was sent, by database and policy.
class Server final : public Source, public Transport {
 public:
  struct Policy {
    std::chrono::nanoseconds keeps{0};
    std::map<std::string, std::map<std::int64_t, std::uint64_t>> series;  // By tags.
  };
  struct Database {
    std::string default_policy = "autogen";
    std::map<std::string, Policy> policies = {{"autogen", {}}};
  };

  std::map<std::string, Database> databases = {{"db", {}}};
  std::string refuses_questions;
  bool is_away = false;
  int write_status = 204;
  std::vector<std::string> lines;
  std::vector<std::string> looked_in;

  // Transport.
  Result<Reply> Send(const WriteRequest& request) override {
    if (is_away) return NoAnswer();
    const auto database = databases.find(request.params.database);
    if (database == databases.end()) return Http(404, R"({"error":"database not found"})");
    if (write_status != 204) return Http(write_status);
    const std::string line = TextOf(request.lines);
    lines.push_back(line);
    const std::size_t tags = line.find(' ');
    const std::size_t fields = line.find(' ', tags + 1);
    std::uint64_t sequence = 0;
    std::int64_t time = 0;
    const std::string value = line.substr(tags + 10, fields - tags - 11);
    std::from_chars(value.data(), value.data() + value.size(), sequence);
    std::from_chars(line.data() + fields + 1, line.data() + line.size(), time);
    const std::string& policy = request.params.retention_policy.empty()
                                    ? database->second.default_policy
                                    : request.params.retention_policy;
    database->second.policies[policy].series[line.substr(0, tags)][time] = sequence;
    return Status204();
  }
  void Cancel() override {}

  // Source.
  const std::string& name() const override { return name_; }
  SourceTraits traits() const override { return {}; }
  Result<std::vector<std::string>> Databases() override { return std::vector<std::string>(); }
  Result<std::vector<PolicyInfo>> Policies(const std::string& database) override {
    RETURN_IF_ERROR(Answers());
    const auto found = databases.find(database);
    if (found == databases.end()) return Error(ErrorCode::kNotFound, "database not found");
    std::vector<PolicyInfo> policies;
    for (const auto& [policy, has] : found->second.policies) {
      policies.push_back({.name = policy,
                          .duration = has.keeps,
                          .is_default = policy == found->second.default_policy});
    }
    return policies;
  }
  Result<std::vector<MeasurementInfo>> Measurements(const std::string&,
                                                    const std::string&) override {
    return std::vector<MeasurementInfo>();
  }
  Result<std::vector<TimeWindow>> Windows(const MeasurementRef&, const std::vector<FieldInfo>&,
                                          const TimeRange&, WindowShape) override {
    return std::vector<TimeWindow>();
  }
  Status Scan(const MeasurementRef& place, const std::vector<FieldInfo>&, const TimeRange& range,
              ValueSink& sink) override {
    RETURN_IF_ERROR(Answers());
    looked_in.push_back(place.policy);
    REQUIRE_EQ(place.measurement, kMarkMeasurement);
    const auto found = databases.find(place.database);
    if (found == databases.end()) return Error(ErrorCode::kNotFound, "database not found");
    for (const auto& [tags, points] : found->second.policies[place.policy].series) {
      sink.Series(TagsIn(tags), {"sequence"});
      for (const auto& [time, sequence] : points) {
        if (!range.Has(time)) continue;
        sink.Point(time);
        sink.Take(0, {.type = FieldType::kInteger, .bits = sequence});
      }
    }
    return Ok();
  }

 private:
  Status Answers() const {
    if (is_away) return Error(ErrorCode::kUnavailable, "connection refused");
    if (refuses_questions.empty()) return Ok();
    return Error(ErrorCode::kInvalidInput, refuses_questions);
  }
  static std::vector<Tag> TagsIn(const std::string& key) {
    std::vector<Tag> tags;
    for (std::size_t at = key.find(','); at != std::string::npos;) {
      const std::size_t end = key.find(',', at + 1);
      const std::string tag = key.substr(at + 1, end - at - 1);
      tags.emplace_back(tag.substr(0, tag.find('=')), tag.substr(tag.find('=') + 1));
      at = end;
    }
    return tags;
  }

  std::string name_ = "west";
};

struct Bench {
  Bench() { Restart(); }

  void Restart(bool rewinds = false) {
    keeper.reset();
    keeper = std::make_unique<MarkKeeper>(
        MarkKeeper::Options{.backend = kWest,
                            .log = "log-1",
                            .file = dir.File("west"),
                            .rewinds = rewinds,
                            .rewind =
                                [this](Sequence to) {
                                  rewound_to.push_back(to);
                                  RewindTo(to.value());
                                  return Ok();
                                },
                            .on_change = [this](const MarkStatus&) { ++changes; }},
        MarkKeeper::Parts{log, *server, *server, clock});
  }

  // Accepts and delivers records of a lane.
  void Deliver(int count = 1, const Lane& lane = kDb) {
    for (int i = 0; i < count; ++i) {
      Record record = NumberedRecord(1);
      record.params.database = lane.database;
      record.params.retention_policy = lane.retention_policy;
      REQUIRE(AppendAndWait(log, record).ok());
    }
    const Marks marks = log.MarksOf(kWest);
    const auto read = log.Read(kWest, marks.cursor, {.records = 1'000}).value();
    REQUIRE(log.Resolve(kWest, {.after = marks.cursor,
                                .through = read.back().entry.position,
                                .delivered = read.size()})
                .ok());
    keeper->Delivered(lane, read.back().entry.position.sequence);
  }
  void RewindTo(std::uint64_t sequence) {
    REQUIRE(log.Execute(kWest, Rewind{.to = Sequence(sequence)}).ok());
    keeper->Rewound(log.MarksOf(kWest));
  }
  Clock::Duration Turn() {
    const Clock::Duration wait = keeper->Turn();
    clock.Advance(wait);
    return wait;
  }
  void Turns(int count) {
    for (int i = 0; i < count; ++i) Turn();
  }
  MarkStatus Status() const { return keeper->Snapshot(); }
  // Delivers and marks a few records: marks 1, 2, 3.
  void DeliverThree() {
    for (int i = 0; i < 3; ++i) {
      Deliver();
      Turn();
    }
  }

  MemoryLog log{{kWest}};
  TempDir dir;
  FakeClock clock;
  std::unique_ptr<Server> server = std::make_unique<Server>();
  std::unique_ptr<MarkKeeper> keeper;
  std::vector<Sequence> rewound_to;
  int changes = 0;
};

TEST_CASE("mark keeper: marks what was delivered, once") {
  Bench bench;
  bench.clock.Advance(1s);
  bench.Turns(3);
  CHECK(bench.server->lines.empty());
  bench.Deliver(2);
  bench.Turns(3);
  CHECK_EQ(
      bench.server->lines,
      std::vector<std::string>{"_relay_mark,backend=west,log=log-1 sequence=2i 31000000000\n"});
  CHECK(bench.Status().is_watched);
  CHECK_EQ(bench.Status().newest, Watermark{31'000'000'000, Sequence(2)});
  CHECK_EQ(bench.Status().lanes, 1);
}

TEST_CASE("mark keeper: each policy has marks of its own, where its writes go") {
  Bench bench;
  bench.server->databases["db"].policies["a week, so"] = {};
  bench.Deliver();
  bench.Deliver(1, {"db", "a week, so"});
  bench.Turns(2);
  REQUIRE_EQ(bench.server->lines.size(), 2);
  CHECK(bench.server->lines[1].find(",policy=a\\ week\\,\\ so sequence=2i ") != std::string::npos);
  CHECK_FALSE(bench.Status().diverged);
}

TEST_CASE("mark keeper: a database that was dropped and created again is noticed in two looks") {
  Bench bench;
  bench.DeliverThree();
  bench.server->databases["db"] = {};
  CHECK_EQ(bench.Turn(), MarkKeeper::kSecondLook);
  CHECK_FALSE(bench.Status().diverged);
  bench.Turn();
  REQUIRE(bench.Status().diverged);
  CHECK_EQ(bench.Status().diverged->second.divergence, Divergence::kEmptied);
  CHECK_EQ(bench.Status().diverged->second.from, Sequence::BeforeFirst());
  CHECK_EQ(bench.changes, 1);
  bench.Deliver();
  bench.Turns(3);
  CHECK(bench.server->databases["db"].policies["autogen"].series.empty());  // No mark hides it.
  CHECK_EQ(bench.changes, 1);
}

TEST_CASE("mark keeper: a rewind while all is there does not hide a later loss") {
  Bench bench;
  bench.DeliverThree();
  bench.RewindTo(0);
  bench.Deliver();
  bench.Turn();
  bench.server->databases["db"] = {};
  bench.Turns(2);
  CHECK(bench.Status().diverged);
}

TEST_CASE("mark keeper: the marks of another policy are not those of the default one") {
  Bench bench;
  bench.server->databases["db"].policies["week"] = {};
  bench.Deliver();
  bench.Deliver(1, {"db", "week"});
  bench.Turn();
  bench.server->databases["db"].policies["autogen"].series.clear();
  bench.Turns(2);
  REQUIRE(bench.Status().diverged);
  CHECK_EQ(bench.Status().diverged->first, kDb);
  CHECK_EQ(bench.Status().diverged->second.divergence, Divergence::kEmptied);
}

TEST_CASE("mark keeper: a database that is gone, and one that was put back") {
  Bench bench;
  bench.Deliver();
  bench.Turn();
  const auto backup = bench.server->databases;
  bench.Deliver();
  bench.Turn();
  bench.server->databases.clear();
  bench.Turns(2);
  CHECK_EQ(bench.Status().diverged->second.divergence, Divergence::kGone);
  bench.server->databases = backup;
  bench.Turns(1);
  CHECK_EQ(bench.Status().diverged->second.divergence, Divergence::kPutBack);
  CHECK_EQ(bench.Status().diverged->second.from, Sequence(1));
  bench.RewindTo(1);
  CHECK_FALSE(bench.Status().diverged);
  bench.Deliver(0);
  bench.Turns(2);
  CHECK_FALSE(bench.Status().diverged);
  CHECK_EQ(bench.Status().newest->sequence, Sequence(2));
}

TEST_CASE("mark keeper: another backend's server is named") {
  Bench bench;
  bench.Deliver();
  bench.Turn();
  bench.server->databases["db"] = {};
  bench.server->databases["db"].policies["autogen"].series["_relay_mark,backend=east,log=log-1"] = {
      {0, 1}};
  bench.Turns(2);
  REQUIRE(bench.Status().diverged);
  CHECK_EQ(bench.Status().diverged->second.divergence, Divergence::kSwapped);
  CHECK_EQ(bench.Status().diverged->second.other, "the backend east");
}

TEST_CASE("mark keeper: a restart of the relay forgets neither the marks nor that it diverged") {
  Bench bench;
  bench.DeliverThree();
  bench.Restart();
  bench.server->databases["db"] = {};
  bench.Turns(2);
  REQUIRE(bench.Status().diverged);
  const WallTime since = bench.Status().diverged->second.since;
  bench.Restart();
  REQUIRE(bench.Status().diverged);
  CHECK_EQ(bench.Status().diverged->second.since, since);
}

TEST_CASE("mark keeper: a file that is damaged is reported, and the marks begin anew") {
  Bench bench;
  bench.DeliverThree();
  REQUIRE(ReplaceWhole(bench.dir.File("west"), "nonsense").ok());
  bench.Restart();
  CHECK(bench.Status().why.find("damaged") != std::string::npos);
  bench.Deliver();
  bench.Turns(2);
  CHECK_EQ(bench.Status().newest->sequence, Sequence(4));
}

TEST_CASE("mark keeper: the marks of a queue that was forgotten are not those of a new one") {
  Bench bench;
  bench.DeliverThree();
  bench.log.Orphan(kWest);
  REQUIRE(bench.log.Execute(kWest, Forget{}).ok());
  bench.log.Configure(kWest);
  bench.Restart();
  CHECK_EQ(bench.Status().lanes, 0);
}

TEST_CASE("mark keeper: a backend that does not tell is not watched, and why") {
  Bench bench;
  bench.Deliver();
  bench.server->refuses_questions = "answered 403: not authorized";
  CHECK_EQ(bench.Turn(), MarkKeeper::kNotWatched);
  CHECK_FALSE(bench.Status().is_watched);
  CHECK_EQ(bench.Status().why, "answered 403: not authorized");
  CHECK(bench.server->lines.empty());
  bench.server->refuses_questions.clear();
  bench.Turn();
  CHECK(bench.Status().is_watched);
}

TEST_CASE(
    "mark keeper: a backend that is away has not diverged, and is looked at when it is back") {
  Bench bench;
  bench.DeliverThree();
  bench.server->is_away = true;
  bench.Turns(5);
  CHECK(bench.Status().is_watched);
  CHECK_FALSE(bench.Status().diverged);
  bench.server->is_away = false;
  bench.server->databases["db"] = {};
  const auto back = bench.clock.Now();
  while (!bench.Status().diverged) bench.Turn();
  CHECK_LE(bench.clock.Now() - back, 30s);
}

TEST_CASE("mark keeper: a mark that is refused is tried again and shown") {
  Bench bench;
  bench.Deliver();
  bench.server->write_status = 503;
  bench.Turn();
  CHECK(bench.Status().why.starts_with("a mark was not accepted"));
  CHECK_FALSE(bench.Status().newest);
  bench.server->write_status = 204;
  bench.Turn();
  CHECK_EQ(bench.Status().why, "");
  CHECK(bench.Status().newest);
}

TEST_CASE("mark keeper: nothing is written to a paused backend, or without the lease") {
  Bench bench;
  bench.Deliver();
  REQUIRE(bench.log.Execute(kWest, SetPaused{true}).ok());
  bench.Turn();
  CHECK(bench.server->lines.empty());
  REQUIRE(bench.log.Execute(kWest, SetPaused{false}).ok());
  bench.log.Lend(std::nullopt);
  bench.Turn();
  CHECK(bench.server->lines.empty());
  bench.log.Lend(2);
  bench.Turn();
  CHECK_EQ(bench.server->lines.size(), 1);
}

TEST_CASE("mark keeper: what is on hold is not claimed to be there") {
  Bench bench;
  bench.Deliver();
  Record record = NumberedRecord(2);
  REQUIRE(AppendAndWait(bench.log, record).ok());
  const auto read = bench.log.Read(kWest, Sequence(1), {.records = 1}).value();
  REQUIRE(bench.log
              .Resolve(kWest, {.after = Sequence(1),
                               .through = read.back().entry.position,
                               .held = {Sequence(2)}})
              .ok());
  bench.Turn();
  CHECK(bench.server->lines.empty());
}

TEST_CASE("mark keeper: another default policy does not hide the marks") {
  Bench bench;
  bench.DeliverThree();
  bench.server->databases["db"].policies["week"] = {};
  bench.server->databases["db"].default_policy = "week";
  bench.clock.Advance(1min);
  bench.Turns(2);
  CHECK_FALSE(bench.Status().diverged);
  bench.Deliver();
  bench.Turns(3);
  CHECK_EQ(bench.server->databases["db"].policies["week"].series.size(), 1);
  CHECK_FALSE(bench.Status().diverged);
}

TEST_CASE(
    "mark keeper: marks that a short policy deletes are written again, and missed by nobody") {
  Bench bench;
  Server::Policy& policy = bench.server->databases["db"].policies["autogen"];
  policy.keeps = 1h;
  bench.Deliver();
  for (int turn = 0; turn < 2'000; ++turn) {
    bench.Turn();
    const std::int64_t now = bench.clock.WallNow().time_since_epoch().count();
    for (auto& [tags, points] : policy.series) {
      std::erase_if(points, [&](const auto& one) { return one.first < now - 3'600'000'000'000; });
    }
    REQUIRE_FALSE(bench.Status().diverged);
  }
  CHECK_LT(bench.server->lines.size(), 15);
  // After an outage that is longer than the policy, nothing can be told.
  bench.server->is_away = true;
  bench.clock.Advance(2h);
  bench.server->is_away = false;
  policy.series.clear();
  bench.Turns(3);
  CHECK_FALSE(bench.Status().diverged);
}

TEST_CASE("mark keeper: rewinds by itself only if it is told to, once, and where all is kept") {
  for (const bool rewinds : {false, true}) {
    Bench bench;
    bench.Restart(rewinds);
    bench.DeliverThree();
    auto& series = bench.server->databases["db"].policies["autogen"].series.begin()->second;
    series.erase(std::prev(series.end()));
    bench.Turns(5);
    CHECK_EQ(bench.rewound_to, rewinds ? std::vector{Sequence(2)} : std::vector<Sequence>());
    CHECK_EQ(bench.Status().diverged.has_value(), !rewinds);
  }
  Bench bench;
  bench.Restart(true);
  bench.DeliverThree();
  bench.log.Trim(kWest, Sequence(1));
  bench.server->databases["db"] = {};
  bench.Turns(5);
  CHECK(bench.rewound_to.empty());
  CHECK(bench.Status().diverged);
}

TEST_CASE("mark keeper: a swapped backend is not rewound by itself") {
  Bench bench;
  bench.Restart(true);
  bench.Deliver();
  bench.Turn();
  bench.server->databases["db"] = {};
  bench.server->databases["db"].policies["autogen"].series["_relay_mark,backend=east,log=log-1"] = {
      {0, 1}};
  bench.Turns(3);
  CHECK(bench.Status().diverged);
  CHECK(bench.rewound_to.empty());
}

TEST_CASE("mark keeper: an operator can take note") {
  Bench bench;
  bench.DeliverThree();
  CHECK_EQ(bench.keeper->Acknowledge().error().code(), ErrorCode::kConflict);
  bench.server->databases["db"] = {};
  bench.Turns(2);
  CHECK(bench.keeper->Acknowledge().ok());
  bench.Turns(2);
  CHECK_FALSE(bench.Status().diverged);
  bench.Deliver();
  bench.Turns(2);
  CHECK_EQ(bench.Status().newest->sequence, Sequence(4));
}

}  // namespace
}  // namespace relay::test::unit_replay_marks_mark_keeper_test
