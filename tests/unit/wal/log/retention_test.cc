// Retention: what a log keeps, gives back and refuses.
#include "wal/log/retention.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test::wal_log_retention_test {
namespace {

using namespace std::chrono_literals;

struct House {
  std::unique_ptr<DurableLog> Open() {
    options.directory = directory.path();
    return DurableLog::Open(options, {kWest, kEast}).value();
  }

  TempDir directory;
  // Groups are smaller than files: a batch is never split, so it is the minimum
  // size of a file, and the newest files are not given back.
  LogOptions options{.group_max = 128_KiB,
                     .limits = {.keep = {.time = 100s, .size = 1_GiB}, .free_min = 0_B},
                     .file_size = 1_MiB};
};

void DeliverTo(Log& log, const BackendId& backend, Sequence through) {
  for (const StoredRecord& stored : ReadAll(log, backend, log.MarksOf(backend).cursor)) {
    if (stored.entry.position.sequence > through) break;
    REQUIRE(Deliver(log, backend, stored.entry.position, stored.entry.size.points).ok());
  }
}

// Lets more time pass than anything is kept.
void OutliveKeeping(DurableLog& log) {
  REQUIRE(log.EnforceRetention(MomentAt(100)).ok());
  REQUIRE(log.EnforceRetention(MomentAt(1000)).ok());
}

Result<Durable> AppendOnePlain(Log& log, PointCount points) {
  std::promise<Result<Durable>> promise;
  log.Append({Encode(NumberedRecord(1, points), Codec::kNone).value(), To({kWest}), At(1)},
             [&promise](Result<Durable> done) { promise.set_value(std::move(done)); });
  return promise.get_future().get();
}

// Appends without a codec, so that disk space equals what is appended.
void AppendPlain(Log& log, std::uint64_t count, PointCount points, WallTime at = At(1)) {
  for (std::uint64_t n = 1; n <= count; ++n) {
    log.Append({Encode(NumberedRecord(n, points), Codec::kNone).value(), To({kWest, kEast}), at},
               [](const Result<Durable>& done) { INVARIANT(done.ok()); });
  }
  REQUIRE(AppendAndWait(log, NumberedRecord(0), {kWest, kEast}, at).ok());
}

std::uint64_t SizeOf(const TempDir& directory) {
  std::uint64_t size = 0;
  std::error_code gone;  // The engine deletes files and folders at any time.
  std::filesystem::recursive_directory_iterator at(directory.path());
  for (; at != std::filesystem::recursive_directory_iterator(); at.increment(gone)) {
    const std::uintmax_t bytes = at->file_size(gone);
    if (!gone) size += bytes;
  }
  return size;
}

TEST_CASE("retention: the oldest is what was accepted first, of equals the first one listed") {
  const Lane lane{"db", "rp"};
  CHECK_EQ(FirstAccepted({}), nullptr);
  const std::vector<OldestKept> candidates{
      {kWest, std::nullopt, At(3)}, {kEast, std::nullopt, At(2)}, {kEast, lane, At(2)}};
  const OldestKept* oldest = FirstAccepted(candidates);
  REQUIRE(oldest != nullptr);
  CHECK_EQ(oldest->backend, kEast);
  CHECK(!oldest->lane);
}

TEST_CASE("retention: what a lane holds may be the oldest") {
  const Lane lane{"db", "rp"};
  const OldestKept* oldest = nullptr;
  const std::vector<OldestKept> candidates{{kWest, std::nullopt, At(3)}, {kWest, lane, At(1)}};
  oldest = FirstAccepted(candidates);
  REQUIRE(oldest != nullptr);
  CHECK(oldest->lane == lane);
}

TEST_CASE("retention: the queue that keeps most for a rewind counts") {
  Queues queues;
  CHECK_EQ(MostKept(queues), 0_B);
  queues[kWest].state.cursor.totals.stored = Bytes(500);
  queues[kWest].state.trimmed.totals.stored = Bytes(400);
  queues[kEast].state.cursor.totals.stored = Bytes(300);
  CHECK_EQ(MostKept(queues), Bytes(300));
}

TEST_CASE("keeping: what was delivered is trimmed once its time is over, and not before") {
  House house;
  const auto log = house.Open();
  for (const std::int64_t second : {10, 20, 30}) {
    REQUIRE(AppendAndWait(*log, NumberedRecord(1), {kWest}, At(second)).ok());
    REQUIRE(log->EnforceRetention(MomentAt(second)).ok());
  }
  DeliverTo(*log, kWest, Sequence(3));
  REQUIRE(log->EnforceRetention(MomentAt(120)).ok());
  CHECK_EQ(log->MarksOf(kWest).trimmed, Sequence(1));
  REQUIRE(log->EnforceRetention(MomentAt(130)).ok());
  CHECK_EQ(log->MarksOf(kWest).trimmed, Sequence(2));
  REQUIRE(log->EnforceRetention(MomentAt(1000)).ok());
  CHECK_EQ(log->MarksOf(kWest).trimmed, Sequence(3));
  CHECK_EQ(log->StatsOf(kWest).value().kept.points, 0);
}

TEST_CASE("keeping: what is owed is never trimmed, however old") {
  House house;
  const auto log = house.Open();
  for (int i = 0; i < 5; ++i) REQUIRE(AppendAndWait(*log, NumberedRecord(1)).ok());
  DeliverTo(*log, kWest, Sequence(2));
  OutliveKeeping(*log);
  REQUIRE(log->EnforceRetention(MomentAt(1'000'000)).ok());
  const Marks marks = log->MarksOf(kWest);
  CHECK_EQ(marks.trimmed, Sequence(2));
  CHECK_EQ(marks.lag(), 3);
  CHECK_EQ(ReadAll(*log, kWest).size(), 3);
}

TEST_CASE("keeping: beyond its size the oldest delivered records are trimmed") {
  House house;
  house.options.limits.keep = {.time = 1000h, .size = 10_KiB};
  const auto log = house.Open();
  AppendPlain(*log, 20, 100);
  DeliverTo(*log, kWest, log->MarksOf(kWest).head);
  REQUIRE(log->EnforceRetention(MomentAt(2)).ok());
  const Totals kept = log->StatsOf(kWest).value().kept;
  CHECK_LE(kept.stored, 10_KiB);
  CHECK_GT(kept.stored, 5_KiB);
}

TEST_CASE(
    "giving back: the disk is free again once every backend has the records, and not before") {
  House house;
  const auto log = house.Open();
  AppendPlain(*log, 3000, 200);  // About 15 MB.
  const std::uint64_t full = SizeOf(house.directory);
  CHECK_GT(full, 12U << 20U);
  DeliverTo(*log, kWest, log->MarksOf(kWest).head);
  OutliveKeeping(*log);
  CHECK_EQ(ReadAll(*log, kEast).size(), 3001);
  CHECK_GT(SizeOf(house.directory), 12U << 20U);
  // The other one owes a record too, but none of those.
  REQUIRE(AppendAndWait(*log, NumberedRecord(2), {kWest}).ok());
  OutliveKeeping(*log);
  for (const StoredRecord& owed : ReadAll(*log, kEast)) REQUIRE(owed.record.ok());
  CHECK_GT(SizeOf(house.directory), 12U << 20U);

  DeliverTo(*log, kEast, log->MarksOf(kEast).head);
  REQUIRE(Eventually(kPatience, [&] {
    REQUIRE(log->EnforceRetention(MomentAt(1000)).ok());
    return SizeOf(house.directory) < full / 2;  // The newest files are still being filled.
  }));
}

TEST_CASE("giving back: what was filled last goes too, once all of it was trimmed") {
  House house;
  const auto log = house.Open();
  AppendPlain(*log, 3000, 200);  // About 15 MB.
  for (const BackendId& backend : {kWest, kEast}) {
    DeliverTo(*log, backend, log->MarksOf(backend).head);
  }
  OutliveKeeping(*log);
  REQUIRE(Eventually(kPatience, [&] {
    REQUIRE(log->EnforceRetention(MomentAt(1000)).ok());
    return SizeOf(house.directory) < 3U << 20U;  // The WAL, and entries.
  }));
  REQUIRE(AppendAndWait(*log, NumberedRecord(1)).ok());
  CHECK_EQ(ReadAll(*log, kWest).size(), 1);
}

TEST_CASE("giving back: numbers go on behind what was trimmed, after a restart too") {
  House house;
  {
    const auto log = house.Open();
    AppendPlain(*log, 9, 1);
    for (const BackendId& backend : {kWest, kEast}) {
      DeliverTo(*log, backend, log->MarksOf(backend).head);
    }
    OutliveKeeping(*log);
  }
  const auto log = house.Open();
  CHECK_EQ(log->MarksOf(kWest).head, Sequence(10));
  CHECK_EQ(log->StatsOf(kWest).value().unaccounted(), 0);
  CHECK_EQ(AppendAndWait(*log, NumberedRecord(7)).value().payload(), PayloadId(11));
  const auto records = ReadAll(*log, kWest);
  REQUIRE_EQ(records.size(), 1);
  CHECK_EQ(records[0].entry.position.sequence, Sequence(11));
  CHECK_EQ(records[0].entry.position.totals.points, 11);
}

TEST_CASE("a full log: refuses, stores nothing of it, delivers on, and recovers by itself") {
  House house;
  house.options.limits.size_max = 4_MiB;
  house.options.file_size = 256_KiB;
  const auto log = house.Open();
  do {  // The engine's share shrinks now and then as it flushes.
    while (AppendOnePlain(*log, 200).ok()) continue;
    REQUIRE(log->EnforceRetention(MomentAt(2)).ok());
  } while (log->Health().ok());
  const Marks before = log->MarksOf(kWest);
  const Result<Durable> refused = AppendAndWait(*log, NumberedRecord(1));
  REQUIRE(!refused.ok());
  CHECK_EQ(refused.error().code(), ErrorCode::kFull);
  CHECK_EQ(log->Health().error().code(), ErrorCode::kFull);
  CHECK_EQ(log->MarksOf(kWest).head, before.head);

  DeliverTo(*log, kWest, before.head);
  // They would be kept another 100 s, but new records need the room.
  REQUIRE(Eventually(kPatience, [&] {
    REQUIRE(log->EnforceRetention(MomentAt(3)).ok());
    return log->Health().ok();
  }));
  CHECK(AppendAndWait(*log, NumberedRecord(1)).ok());
}

TEST_CASE("a full log: refuses between two measurements too") {
  House house;
  house.options.limits.size_max = 2_MiB;
  const auto log = house.Open();
  std::uint64_t taken = 0;
  while (AppendOnePlain(*log, 1000).ok()) REQUIRE_LT(++taken, 1000);
  CHECK_GT(taken, 10);
  CHECK_LT(SizeOf(house.directory), 4U << 20U);
}

// A log that is full and drops: no backend has taken anything.
struct DroppingHouse : House {
  DroppingHouse() {
    options.limits.size_max = 6_MiB;
    options.file_size = 256_KiB;
    options.limits.when_full = WhenFull::kDropOldest;
  }
  // Appends until that many were taken; time passes at the housekeeper's pace.
  void AppendPastTheLimit(DurableLog& log, std::uint64_t count, const std::vector<BackendId>& to) {
    const EncodedRecord record = Encode(NumberedRecord(1, 5000), Codec::kNone).value();
    for (std::uint64_t taken = 0; taken < count;) {
      std::promise<bool> answer;
      log.Append({record, To(to), At(++now)},
                 [&answer](const Result<Durable>& done) { answer.set_value(done.ok()); });
      if (answer.get_future().get()) {
        ++taken;
        continue;
      }
      REQUIRE_EQ(log.Health().error().code(), ErrorCode::kFull);
      REQUIRE(log.EnforceRetention(MomentAt(now)).ok());
    }
  }
  std::int64_t now = 0;
};

TEST_CASE("a full log that drops: the backend that is behind loses its oldest, the ledger says") {
  DroppingHouse house;
  const auto log = house.Open();
  for (int i = 0; i < 20; ++i) {
    house.AppendPastTheLimit(*log, 6, {kWest, kEast});
    DeliverTo(*log, kEast, log->MarksOf(kEast).head);
  }
  const QueueStats east = log->StatsOf(kEast).value();
  CHECK_EQ(east.dropped, 0);
  CHECK_EQ(east.delivered, 600'000);
  const QueueStats west = log->StatsOf(kWest).value();
  CHECK_GT(west.dropped, 100'000);
  CHECK_GT(west.owed.points, 30'000);
  CHECK_EQ(west.unaccounted(), 0);

  const auto gaps = log->ReadGaps(kWest, 0, 9).value();
  REQUIRE_EQ(gaps.size(), 1);  // A single gap that grew: nothing was delivered in between.
  const Gap& gap = gaps[0].gap;
  CHECK_EQ(gap.reason, GapReason::kDropOldest);
  CHECK_EQ(gap.first, Sequence(1));
  CHECK_EQ(gap.last, west.marks.cursor);
  CHECK_EQ(gap.points, west.dropped);
  CHECK_EQ(gap.from, At(1));
  CHECK_LT(gap.to, At(house.now));
  CHECK_EQ(gap.databases, std::vector<std::string>{"db"});
  const auto owed = ReadAll(*log, kWest, west.marks.cursor);
  REQUIRE(owed.front().record.ok());
  CHECK_EQ(owed.front().entry.position.sequence, west.marks.cursor.Next());
}

TEST_CASE("a full log that drops: backends that are equally behind lose the same") {
  DroppingHouse house;
  const auto log = house.Open();
  house.AppendPastTheLimit(*log, 80, {kWest, kEast});
  const QueueStats west = log->StatsOf(kWest).value();
  const QueueStats east = log->StatsOf(kEast).value();
  CHECK_GT(west.dropped, 100'000);
  CHECK_GT(east.dropped, 100'000);
  const auto [less, more] = std::minmax(west.dropped, east.dropped);
  CHECK_LE(more - less, 20'000);  // A file's worth.
}

TEST_CASE("a full log that drops: what a lane holds is owed too, and may be the oldest") {
  DroppingHouse house;
  const auto log = house.Open();
  house.AppendPastTheLimit(*log, 12, {kWest});
  Resolution all{.after = Sequence(0), .through = {}, .letters = {}, .gaps = {}, .held = {}};
  for (const StoredRecord& stored : ReadAll(*log, kWest)) {
    all.through = stored.entry.position;
    all.held.push_back(stored.entry.position.sequence);
  }
  REQUIRE(log->Resolve(kWest, all).ok());
  house.AppendPastTheLimit(*log, 80, {kWest});
  const QueueStats figures = log->StatsOf(kWest).value();
  CHECK_EQ(figures.held.points, 0);
  CHECK_EQ(figures.unaccounted(), 0);
  CHECK_EQ(log->ReadGaps(kWest, 0, 9).value().at(0).gap.first, Sequence(1));
}

TEST_CASE("a full log that drops: what is kept for a rewind goes before anything that is owed") {
  DroppingHouse house;
  const auto log = house.Open();
  house.AppendPastTheLimit(*log, 40, {kWest});
  DeliverTo(*log, kWest, log->MarksOf(kWest).head);
  house.AppendPastTheLimit(*log, 40, {kWest});
  const QueueStats figures = log->StatsOf(kWest).value();
  CHECK_EQ(figures.dropped, 0);
  CHECK_LT(figures.kept.points, 200'000);
}

TEST_CASE("a full disk: what must be left free to others is left") {
  House house;
  house.options.limits.free_min = Bytes(1ULL << 60U);
  const auto log = house.Open();
  CHECK_EQ(AppendAndWait(*log, NumberedRecord(1)).error().code(), ErrorCode::kFull);
}

}  // namespace
}  // namespace relay::test::wal_log_retention_test
