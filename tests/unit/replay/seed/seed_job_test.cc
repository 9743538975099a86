#include "replay/seed/seed_job.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_source.h"
#include "tests/support/fakes/scripted_transport.h"

namespace relay::test::unit_replay_seed_seed_job_test {
namespace {

// Passes questions on to a server that outlives the job.
class Reader final : public Source {
 public:
  explicit Reader(Source& of) : of_(of) {}

  const std::string& name() const override { return of_.name(); }
  SourceTraits traits() const override { return of_.traits(); }
  Result<std::vector<std::string>> Databases() override { return of_.Databases(); }
  Result<std::vector<PolicyInfo>> Policies(const std::string& database) override {
    return of_.Policies(database);
  }
  Result<std::vector<MeasurementInfo>> Measurements(const std::string& database,
                                                    const std::string& policy) override {
    return of_.Measurements(database, policy);
  }
  Result<std::vector<TimeWindow>> Windows(const MeasurementRef& place,
                                          const std::vector<FieldInfo>& fields,
                                          const TimeRange& range, WindowShape shape) override {
    return of_.Windows(place, fields, range, shape);
  }
  Status Scan(const MeasurementRef& place, const std::vector<FieldInfo>& fields,
              const TimeRange& range, ValueSink& sink) override {
    return of_.Scan(place, fields, range, sink);
  }
  void Cancel() override {}

 private:
  Source& of_;
};

struct PlainFence final : Fence {
  explicit PlainFence(std::function<Status()> passes) : on_pass(std::move(passes)) {}
  std::function<Status()> on_pass;

  Result<Mark> Here() override {
    return Mark{.a = 7, .b = 7, .time = WallTime(std::chrono::hours(400'000))};
  }
  Status WaitPassed(const Mark& /*mark*/) override { return on_pass(); }
};

// A full server, and one that gets what the job sends.
struct Pairing {
  MemorySource from{"a"};
  MemorySource to{"b"};
  FakeClock clock;
  std::vector<std::string> sent;
  std::vector<std::string> made;
  std::function<Status()> source_passes = [] { return Ok(); };
  std::function<Result<Reply>()> answer = [] { return Status204(); };
  int found_equal = 0;
  std::mutex mutex;

  Pairing() {
    for (const std::string measurement : {"cpu", "mem"}) {
      for (int time = 0; time < 5; ++time) {
        from.PointsOf(measurement)[{"h", time * 1'000}] = {{"v", IntegerValue(time)}};
        to.PointsOf(measurement)[{"h", time * 1'000}] = {{"v", IntegerValue(time)}};
      }
    }
    from.PointsOf("_relay_mark")[{"h", 5}] = {{"v", IntegerValue(1)}};
  }

  std::unique_ptr<SeedJob> Job(ReplayProgress progress = {}) {
    SeedParts parts;
    parts.source_name = "a";
    parts.target_name = "b";
    parts.source = [this] { return std::make_unique<Reader>(from); };
    parts.target = [this] { return std::make_unique<Reader>(to); };
    parts.transports.push_back(std::make_unique<ScriptedTransport>(
        [this](const WriteParams& params, std::string_view lines) {
          const std::lock_guard lock(mutex);
          Result<Reply> reply = answer();
          if (reply.ok() && reply.value().http_status == 204) {
            sent.push_back(fmt::format("{}.{} {}", params.database, params.retention_policy,
                                       lines.substr(0, lines.find(','))));
          }
          return reply;
        }));
    parts.source_passes = [this](const std::atomic<bool>&) {
      return std::make_unique<PlainFence>(source_passes);
    };
    parts.both_pass = [](const std::atomic<bool>&) {
      return std::make_unique<PlainFence>([] { return Ok(); });
    };
    parts.nothing_held = [] { return Ok(); };
    parts.make = [this](const std::vector<std::string>& databases, Source&, Source&) {
      made = databases;
      return Ok();
    };
    parts.not_copied = [] { return std::vector<std::string>{"user u"}; };
    parts.on_equal = [this] { ++found_equal; };
    parts.why_left_out = [](const MeasurementRef&) { return std::string(); };
    return std::make_unique<SeedJob>(std::move(parts), std::move(progress), clock);
  }

  static void RunWhile(SeedJob& job, const std::function<bool()>& goes_on) {
    for (int i = 0; i < 100 && goes_on(); ++i) {
      if (job.Progress().state != ReplayState::kRunning) return;
      static_cast<void>(job.Step());
    }
  }
  static void RunToEnd(SeedJob& job) {
    RunWhile(job, [] { return true; });
  }
};

TEST_CASE("seed: databases are made, then measurements copied in order, then both compared") {
  Pairing it;
  const auto job = it.Job();
  CHECK(job->NeedsPause());
  Pairing::RunWhile(*job, [&] { return job->NeedsPause(); });
  CHECK_EQ(job->Progress().state, ReplayState::kRunning);
  CHECK_EQ(it.made, std::vector<std::string>{"db"});
  CHECK_EQ(it.sent, std::vector<std::string>{"db.autogen cpu", "db.autogen mem"});
  Pairing::RunToEnd(*job);
  const ReplayProgress progress = job->Progress();
  CHECK_EQ(progress.state, ReplayState::kComplete);
  CHECK_EQ(it.found_equal, 1);
  CHECK_EQ(progress.result, "equal: 10 points of 2 measurements; not copied: user u");
  CHECK_EQ(progress.points_sent, 10);
  CHECK_EQ(progress.values_done, 10);
  CHECK_EQ(progress.values_total, 10);
}

TEST_CASE("seed: nothing is read before the source has what was accepted") {
  Pairing it;
  bool passed = false;
  it.source_passes = [&]() -> Status {
    if (passed) return Ok();
    return Error(ErrorCode::kUnavailable, "a is owed 3 records");
  };
  const auto job = it.Job();
  CHECK_GT(job->Step(), Clock::Duration::zero());
  CHECK_GT(job->Step(), Clock::Duration::zero());
  CHECK_EQ(job->Progress().reason, "a is owed 3 records");
  CHECK(it.made.empty());
  passed = true;
  Pairing::RunToEnd(*job);
  CHECK_EQ(job->Progress().state, ReplayState::kComplete);
  CHECK_EQ(job->Progress().reason, "");
}

TEST_CASE("seed: another process goes on where the last one was") {
  Pairing it;
  const auto first = it.Job();
  Pairing::RunWhile(*first, [&] { return it.sent.empty(); });
  const ReplayProgress progress = first->Progress();
  it.sent.clear();
  const auto second = it.Job(progress);
  Pairing::RunToEnd(*second);
  CHECK_EQ(second->Progress().state, ReplayState::kComplete);
  CHECK_EQ(it.sent, std::vector<std::string>{"db.autogen mem"});
  CHECK_EQ(second->Progress().values_done, 10);

  // One that had copied everything only compares.
  it.sent.clear();
  ReplayProgress at_end = second->Progress();
  at_end.state = ReplayState::kRunning;
  const auto third = it.Job(at_end);
  CHECK_FALSE(third->NeedsPause());
  Pairing::RunToEnd(*third);
  CHECK(it.sent.empty());
}

TEST_CASE("seed: a source that breaks off is read again, and nothing counts twice") {
  Pairing it;
  it.from.FailFrom(1);
  for (int time = 0; time < 20; ++time) {
    it.from.PointsOf("cpu")[{"h", time * 1'000}] = {{"v", IntegerValue(time)}};
    it.to.PointsOf("cpu")[{"h", time * 1'000}] = {{"v", IntegerValue(time)}};
  }
  const auto job = it.Job();
  Pairing::RunWhile(*job, [&] { return job->Progress().reason.empty(); });
  CHECK_EQ(job->Progress().reason, "a: the connection was reset");
  it.from.FailFrom(0);
  Pairing::RunToEnd(*job);
  CHECK_EQ(job->Progress().state, ReplayState::kComplete);
  CHECK_EQ(job->Progress().values_done, 25);
}

TEST_CASE("seed: a target that refuses ends the job with its words") {
  Pairing it;
  it.answer = [] { return Http(401, R"({"error":"authorization failed"})"); };
  const auto job = it.Job();
  Pairing::RunToEnd(*job);
  CHECK_EQ(job->Progress().state, ReplayState::kGivenUp);
  CHECK_NE(job->Progress().reason.find("authorization failed"), std::string::npos);
  CHECK_FALSE(job->NeedsPause());
}

TEST_CASE("seed: points that the target refuses for good are counted") {
  Pairing it;
  it.answer = [] {
    return Http(400, R"({"error":"partial write: points beyond retention policy dropped=2"})");
  };
  const auto job = it.Job();
  Pairing::RunToEnd(*job);
  CHECK_EQ(job->Progress().points_refused, 4);
  CHECK_EQ(job->Progress().points_sent, 6);
}

TEST_CASE("seed: servers that differ in the end are no success") {
  Pairing it;
  it.to.PointsOf("cpu").erase({"h", 1'000});
  const auto job = it.Job();
  Pairing::RunToEnd(*job);
  CHECK_EQ(job->Progress().state, ReplayState::kGivenUp);
  CHECK_EQ(it.found_equal, 0);
  CHECK(job->Progress().result.starts_with("different: 0 points only on b, 1 only on a"));
}

TEST_CASE("seed: a cancelled job does no more, and needs no pause") {
  Pairing it;
  const auto job = it.Job();
  static_cast<void>(job->Step());
  job->Cancel();
  CHECK_EQ(job->Progress().state, ReplayState::kCancelled);
  CHECK_FALSE(job->NeedsPause());
  job->GiveUp("too late");
  CHECK_EQ(job->Progress().state, ReplayState::kCancelled);
}

}  // namespace
}  // namespace relay::test::unit_replay_seed_seed_job_test
