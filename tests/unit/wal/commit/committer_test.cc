#include "wal/commit/committer.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>

#include "tests/support/log_fixture.h"
#include "tests/support/models/lossy_file_system.h"
#include "tests/support/temp_dir.h"
#include "wal/log/live_queues.h"

namespace relay::test::wal_commit_committer_test {
namespace {

using namespace std::chrono_literals;

// The parts of a log around its committer, without the log.
struct Fixture {
  explicit Fixture(Bytes group_max = LogOptions().group_max) {
    options.env = env.get();
    options.group_max = group_max;
    opener.ReadMark({.state = IdentityState::kNone, .identity = {}});
    REQUIRE(committer.Open().ok());
  }
  ~Fixture() {
    committer.Stop();
    store.Close();
    opener.Close(true);
  }

  void Append(std::uint64_t number) {
    std::vector<AppendRequest> parts;
    parts.push_back({Encode(NumberedRecord(number), Codec::kNone).value(), To({kWest}), At(1)});
    committer.Append(std::move(parts), [this, number](const Result<Durable>& done) {
      // A record is readable before its caller is told.
      readable = readable && queues.MarksOf(kWest).head >= Sequence(number);
      told.push_back(done.ok() ? number : 0);
    });
  }

  TempDir directory;
  std::shared_ptr<LossyFileSystem> disk = std::make_shared<LossyFileSystem>();
  std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(disk);
  LogTimes times{.now = [] { return 1ns; }, .appends = {}, .syncs = {}};
  LogOptions options{.directory = directory.path(),
                     .cursor_interval = 10ms,
                     .limits = {.free_min = 0_B},
                     .times = &times};
  SharedStore store;
  QueueTable queues{{kWest}};
  DiskBudget budget{options.directory, options.limits};
  RecentRecords recent{1_MiB};
  Opener opener{options, store, queues};
  const DiskReserve reserve{options.directory, options.reserve};
  Committer committer{options, {{store, queues, recent, opener, reserve}, budget}};
  LiveQueues live{store, queues, recent, committer};
  bool readable = true;
  std::vector<std::uint64_t> told;
};

TEST_CASE("committer: everything that waits is written with one sync, and told in its order") {
  Fixture f;
  for (const std::uint64_t number : {1U, 2U, 3U}) f.Append(number);
  CHECK(f.told.empty());
  REQUIRE(f.committer.Start().ok());
  f.committer.Stop();
  CHECK_EQ(f.told, std::vector<std::uint64_t>{1, 2, 3});
  CHECK(f.readable);
  CHECK_EQ(f.times.syncs.Read().count(), 1);
  CHECK_EQ(f.times.appends.Read().count(), 3);
  CHECK_EQ(f.queues.All().newest_payload, PayloadId(3));
}

TEST_CASE(
    "committer: all that waits when it is stopped is written, in as many groups as it takes") {
  Fixture f(1_B);
  for (const std::uint64_t number : {1U, 2U, 3U}) f.Append(number);
  REQUIRE(f.committer.Start().ok());
  f.committer.Stop();
  CHECK_EQ(f.told, std::vector<std::uint64_t>{1, 2, 3});
  CHECK_EQ(f.times.syncs.Read().count(), 3);
}

TEST_CASE("committer: when a group cannot be written, those behind it are refused too") {
  Fixture f(1_B);
  for (const std::uint64_t number : {1U, 2U, 3U}) f.Append(number);
  f.disk->FailSyncs(true);
  REQUIRE(f.committer.Start().ok());
  f.committer.Stop();
  CHECK_EQ(f.told, std::vector<std::uint64_t>{0, 0, 0});
}

TEST_CASE("committer: a mark holds the cursors that only memory knew") {
  Fixture f;
  f.Append(1);
  REQUIRE(f.committer.Start().ok());
  REQUIRE(f.committer.MarkNow().ok());
  Position end = f.queues.SnapshotOf(kWest).value().head;
  REQUIRE(f.queues
              .MoveCursor(kWest, {.after = Sequence(0),
                                  .through = end,
                                  .delivered = 1,
                                  .letters = {},
                                  .gaps = {},
                                  .held = {}})
              .ok());
  const HighWater mark = f.committer.MarkNow().value();
  CHECK_EQ(mark.log.queues.at(kWest).state.cursor.sequence, Sequence(1));
  CHECK_EQ(mark.log.last_payload, PayloadId(1));
}

TEST_CASE(
    "committer: a change is seen when its caller is told, and wakes the listener if it is to") {
  Fixture f;
  std::atomic<int> woken = 0;
  f.committer.OnReadable([&woken] { ++woken; });
  REQUIRE(f.committer.Start().ok());
  const auto pause = [](ChangePlan queue) { return std::move(queue).Plan(SetPaused{true}); };
  REQUIRE(f.live.Apply(kWest, pause, Wakes::kNobody).ok());
  CHECK(f.queues.PausedOf(kWest));
  REQUIRE(f.committer.MarkNow().ok());
  CHECK_EQ(woken, 0);
  REQUIRE(f.live.Apply(kWest, pause, Wakes::kListener).ok());
  REQUIRE(f.committer.MarkNow().ok());
  CHECK_EQ(woken, 1);
}

TEST_CASE("committer: new backends have their queue when the caller is told") {
  Fixture f;
  REQUIRE(f.committer.Start().ok());
  REQUIRE(f.committer.AddBackends({kEast}).ok());
  CHECK_EQ(f.queues.SnapshotOf(kEast).value().number, BackendNumber(2));
}

TEST_CASE("committer: once it is stopped it takes nothing") {
  Fixture f;
  REQUIRE(f.committer.Start().ok());
  f.committer.Stop();
  CHECK_EQ(f.committer.MarkNow().error().code(), ErrorCode::kUnavailable);
  CHECK_EQ(f.committer.AddBackends({kEast}).error().code(), ErrorCode::kUnavailable);
}

TEST_CASE("live queues: a backend that the log does not know can be neither read nor changed") {
  Fixture f;
  REQUIRE(f.committer.Start().ok());
  CHECK_EQ(f.live.Open(kEast).error().code(), ErrorCode::kNotFound);
  const auto pause = [](ChangePlan queue) { return std::move(queue).Plan(SetPaused{true}); };
  CHECK_EQ(f.live.Apply(kEast, pause, Wakes::kNobody).error().code(), ErrorCode::kNotFound);
}

TEST_CASE("live queues: what is read stays while the reader lives, whatever becomes of the queue") {
  Fixture f;
  f.Append(1);
  REQUIRE(f.committer.Start().ok());
  REQUIRE(f.committer.MarkNow().ok());
  const OpenQueue queue = f.live.Open(kWest).value();
  f.Append(2);
  REQUIRE(f.committer.MarkNow().ok());
  CHECK_EQ(queue.reader.queue().head.sequence, Sequence(1));
  CHECK_EQ(f.live.Open(kWest).value().reader.queue().head.sequence, Sequence(2));
}

TEST_CASE("live queues: nothing is trimmed behind the cursor, which may have been moved back") {
  Fixture f;
  f.Append(1);
  REQUIRE(f.committer.Start().ok());
  REQUIRE(f.committer.MarkNow().ok());
  const Position head = f.live.Open(kWest).value().reader.queue().head;
  const auto trim = [&head](ChangePlan queue) { return std::move(queue).Trim(head); };
  CHECK_EQ(f.live.Apply(kWest, trim, Wakes::kNobody).error().code(), ErrorCode::kConflict);
}

TEST_CASE(
    "live queues: records that are dropped one behind the other are one gap, others are not") {
  Fixture f;
  for (const std::uint64_t number : {1U, 2U, 3U, 4U}) f.Append(number);
  REQUIRE(f.committer.Start().ok());
  REQUIRE(f.committer.MarkNow().ok());
  const auto drop = [&f] {
    const auto plan = [](ChangePlan queue) { return std::move(queue).DropOwed(1_B, At(9)); };
    REQUIRE(f.live.Apply(kWest, plan, Wakes::kNobody).ok());
  };
  drop();
  drop();
  const Position third = f.live.Open(kWest).value().reader.PositionAt(Sequence(3)).value();
  REQUIRE(f.queues
              .MoveCursor(kWest, {.after = Sequence(2),
                                  .through = third,
                                  .delivered = 1,
                                  .letters = {},
                                  .gaps = {},
                                  .held = {}})
              .ok());
  drop();
  const std::vector<StoredGap> gaps = f.live.Open(kWest).value().reader.ReadGaps(0, 9).value();
  REQUIRE_EQ(gaps.size(), 2);
  CHECK_EQ(gaps[0].gap.last, Sequence(2));
  CHECK_EQ(gaps[0].gap.points, 2);
  CHECK_EQ(gaps[1].gap.first, Sequence(4));
  CHECK_EQ(f.live.Open(kWest).value().reader.ReadStats().value().dropped, 3);
}

TEST_CASE("shared store: while none is open nobody can use it") {
  const SharedStore store;
  REQUIRE(!store.Use().ok());
  CHECK_EQ(store.Use().error().code(), ErrorCode::kUnavailable);
  CHECK_EQ(store.Use().error().message(), "the log is being reopened");
}

TEST_CASE("opener: the mark of a log that was closed in order is clean, and of its last epoch") {
  const TempDir directory;
  const LogOptions options{.directory = directory.path()};
  for (const std::uint64_t epoch : {1U, 2U}) {
    SharedStore store;
    QueueTable queues({kWest});
    Opener opener(options, store, queues);
    opener.ReadMark({.state = IdentityState::kNone, .identity = {}});
    REQUIRE(opener.Open(std::nullopt).ok());
    CHECK_EQ(queues.SyncedState().epoch, epoch);
    CHECK(opener.Alarms().empty());
    store.Close();
    opener.Close(true);
    const HighWater mark = ReadHighWater(directory.path()).value().mark;
    CHECK(mark.clean);
    CHECK_EQ(mark.epoch, epoch);
  }
}

TEST_CASE("opener: a database that is gone is an alarm") {
  const TempDir directory;
  const LogOptions options{.directory = directory.path()};
  SharedStore store;
  QueueTable queues({kWest});
  Opener opener(options, store, queues);
  opener.ReadMark({.state = IdentityState::kKnown, .identity = {.format = kFormatVersion}});
  REQUIRE_EQ(opener.Alarms().size(), 2);
  CHECK_EQ(opener.Alarms()[0], "the log's database is gone: there was one in this directory");
  CHECK(opener.Alarms()[1].starts_with("whether the log has lost its end cannot be told: "));
}

}  // namespace
}  // namespace relay::test::wal_commit_committer_test
