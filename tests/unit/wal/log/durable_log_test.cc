#include "wal/log/durable_log.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/log_fixture.h"
#include "tests/support/models/format_v1.h"
#include "tests/support/temp_dir.h"
#include "wal/offline.h"
#include "wal/reading/load.h"
#include "wal/store/store.h"

namespace relay::test::wal_log_durable_log_test {
namespace {

std::unique_ptr<DurableLog> OpenIn(const TempDir& directory,
                                   const std::vector<BackendId>& backends = {kWest}) {
  return DurableLog::Open({.directory = directory.path()}, backends).value();
}

std::unique_ptr<Store> StoreIn(const TempDir& directory) {
  return OpenStore({.directory = StoreDirectory(directory.path())}).value();
}

TEST_CASE("durable log: records, cursor and dead letters are there after reopening") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 4; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
    const auto records = ReadAll(*log, kWest);
    REQUIRE(Deliver(*log, kWest, records[0].entry.position, 1).ok());
    DeadLetter letter;
    letter.sequence = Sequence(2);
    letter.points = 1;
    REQUIRE(SetAside(*log, kWest, records[1].entry.position, letter).ok());
    REQUIRE(Deliver(*log, kWest, records[2].entry.position, 1).ok());
  }
  const auto log = OpenIn(directory);
  CHECK_EQ(log->MarksOf(kWest).cursor, Sequence(3));
  CHECK_EQ(log->MarksOf(kWest).head, Sequence(4));
  const QueueStats figures = log->StatsOf(kWest).value();
  CHECK_EQ(figures.delivered, 2);
  CHECK_EQ(figures.dead, 1);
  CHECK_EQ(figures.unaccounted(), 0);
  CHECK_EQ(log->ReadDead(kWest, 0, 9).value().size(), 1);
  const auto owed = ReadAll(*log, kWest, Sequence(3));
  REQUIRE_EQ(owed.size(), 1);
  CHECK(*owed[0].record.value() == NumberedRecord(4));
}

TEST_CASE("durable log: backends come and go while it is open") {
  TempDir directory;
  {
    const auto log = OpenIn(directory, {kWest});
    REQUIRE(AppendAndWait(*log, NumberedRecord(1), {kWest}).ok());
    REQUIRE(log->SetBackends({kEast}).ok());
    CHECK_EQ(log->Backends(), std::vector<BackendId>{kEast, kWest});
    CHECK_EQ(log->MarksOf(kEast).head, Sequence(0));
    REQUIRE(AppendAndWait(*log, NumberedRecord(2), {kEast}).ok());
    CHECK_EQ(log->MarksOf(kWest).lag(), 1);

    // A backend that came back continues; one that was forgotten and comes back starts as new.
    REQUIRE(log->SetBackends({kEast, kWest}).ok());
    CHECK(!log->Execute(kWest, Forget{}).ok());
    CHECK_EQ(log->MarksOf(kWest).lag(), 1);
    REQUIRE(log->SetBackends({kEast}).ok());
    REQUIRE(log->Execute(kWest, Forget{}).ok());
    REQUIRE(log->SetBackends({kEast, kWest}).ok());
    CHECK_EQ(log->MarksOf(kWest).head, Sequence(0));
    REQUIRE(AppendAndWait(*log, NumberedRecord(3), {kEast, kWest}).ok());
  }
  const auto log = OpenIn(directory, {kEast, kWest});
  CHECK_EQ(ReadAll(*log, kEast).size(), 2);
  const auto west = ReadAll(*log, kWest);
  REQUIRE_EQ(west.size(), 1);
  CHECK(*west[0].record.value() == NumberedRecord(3));
}

TEST_CASE("durable log: a write for a backend that was forgotten meanwhile goes to the others") {
  TempDir directory;
  const auto log = OpenIn(directory, {kEast, kWest});
  REQUIRE(log->SetBackends({kEast}).ok());
  REQUIRE(log->Execute(kWest, Forget{}).ok());
  REQUIRE(AppendAndWait(*log, NumberedRecord(1), {kEast, kWest}).ok());
  CHECK_EQ(ReadAll(*log, kEast).size(), 1);
}

TEST_CASE("durable log: limits can be changed while it is open") {
  TempDir directory;
  const auto log = OpenIn(directory, {kWest});
  log->SetLimits({.keep = {}, .size_max = 1_B, .free_min = 0_B});
  const Result<Durable> full = AppendAndWait(*log, NumberedRecord(1));
  REQUIRE(!full.ok());
  CHECK_EQ(full.error().code(), ErrorCode::kFull);
  CHECK(log->disk_use().full());
  log->SetLimits({.keep = {}, .size_max = 64_GiB, .free_min = 0_B});
  CHECK(AppendAndWait(*log, NumberedRecord(1)).ok());
}

TEST_CASE(
    "durable log: a new backend begins empty, a known one keeps its number when names change") {
  TempDir directory;
  { REQUIRE(AppendAndWait(*OpenIn(directory, {kWest}), NumberedRecord(1)).ok()); }
  {
    const auto log = OpenIn(directory, {kEast});
    CHECK_EQ(log->MarksOf(kEast).head, Sequence(0));
    REQUIRE(AppendAndWait(*log, NumberedRecord(2), {kEast}).ok());
  }
  const auto log = OpenIn(directory, {kEast, kWest});
  CHECK(*ReadAll(*log, kWest)[0].record.value() == NumberedRecord(1));
  CHECK(*ReadAll(*log, kEast)[0].record.value() == NumberedRecord(2));
}

TEST_CASE("durable log: a second process is told that the directory is in use") {
  TempDir directory;
  const auto log = OpenIn(directory);
  const auto second = DurableLog::Open({.directory = directory.path()}, {kWest});
  REQUIRE(!second.ok());
  CHECK_EQ(second.error().code(), ErrorCode::kUnavailable);
  CHECK_EQ(second.error().message(),
           fmt::format("data directory {} is in use by another process (PID {})", directory.path(),
                       getpid()));
}

TEST_CASE("durable log: nobody else may read its directory") {
  TempDir directory;
  const auto log = OpenIn(directory);
  struct stat info {};
  REQUIRE_EQ(stat(StoreDirectory(directory.path()).c_str(), &info), 0);
  CHECK_EQ(info.st_mode & 0777U, 0700U);
}

TEST_CASE("durable log: a damaged record says so, its neighbours are read") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
  }
  {
    const auto store = StoreIn(directory);
    std::string value = store->Get(Family::kPayloads, PayloadKey(PayloadId(2))).value().value();
    value.back() = static_cast<char>(value.back() ^ 1);
    const auto batch = store->NewBatch();
    batch->Put(Family::kPayloads, PayloadKey(PayloadId(2)), value);
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const auto records = ReadAll(*OpenIn(directory), kWest);
  REQUIRE_EQ(records.size(), 3);
  CHECK(records[0].record.ok());
  CHECK_EQ(records[1].record.error().code(), ErrorCode::kCorruption);
  CHECK_EQ(records[1].record.error().message(), "payload 2: checksum mismatch");
  CHECK(*records[2].record.value() == NumberedRecord(3));
}

TEST_CASE("durable log: a payload found under another record's key is damage") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 2; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
  }
  {
    const auto store = StoreIn(directory);
    const std::string first =
        store->Get(Family::kPayloads, PayloadKey(PayloadId(1))).value().value();
    const auto batch = store->NewBatch();
    batch->Put(Family::kPayloads, PayloadKey(PayloadId(2)), first);
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const auto records = ReadAll(*OpenIn(directory), kWest);
  CHECK(records[0].record.ok());
  CHECK(!records[1].record.ok());
}

TEST_CASE("durable log: the running totals say how many points a damaged entry had") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 4; ++n) {
      REQUIRE(AppendAndWait(*log, NumberedRecord(n, 10 * n)).ok());
    }
  }
  {
    const auto store = StoreIn(directory);
    const auto batch = store->NewBatch();
    batch->Put(Family::kEntries, EntryKey(BackendNumber(1), Sequence(2)), "nonsense");
    batch->Put(Family::kEntries, EntryKey(BackendNumber(1), Sequence(3)), "");
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const auto records = ReadAll(*OpenIn(directory), kWest);
  REQUIRE_EQ(records.size(), 3);
  CHECK_EQ(records[1].record.error().code(), ErrorCode::kCorruption);
  CHECK_EQ(records[1].entry.position.sequence, Sequence(3));
  CHECK_EQ(records[1].entry.size.points, 20 + 30);
  CHECK_EQ(records[2].entry.position.sequence, Sequence(4));
  CHECK(*records[2].record.value() == NumberedRecord(4, 40));
}

TEST_CASE("durable log: a damaged newest entry keeps its number, and the log opens") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
  }
  {
    const auto store = StoreIn(directory);
    const auto batch = store->NewBatch();
    batch->Put(Family::kEntries, EntryKey(BackendNumber(1), Sequence(3)), "nonsense");
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const auto log = OpenIn(directory);
  REQUIRE(AppendAndWait(*log, NumberedRecord(4)).ok());
  const auto records = ReadAll(*log, kWest);
  REQUIRE_EQ(records.size(), 4);
  CHECK(!records[2].record.ok());
  CHECK(*records[3].record.value() == NumberedRecord(4));
  CHECK_EQ(records[3].entry.position.sequence, Sequence(4));
}

TEST_CASE("durable log: a log of another format is refused") {
  TempDir directory;
  { const auto log = OpenIn(directory); }
  {
    const auto store = StoreIn(directory);
    const auto batch = store->NewBatch();
    batch->Put(Family::kState, kFormatKey, EncodeNumber(kFormatKey, 9));
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const auto opened = DurableLog::Open({.directory = directory.path()}, {kWest});
  REQUIRE(!opened.ok());
  CHECK_EQ(opened.error().code(), ErrorCode::kInvalidInput);
  CHECK(opened.error().message().find("format 9") != std::string::npos);
}

TEST_CASE("durable log: a log of format 1 is brought up to this one, and nothing is lost") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 4; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n, n)).ok());
    const auto records = ReadAll(*log, kWest);
    REQUIRE(Deliver(*log, kWest, records[0].entry.position, 1).ok());
    DeadLetter letter;
    letter.points = 2;
    letter.reason = DeadReason::kLimit;
    REQUIRE(SetAside(*log, kWest, records[1].entry.position, letter).ok());
  }
  REQUIRE(TurnIntoFormatOne(directory.path()).ok());
  const auto check = [](const LogView& log) {
    const QueueStats figures = log.StatsOf(kWest).value();
    CHECK_EQ(figures.marks.cursor, Sequence(2));
    CHECK_EQ(figures.delivered, 1);
    CHECK_EQ(figures.dead, 2);
    CHECK_EQ(figures.dead_by_reason[DeadReason::kLimit], 2);
    CHECK_EQ(figures.dead_letters, 1);
    CHECK_EQ(figures.owed.points, 7);
    CHECK_EQ(figures.unaccounted(), 0);
    CHECK_EQ(ReadAll(log, kWest, Sequence(2)).size(), 2);
    CHECK_EQ(log.ReadDead(kWest, 0, 9).value().size(), 1);
  };
  check(*OpenLogView(directory.path()).value());
  auto log = OpenIn(directory);
  check(*log);
  CHECK(log->Alarms().empty());
  log.reset();
  const auto store = StoreIn(directory);
  const std::string format = store->Get(Family::kState, kFormatKey).value().value();
  CHECK_EQ(DecodeNumber(kFormatKey, format).value(), kFormatVersion);
  const std::string key = QueueKey(BackendNumber(1));
  CHECK_EQ(store->Get(Family::kState, key).value().value().front(), 3);
}

TEST_CASE("durable log: a log of format 2 is brought up to this one as it is") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    REQUIRE(AppendAndWait(*log, NumberedRecord(1)).ok());
  }
  {
    const auto store = StoreIn(directory);
    const auto batch = store->NewBatch();
    batch->Put(Family::kState, kFormatKey, EncodeNumber(kFormatKey, 2));
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  CHECK_EQ(ReadAll(*OpenLogView(directory.path()).value(), kWest).size(), 1);
  {
    const auto log = OpenIn(directory);
    Record record = NumberedRecord(2);
    record.params.credentials = ClientCredentials("Token t");
    REQUIRE(AppendAndWait(*log, record).ok());
    const auto records = ReadAll(*log, kWest);
    REQUIRE_EQ(records.size(), 2);
    CHECK(*records[0].record.value() == NumberedRecord(1));
    CHECK(*records[1].record.value() == record);
  }
  const auto store = StoreIn(directory);
  const std::string format = store->Get(Family::kState, kFormatKey).value().value();
  CHECK_EQ(DecodeNumber(kFormatKey, format).value(), kFormatVersion);
}

TEST_CASE("durable log: a log of format 4 is brought up to this one, and takes columns too") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    REQUIRE(AppendAndWait(*log, NumberedRecord(1, 50)).ok());
  }
  {
    const auto store = StoreIn(directory);
    const auto batch = store->NewBatch();
    batch->Put(Family::kState, kFormatKey, EncodeNumber(kFormatKey, 4));
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  {
    const auto log = OpenIn(directory);
    std::promise<bool> done;
    log->Append({Encode(NumberedRecord(2, 50), Codec::kColumns).value(), To({kWest}), At(1)},
                [&done](const Result<Durable>& stored) { done.set_value(stored.ok()); });
    REQUIRE(done.get_future().get());
  }
  const auto view = OpenLogView(directory.path()).value();
  const auto records = ReadAll(*view, kWest);
  REQUIRE_EQ(records.size(), 2);
  CHECK(*records[0].record.value() == NumberedRecord(1, 50));
  CHECK(*records[1].record.value() == NumberedRecord(2, 50));
  const Totals zstd = records[0].entry.size;
  CHECK_LT(records[1].entry.size.stored, zstd.stored);
}

TEST_CASE("durable log: credentials go with a record on hold, and with a letter that is redriven") {
  TempDir directory;
  const Lane lane{"db", ""};
  Record record = NumberedRecord(1);
  record.params.credentials = ClientCredentials("Token t");
  {
    const auto log = OpenIn(directory);
    REQUIRE(AppendAndWait(*log, record).ok());
    const auto records = ReadAll(*log, kWest);
    DeadLetter letter;
    letter.points = record.points;
    letter.params = record.params;
    letter.lines = record.lines;
    REQUIRE(SetAside(*log, kWest, records[0].entry.position, letter).ok());
    REQUIRE(log->Execute(kWest, Redrive{{1}, At(9)}).ok());
    REQUIRE(AppendAndWait(*log, record).ok());
    REQUIRE(log->Resolve(kWest, {.after = Sequence(1),
                                 .through = ReadAll(*log, kWest, Sequence(1))[0].entry.position,
                                 .delivered = 0,
                                 .letters = {},
                                 .gaps = {},
                                 .held = {Sequence(2)}})
                .ok());
  }
  const auto log = OpenIn(directory);
  const auto held = log->ReadHeld(kWest, lane, Sequence(0), {.records = 9}).value();
  REQUIRE_EQ(held.size(), 1);
  CHECK(held[0].record.value()->params.credentials == record.params.credentials);
  const auto records = ReadAll(*log, kWest, Sequence(2));
  REQUIRE_EQ(records.size(), 1);
  CHECK(records[0].record.value()->params.credentials == record.params.credentials);
}

TEST_CASE("durable log: a partial rewind delivers what is kept again, and the rest is a gap") {
  const TempDir directory;
  const LogOptions options{
      .directory = directory.path(),
      .limits = {.keep = {.time = std::chrono::nanoseconds(0), .size = 0_B}, .free_min = 0_B}};
  const auto log = DurableLog::Open(options, {kWest}).value();
  for (std::uint64_t n = 1; n <= 4; ++n) {
    REQUIRE(
        AppendAndWait(*log, NumberedRecord(n, n), {kWest}, At(static_cast<std::int64_t>(n))).ok());
  }
  REQUIRE(log->Resolve(kWest, {.after = Sequence(0),
                               .through = ReadAll(*log, kWest)[2].entry.position,
                               .delivered = 6,
                               .letters = {},
                               .gaps = {},
                               .held = {}})
              .ok());
  REQUIRE(log->EnforceRetention(MomentAt(1000)).ok());
  REQUIRE_EQ(log->MarksOf(kWest).trimmed, Sequence(3));
  const Gap whole =
      log->Execute(kWest, Rewind{.partial = true, .actor = {"ann", "restored", At(9)}})
          .value()
          .gap.value();
  const Gap expected{.first = Sequence(1),
                     .last = Sequence(3),
                     .from = WallTime(),
                     .to = At(4),
                     .points = 6,
                     .bytes = whole.bytes,
                     .databases = {},
                     .reason = GapReason::kNotKept,
                     .note = "restored",
                     .by = "ann",
                     .when = At(9)};
  CHECK(whole == expected);
  CHECK_GT(whole.bytes, 0_B);
  const Gap since =
      log->Execute(kWest, Rewind{.partial = true, .since = At(2)}).value().gap.value();
  CHECK(since.from == At(2));
  CHECK_EQ(since.points, 0);
  const auto gaps = log->ReadGaps(kWest, 0, 9).value();
  REQUIRE_EQ(gaps.size(), 2);
  CHECK(gaps[0].gap == whole);
  CHECK_EQ(log->StatsOf(kWest).value().dropped, 0);
  CHECK_EQ(log->StatsOf(kWest).value().unaccounted(), 0);
}

TEST_CASE("durable log: what is held, skipped, paused and rewound is there after reopening") {
  TempDir directory;
  const Lane lane{"db", ""};
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 6; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
    const auto records = ReadAll(*log, kWest);
    REQUIRE(log->Resolve(kWest, {.after = Sequence(0),
                                 .through = records[3].entry.position,
                                 .delivered = 1,
                                 .letters = {},
                                 .gaps = {},
                                 .held = {Sequence(1), Sequence(2), Sequence(4)}})
                .ok());
    REQUIRE(log->Execute(kWest, Rewind{Sequence(3)}).ok());
    REQUIRE(log->Execute(kWest, Skip{Sequence(5), {"ann", "", At(1)}}).ok());
    REQUIRE(log->Execute(kWest, HoldLane{{"other", ""}}).ok());
    REQUIRE(log->Execute(kWest, SetPaused{true}).ok());
  }
  const auto log = OpenIn(directory);
  CHECK_EQ(log->MarksOf(kWest).cursor, Sequence(5));
  CHECK(log->PausedOf(kWest));
  const QueueStats figures = log->StatsOf(kWest).value();
  CHECK_EQ(figures.rewound, 0);  // The records behind the mark were held, and are owed instead.
  CHECK_EQ(figures.held.points, 2);
  CHECK_EQ(figures.dropped, 2);
  CHECK_EQ(figures.unaccounted(), 0);
  const auto lanes = log->HeldLanes(kWest).value();
  REQUIRE_EQ(lanes.size(), 2);
  CHECK_EQ(lanes[0].last.value(), Sequence(2));
  CHECK(lanes[1].by_operator);
  CHECK_EQ(log->ReadHeld(kWest, lane, Sequence(0), {.records = 9}).value().size(), 2);
  CHECK_EQ(log->ReadGaps(kWest, 0, 9).value().size(), 1);
}

TEST_CASE("durable log: records that become too old one after the other are one gap") {
  TempDir directory;
  const auto log = OpenIn(directory);
  for (std::uint64_t n = 1; n <= 4; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
  const auto records = ReadAll(*log, kWest);
  const auto too_old = [&](std::size_t at) {
    Gap gap;
    gap.first = gap.last = records[at].entry.position.sequence;
    gap.points = 1;
    gap.reason = GapReason::kTooOld;
    return log->Resolve(kWest, {.after = Sequence(at),
                                .through = records[at].entry.position,
                                .delivered = 0,
                                .letters = {},
                                .gaps = {gap},
                                .held = {}});
  };
  REQUIRE(too_old(0).ok());
  REQUIRE(too_old(1).ok());
  REQUIRE(Deliver(*log, kWest, records[2].entry.position, 1).ok());
  REQUIRE(too_old(3).ok());
  const auto gaps = log->ReadGaps(kWest, 0, 9).value();
  REQUIRE_EQ(gaps.size(), 2);
  CHECK_EQ(gaps[0].gap.first, Sequence(1));
  CHECK_EQ(gaps[0].gap.last, Sequence(2));
  CHECK_EQ(gaps[0].gap.points, 2);
  CHECK_EQ(gaps[1].gap.first, Sequence(4));
  const QueueStats stats = log->StatsOf(kWest).value();
  CHECK_EQ(stats.dropped, 3);
  CHECK_EQ(stats.unaccounted(), 0);
}

TEST_CASE("durable log: what is held outlives the trimming of everything else") {
  TempDir directory;
  const Lane lane{"db", ""};
  LogOptions options{
      .directory = directory.path(),
      .limits = {.keep = {.time = std::chrono::nanoseconds(0), .size = 0_B}, .free_min = 0_B}};
  {
    const auto log = DurableLog::Open(options, {kWest}).value();
    for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
    REQUIRE(log->Resolve(kWest, {.after = Sequence(0),
                                 .through = ReadAll(*log, kWest)[2].entry.position,
                                 .delivered = 2,
                                 .letters = {},
                                 .gaps = {},
                                 .held = {Sequence(2)}})
                .ok());
    REQUIRE(log->EnforceRetention(MomentAt(1000)).ok());
    CHECK_EQ(log->MarksOf(kWest).trimmed, Sequence(3));
    CHECK_EQ(log->OutcomeOf(kWest, PayloadId(2)).value(), WriteOutcome::kTrimmed);
    CHECK_EQ(log->Execute(kWest, Rewind{Sequence(1)}).error().message(),
             "cannot rewind to 1: only from 3 to 3");
    const CommandResult rewound =
        log->Execute(kWest, Rewind{.to = Sequence(1), .partial = true, .actor = {"ann", "", At(9)}})
            .value();
    CHECK_EQ(rewound.marks->cursor, Sequence(3));
    CHECK_EQ(rewound.gap->reason, GapReason::kNotKept);
    CHECK_EQ(rewound.gap->first, Sequence(2));
    CHECK_EQ(rewound.gap->last, Sequence(3));
    CHECK_EQ(log->StatsOf(kWest).value().unaccounted(), 0);
  }
  const auto log = DurableLog::Open(options, {kWest}).value();
  const auto held = log->ReadHeld(kWest, lane, Sequence(0), {.records = 9}).value();
  REQUIRE_EQ(held.size(), 1);
  CHECK(*held[0].record.value() == NumberedRecord(2));
}

TEST_CASE("durable log: a backend that is forgotten is gone, and comes back as a new one") {
  TempDir directory;
  {
    const auto log = OpenIn(directory, {kWest, kEast});
    REQUIRE(AppendAndWait(*log, NumberedRecord(1), {kWest, kEast}).ok());
    REQUIRE(SetAside(*log, kEast, ReadAll(*log, kEast)[0].entry.position, DeadLetter()).ok());
    REQUIRE(log->Execute(kEast, HoldLane{{"db", ""}}).ok());
  }
  {
    const auto log = OpenIn(directory, {kWest});
    CHECK_EQ(log->Execute(BackendId::Parse("stranger").value(), Forget{}).error().code(),
             ErrorCode::kNotFound);
    REQUIRE(log->Execute(kEast, Forget{}).ok());
    CHECK_EQ(log->Backends(), std::vector<BackendId>{kWest});
    CHECK_EQ(log->StatsOf(kEast).error().code(), ErrorCode::kNotFound);
    REQUIRE(log->EnforceRetention(MomentAt(1)).ok());
  }
  const auto log = OpenIn(directory, {kWest, kEast});
  CHECK_EQ(log->MarksOf(kEast).head, Sequence(0));
  CHECK(log->HeldLanes(kEast).value().empty());
  CHECK(log->ReadDead(kEast, 0, 9).value().empty());
  CHECK_EQ(ReadAll(*log, kWest).size(), 1);
  REQUIRE(AppendAndWait(*log, NumberedRecord(2), {kEast}).ok());
  CHECK(*ReadAll(*log, kEast)[0].record.value() == NumberedRecord(2));
}

TEST_CASE("log view: shows a log that a relay has open, without a trace in its directory") {
  TempDir directory;
  const auto log = OpenIn(directory);
  for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());

  const auto files = [&directory] {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::recursive_directory_iterator(directory.path())) {
      names.insert(file.path().string());
    }
    return names;
  };
  const auto before = files();
  const auto view = OpenLogView(directory.path()).value();
  CHECK_EQ(view->Backends(), std::vector<BackendId>{kWest});
  CHECK_EQ(ReadAll(*view, kWest).size(), 3);
  CHECK_EQ(view->StatsOf(kWest).value().marks.lag(), 3);
  CHECK_EQ(files(), before);
  REQUIRE(AppendAndWait(*log, NumberedRecord(4)).ok());
}

TEST_CASE("log view: a directory without a log is not found") {
  TempDir directory;
  const auto view = OpenLogView(directory.path());
  REQUIRE(!view.ok());
  CHECK_EQ(view.error().code(), ErrorCode::kNotFound);
}

TEST_CASE("durable log: a copy of the directory opens on its own") {
  TempDir directory;
  TempDir copy;
  {
    const auto log = OpenIn(directory);
    REQUIRE(AppendAndWait(*log, NumberedRecord(1)).ok());
  }
  std::filesystem::copy(directory.path(), copy.path(), std::filesystem::copy_options::recursive);
  CHECK_EQ(ReadAll(*OpenLogView(copy.path()).value(), kWest).size(), 1);
}

}  // namespace
}  // namespace relay::test::wal_log_durable_log_test
