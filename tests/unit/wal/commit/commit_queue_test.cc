#include "wal/commit/commit_queue.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "tests/support/log_fixture.h"

namespace relay::test::wal_commit_commit_queue_test {
namespace {

using namespace std::chrono_literals;

struct Fixture {
  Fixture() {
    LoadedLog log;
    log.queues.emplace(kWest, Queue());
    queues.Adopt(std::move(log), 1);
  }

  Status Append(std::uint64_t number) {
    AppendDone done = [this](const Result<Durable>&) { ++told; };
    std::vector<AppendRequest> parts;
    parts.push_back({Encode(NumberedRecord(number), Codec::kNone).value(), To({kWest}), At(1)});
    return waiting.AddAppend(std::move(parts), done);
  }
  static WaitingChange ChangeOf(std::uint64_t edition) {
    Change change;
    change.follows = edition - 1;
    change.state = QueueState();
    change.state->edition = edition;
    return {kWest, std::move(change), {}, Wakes::kNobody, {}};
  }

  std::chrono::nanoseconds now = 1s;
  LogTimes times{.now = [this] { return now; }, .appends = {}, .syncs = {}};
  LogOptions options{.cursor_interval = 0ms, .times = &times};
  QueueTable queues{{kWest}};
  DiskBudget budget{"/nowhere", options.limits};
  BatchTimer timer{&times};
  CommitQueue waiting{options, budget, queues, timer};
  int told = 0;
};

const Error kFailure(ErrorCode::kIo, "the disk is gone");

TEST_CASE("commit queue: everything that waits is one group, in its order") {
  Fixture f;
  REQUIRE(f.Append(1).ok());
  REQUIRE(f.Append(2).ok());
  WaitingChange change = Fixture::ChangeOf(1);
  WaitingBackends backends{{kEast}, {}};
  WaitingMark mark;
  REQUIRE(f.waiting.AddChange(change).ok());
  REQUIRE(f.waiting.AddBackends(backends).ok());
  REQUIRE(f.waiting.AddMark(mark).ok());
  Group group = f.waiting.Next(0ms);
  REQUIRE_EQ(group.appends.size(), 2);
  CHECK_EQ(group.appends[1].Encoded().record.record()->lines, NumberedRecord(2).lines);
  CHECK_EQ(group.changes, std::vector<WaitingChange*>{&change});
  CHECK_EQ(group.backends, std::vector<WaitingBackends*>{&backends});
  CHECK_EQ(group.marks, std::vector<WaitingMark*>{&mark});
  CHECK(!group.closed);
  CHECK(!group.last);
  CHECK(f.waiting.Next(0ms).empty());
}

TEST_CASE("commit queue: appends count on the disk budget from when they are accepted") {
  Fixture f;
  REQUIRE(f.Append(1).ok());
  CHECK(f.budget.use().used > 0_B);
}

TEST_CASE("commit queue: a full log refuses appends and changes that append") {
  Fixture f;
  f.budget.CountAppended(f.options.limits.size_max);
  CHECK_EQ(f.Append(1).error().code(), ErrorCode::kFull);
  CHECK_EQ(f.waiting.Health().error().code(), ErrorCode::kFull);
  WaitingChange appends = Fixture::ChangeOf(1);
  appends.appends.push_back(
      {.write = AppendRequest{Encode(NumberedRecord(1), Codec::kNone).value(), To({kWest}), At(1)},
       .completions = {}});
  CHECK_EQ(f.waiting.AddChange(appends).error().code(), ErrorCode::kFull);
  WaitingChange frees = Fixture::ChangeOf(1);
  CHECK(f.waiting.AddChange(frees).ok());
}

TEST_CASE("commit queue: memory is bounded, but one append is let in whatever its size") {
  Fixture f;
  f.options.waiting_max = Bytes(1);
  REQUIRE(f.Append(1).ok());
  CHECK_EQ(f.Append(2).error().code(), ErrorCode::kUnavailable);
  CHECK_EQ(f.waiting.Next(0ms).appends.size(), 1);
  CHECK(f.Append(3).ok());
}

TEST_CASE(
    "commit queue: an append that would go beyond the bound is refused, one that fits is not") {
  Fixture f;
  const Totals one = Encode(NumberedRecord(1), Codec::kNone).value().size();
  f.options.waiting_max = one.bytes + one.stored + 1_B;
  REQUIRE(f.Append(1).ok());
  CHECK_EQ(f.Append(2).error().code(), ErrorCode::kUnavailable);
  f.options.waiting_max = Bytes(2 * (one.bytes + one.stored).count());
  CHECK(f.Append(2).ok());
}

TEST_CASE("commit queue: a closed log refuses and gives nothing out until it is open again") {
  Fixture f;
  REQUIRE(f.Append(1).ok());
  CHECK_EQ(f.waiting.Close(kFailure).appends.size(), 1);
  CHECK_EQ(f.waiting.closed_because()->message(), kFailure.message());
  CHECK_EQ(f.Append(2).error().message(), "the log is closed after a failure: the disk is gone");
  WaitingChange change = Fixture::ChangeOf(1);
  CHECK_EQ(f.waiting.AddChange(change).error().code(), ErrorCode::kUnavailable);
  WaitingMark mark;
  CHECK_EQ(f.waiting.AddMark(mark).error().code(), ErrorCode::kUnavailable);
  CHECK(f.waiting.Next(0ms).closed);
  f.waiting.Reopen();
  CHECK(f.Append(3).ok());
  CHECK_EQ(f.waiting.Next(0ms).appends.size(), 1);
}

TEST_CASE("commit queue: a change planned from another state than the queue's is refused") {
  Fixture f;
  WaitingChange change = Fixture::ChangeOf(2);
  CHECK_EQ(f.waiting.AddChange(change).error().message(), "the log was reopened meanwhile");
}

TEST_CASE("commit queue: appends are refused once the disk keeps a batch longer than it may") {
  Fixture f;
  f.options.stalled_after = 10'000ms;
  const Status written = f.timer.Time([&f] {
    f.now += 10'000ms;
    CHECK(f.Append(1).ok());
    f.now += 1ms;
    CHECK_EQ(f.Append(2).error().message(), "the disk hangs: it has kept a write waiting for 10 s");
    return Ok();
  });
  CHECK(written.ok());
  CHECK(f.Append(3).ok());
  CHECK_EQ(f.timer.Waiting(), 0ns);
}

TEST_CASE("commit queue: what waits at the stop is given out, and then the last group") {
  Fixture f;
  f.options.group_max = Bytes(1);
  REQUIRE(f.Append(1).ok());
  REQUIRE(f.Append(2).ok());
  f.waiting.Stop();
  WaitingChange change = Fixture::ChangeOf(1);
  CHECK_EQ(f.waiting.AddChange(change).error().code(), ErrorCode::kUnavailable);
  CHECK(!f.waiting.Next(0ms).last);
  const Group last = f.waiting.Next(0ms);
  CHECK_EQ(last.appends.size(), 1);
  CHECK(last.last);
}

TEST_CASE("commit queue: a name that cannot be stored is refused, and told to the caller alone") {
  Fixture f;
  SmallWrite write{.record = NumberedRecord(1), .backends = To({kWest}), .accepted_at = At(1)};
  write.record.params.database = std::string(100'000, 'x');
  AppendDone done = [&f](const Result<Durable>&) { ++f.told; };
  CHECK_EQ(f.waiting.AddSmall(std::move(write), done).error().code(), ErrorCode::kInvalidInput);
  CHECK_EQ(f.told, 0);
  CHECK(done != nullptr);
}

}  // namespace
}  // namespace relay::test::wal_commit_commit_queue_test
