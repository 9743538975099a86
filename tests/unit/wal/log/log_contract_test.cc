// Tests of the Log contract, run on the log on RocksDB and on the one in memory.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/fakes/memory_order.h"
#include "tests/support/log_fixture.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test::wal_log_log_contract_test {
namespace {

struct InMemory {
  MemoryLog log{{kWest, kEast}};
  Log& operator*() { return log; }
};

struct OnDisk {
  TempDir directory;
  std::unique_ptr<DurableLog> log =
      DurableLog::Open({.directory = directory.path()}, {kWest, kEast}).value();
  Log& operator*() { return *log; }
};

// A log that is shared, with itself alone.
struct OnOrder {
  SystemClock clock;
  MemoryStream stream;
  MemoryOrder order{stream};
  TempDir directory;
  std::unique_ptr<DurableLog> log =
      DurableLog::Open(
          {.directory = directory.path(),
           .shared =
               SharedLogOptions{.order = &order, .clock = &clock, .relay = "a", .address = ""}},
          {kWest, kEast})
          .value();

  OnOrder() {
    for (const BackendId& backend : {kWest, kEast}) {
      REQUIRE(Eventually(std::chrono::seconds(10), [&] { return log->LeaseOf(backend).ok(); }));
    }
  }
  Log& operator*() { return *log; }
};

#define LOGS InMemory, OnDisk, OnOrder

Position HeadOf(const Log& log, const BackendId& backend) {
  const auto records = ReadAll(log, backend);
  REQUIRE(!records.empty());
  return records.back().entry.position;
}

Resolution UpTo(const Position& through, PointCount delivered) {
  return {.after = Sequence::BeforeFirst(),
          .through = through,
          .delivered = delivered,
          .letters = {},
          .gaps = {},
          .held = {}};
}

TEST_CASE_TEMPLATE("log: records are read back as they were appended, numbered from 1", T, LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(log, NumberedRecord(n, n)).ok());

  const auto records = ReadAll(log, kWest);
  REQUIRE_EQ(records.size(), 3);
  for (std::uint64_t n = 1; n <= 3; ++n) {
    const StoredRecord& stored = records[n - 1];
    CHECK_EQ(stored.entry.position.sequence, Sequence(n));
    CHECK_EQ(stored.entry.size.points, n);
    REQUIRE(stored.record.ok());
    CHECK(*stored.record.value() == NumberedRecord(n, n));
  }
  CHECK_EQ(records[2].entry.position.totals.points, 6);
}

TEST_CASE_TEMPLATE("log: each backend has a numbering of its own", T, LOGS) {
  T bench;
  Log& log = *bench;
  REQUIRE(AppendAndWait(log, NumberedRecord(1), {kWest}).ok());
  REQUIRE(AppendAndWait(log, NumberedRecord(2), {kWest, kEast}).ok());

  CHECK_EQ(ReadAll(log, kWest).size(), 2);
  const auto east = ReadAll(log, kEast);
  REQUIRE_EQ(east.size(), 1);
  CHECK_EQ(east[0].entry.position.sequence, Sequence(1));
  CHECK(*east[0].record.value() == NumberedRecord(2));
}

TEST_CASE_TEMPLATE("log: a write in parts is stored as a record each, and answered once", T, LOGS) {
  T bench;
  Log& log = *bench;
  REQUIRE(AppendAndWait(log, NumberedRecord(1), {kWest}).ok());
  std::promise<Result<Durable>> promise;
  AppendOneEach(log, NumberedRecord(2), {kEast, kWest},
                [&promise](Result<Durable> done) { promise.set_value(std::move(done)); });
  const Result<Durable> done = promise.get_future().get();
  REQUIRE(done.ok());
  CHECK_EQ(done.value().first_payload(), PayloadId(2));
  CHECK_EQ(done.value().payload(), PayloadId(3));
  const auto west = ReadAll(log, kWest);
  const auto east = ReadAll(log, kEast);
  REQUIRE_EQ(west.size(), 2);
  REQUIRE_EQ(east.size(), 1);
  CHECK(*west[1].record.value() == NumberedRecord(2));
  CHECK(*east[0].record.value() == NumberedRecord(2));
  CHECK_EQ(east[0].entry.payload, PayloadId(2));
}

TEST_CASE_TEMPLATE("log: small writes are stored in their order, whatever records they are in", T,
                   LOGS) {
  T bench;
  Log& log = *bench;
  constexpr std::uint64_t kWrites = 200;
  std::string lines;
  std::vector<std::promise<PayloadId>> told(kWrites);
  for (std::uint64_t n = 0; n < kWrites; ++n) {
    const Record record = NumberedRecord(n);
    lines += record.lines;
    log.AppendSmall({.record = record, .backends = To({kWest, kEast}), .accepted_at = At(1)},
                    [&told, n](const Result<Durable>& done) {
                      told[n].set_value(done.ok() ? done.value().payload() : PayloadId(0));
                    });
  }
  PayloadId last(0);
  for (std::promise<PayloadId>& one : told) {
    const PayloadId payload = one.get_future().get();
    CHECK_GE(payload, last);
    last = payload;
  }
  CHECK_EQ(log.OutcomeOf(kWest, last).value(), WriteOutcome::kOwed);
  for (const BackendId& backend : {kWest, kEast}) {
    std::string stored;
    for (const StoredRecord& one : ReadAll(log, backend)) stored += one.record.value()->lines;
    CHECK_EQ(stored, lines);
    CHECK_EQ(log.StatsOf(backend).value().accepted.points, kWrites);
  }
}

TEST_CASE_TEMPLATE("log: a small write with a name that cannot be stored is refused", T, LOGS) {
  T bench;
  Record record = NumberedRecord(1);
  record.params.database = std::string(65'536, 'd');
  std::promise<Result<Durable>> told;
  (*bench).AppendSmall({.record = std::move(record), .backends = To({kWest}), .accepted_at = At(1)},
                       [&told](Result<Durable> done) { told.set_value(std::move(done)); });
  const Result<Durable> done = told.get_future().get();
  REQUIRE(!done.ok());
  CHECK_EQ(done.error().code(), ErrorCode::kInvalidInput);
}

TEST_CASE_TEMPLATE("log: lag is what lies between cursor and head, in records, points and bytes", T,
                   LOGS) {
  T bench;
  Log& log = *bench;
  REQUIRE(AppendAndWait(log, NumberedRecord(1, 10), {kWest}, At(100)).ok());
  REQUIRE(AppendAndWait(log, NumberedRecord(2, 5), {kWest}, At(200)).ok());
  const Position first = ReadAll(log, kWest)[0].entry.position;
  REQUIRE(Deliver(log, kWest, first, 10).ok());

  const QueueStats figures = log.StatsOf(kWest).value();
  CHECK_EQ(figures.marks.lag(), 1);
  CHECK_EQ(figures.owed.points, 5);
  CHECK_EQ(figures.owed.bytes.count(), NumberedRecord(2, 5).lines.size());
  CHECK_EQ(figures.oldest_owed.value(), At(200));
  CHECK_EQ(figures.delivered, 10);
  CHECK_EQ(figures.unaccounted(), 0);
}

TEST_CASE_TEMPLATE("log: nothing owed has no age", T, LOGS) {
  T bench;
  Log& log = *bench;
  CHECK(!log.StatsOf(kWest).value().oldest_owed.has_value());
  REQUIRE(AppendAndWait(log, NumberedRecord(1)).ok());
  REQUIRE(Deliver(log, kWest, HeadOf(log, kWest), 1).ok());
  CHECK(!log.StatsOf(kWest).value().oldest_owed.has_value());
  CHECK(ReadAll(log, kWest, Sequence(1)).empty());
}

TEST_CASE_TEMPLATE("log: what is set aside is counted as dead and can be read with its words", T,
                   LOGS) {
  T bench;
  Log& log = *bench;
  REQUIRE(AppendAndWait(log, NumberedRecord(1, 3)).ok());
  DeadLetter letter;
  letter.sequence = Sequence(1);
  letter.first_line = 2;
  letter.points = 1;
  letter.http_status = 400;
  letter.when = At(5);
  letter.params.database = "db";
  letter.message = "field type conflict";
  letter.lines = "m v=1i 5\n";
  Resolution resolution = UpTo(HeadOf(log, kWest), 2);
  resolution.letters = {letter};
  REQUIRE(log.Resolve(kWest, resolution).ok());

  const QueueStats figures = log.StatsOf(kWest).value();
  CHECK_EQ(figures.marks.lag(), 0);
  CHECK_EQ(figures.dead, 1);
  CHECK_EQ(figures.delivered, 2);
  CHECK_EQ(figures.unaccounted(), 0);
  const auto letters = log.ReadDead(kWest, 0, 10).value();
  REQUIRE_EQ(letters.size(), 1);
  CHECK_EQ(letters[0].number, 1);
  CHECK(letters[0].letter == letter);
  CHECK(log.ReadDead(kEast, 0, 10).value().empty());
}

TEST_CASE_TEMPLATE("log: a read stops at its limits but always gets one record", T, LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 5; ++n) REQUIRE(AppendAndWait(log, NumberedRecord(n, 10)).ok());
  const std::size_t size = NumberedRecord(1, 10).lines.size();

  const auto count = [&](ReadLimit limit) {
    return log.Read(kWest, Sequence::BeforeFirst(), limit).value().size();
  };
  CHECK_EQ(count({.records = 2, .bytes = 1_GiB}), 2);
  CHECK_EQ(count({.records = 9, .bytes = Bytes(1)}), 1);
  CHECK_EQ(count({.records = 9, .bytes = Bytes(3 * size)}), 3);
  CHECK_EQ(count({.records = 9, .bytes = Bytes(3 * size - 1)}), 2);
}

TEST_CASE_TEMPLATE(
    "log: a record is found by the time it was accepted, even if the clock stepped back", T, LOGS) {
  T bench;
  Log& log = *bench;
  for (const std::int64_t second : {10, 20, 15, 30}) {
    REQUIRE(AppendAndWait(log, NumberedRecord(1), {kWest}, At(second)).ok());
  }
  CHECK_EQ(log.LastBefore(kWest, At(10)).value(), Sequence(0));
  CHECK_EQ(log.LastBefore(kWest, At(11)).value(), Sequence(1));
  CHECK_EQ(log.LastBefore(kWest, At(20)).value(), Sequence(1));
  CHECK_EQ(log.LastBefore(kWest, At(21)).value(), Sequence(3));
  CHECK_EQ(log.LastBefore(kWest, At(99)).value(), Sequence(4));
}

TEST_CASE_TEMPLATE("log: a backend that was never named is not found", T, LOGS) {
  T bench;
  const BackendId stranger = BackendId::Parse("stranger").value();
  CHECK_EQ((*bench).StatsOf(stranger).error().code(), ErrorCode::kNotFound);
  CHECK_EQ((*bench).Read(stranger, Sequence(0), {}).error().code(), ErrorCode::kNotFound);
}

TEST_CASE_TEMPLATE("log: appends of many threads get every number once, each thread's in its order",
                   T, LOGS) {
  T bench;
  Log& log = *bench;
  constexpr std::uint64_t kThreads = 4;
  constexpr std::uint64_t kEach = 200;
  std::atomic<std::uint64_t> durable = 0;
  {
    std::vector<std::jthread> writers;
    for (std::uint64_t writer = 0; writer < kThreads; ++writer) {
      writers.emplace_back([&log, &durable, writer] {
        for (std::uint64_t i = 0; i < kEach; ++i) {
          log.Append({Encode(NumberedRecord(writer * kEach + i), Codec::kZstd).value(), To({kWest}),
                      At(1)},
                     [&durable](const Result<Durable>& done) { durable += done.ok() ? 1 : 0; });
        }
      });
    }
  }
  REQUIRE(AppendAndWait(log, NumberedRecord(0)).ok());  // The last one: all before it are answered.
  CHECK_EQ(durable, kThreads * kEach);

  std::vector<std::string> seen_last(kThreads);
  const auto records = ReadAll(log, kWest);
  CHECK_EQ(records.size(), kThreads * kEach + 1);
  for (std::uint64_t writer = 0; writer < kThreads; ++writer) {
    std::uint64_t next = writer * kEach;
    for (const StoredRecord& stored : records) {
      if (next < (writer + 1) * kEach && *stored.record.value() == NumberedRecord(next)) ++next;
    }
    CHECK_EQ(next, (writer + 1) * kEach);
  }
}

Position PositionOf(const Log& log, std::uint64_t sequence) {
  return ReadAll(log, kWest).at(sequence - 1).entry.position;
}

Record InLane(std::uint64_t number, const Lane& lane, PointCount points = 1) {
  Record record = NumberedRecord(number, points);
  record.params.database = lane.database;
  record.params.retention_policy = lane.retention_policy;
  return record;
}

std::vector<std::uint64_t> HeldIn(const Log& log, const Lane& lane) {
  std::vector<std::uint64_t> held;
  for (const StoredRecord& stored :
       log.ReadHeld(kWest, lane, Sequence::BeforeFirst(), {.records = 100}).value()) {
    CHECK(stored.record.ok());
    held.push_back(stored.entry.position.sequence.value());
  }
  return held;
}

DeadLetter LetterOf(std::uint64_t sequence, PointCount points,
                    DeadReason reason = DeadReason::kRefused) {
  DeadLetter letter;
  letter.sequence = Sequence(sequence);
  letter.points = points;
  letter.reason = reason;
  const Record record = NumberedRecord(sequence, points);
  letter.params = record.params;
  letter.lines = record.lines;
  return letter;
}

const Lane kRed{"red", ""};
const Lane kBlue{"blue", "week"};

TEST_CASE_TEMPLATE("log: whoever resolves what is no longer behind the cursor changes nothing", T,
                   LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(log, NumberedRecord(n)).ok());
  REQUIRE(log.Resolve(kWest, UpTo(PositionOf(log, 2), 2)).ok());
  CHECK_EQ(log.Resolve(kWest, UpTo(PositionOf(log, 2), 2)).error().code(), ErrorCode::kConflict);
  Resolution late = UpTo(PositionOf(log, 3), 2);
  late.letters = {LetterOf(3, 1)};
  late.after = Sequence(1);
  CHECK_EQ(log.Resolve(kWest, late).error().code(), ErrorCode::kConflict);
  const QueueStats figures = log.StatsOf(kWest).value();
  CHECK_EQ(figures.delivered, 2);
  CHECK_EQ(figures.dead, 0);
  CHECK_EQ(figures.marks.cursor, Sequence(2));
  CHECK(log.ReadDead(kWest, 0, 9).value().empty());
}

TEST_CASE_TEMPLATE("log: what is resolved in several ways at once is counted in each", T, LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 4; ++n) REQUIRE(AppendAndWait(log, NumberedRecord(n, 10)).ok());
  Resolution resolution = UpTo(HeadOf(log, kWest), 10 + 7);
  resolution.letters = {LetterOf(2, 2), LetterOf(2, 1, DeadReason::kExpired)};
  const Gap damaged{.first = Sequence(3),
                    .last = Sequence(3),
                    .from = At(1),
                    .to = At(2),
                    .points = 10,
                    .bytes = 99_B,
                    .databases = {"a", "b"},
                    .reason = GapReason::kDamaged,
                    .note = "checksum mismatch",
                    .by = "relay",
                    .when = At(7)};
  resolution.gaps = {damaged};
  resolution.held = {Sequence(4)};
  REQUIRE(log.Resolve(kWest, resolution).ok());

  const QueueStats figures = log.StatsOf(kWest).value();
  CHECK_EQ(figures.delivered, 17);
  CHECK_EQ(figures.dead, 3);
  CHECK_EQ(figures.dead_by_reason[DeadReason::kRefused], 2);
  CHECK_EQ(figures.dead_by_reason[DeadReason::kExpired], 1);
  CHECK_EQ(figures.dead_letters, 2);
  CHECK_EQ(figures.dropped, 10);
  CHECK_EQ(figures.gaps, 1);
  CHECK_EQ(figures.held.points, 10);
  CHECK_EQ(figures.held_records, 1);
  CHECK_EQ(figures.unaccounted(), 0);
  const auto gaps = log.ReadGaps(kWest, 0, 9).value();
  REQUIRE_EQ(gaps.size(), 1);
  CHECK_EQ(gaps[0].number, 1);
  CHECK(gaps[0].gap == damaged);
  CHECK(log.ReadGaps(kWest, 1, 9).value().empty());
}

TEST_CASE_TEMPLATE("log: held records wait in their lanes, in order, until they are resolved", T,
                   LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 6; ++n) {
    const Record record = InLane(n, n % 2 == 0 ? kRed : kBlue, n);
    REQUIRE(AppendAndWait(log, record, {kWest}, At(static_cast<std::int64_t>(n))).ok());
  }
  Resolution resolution = UpTo(HeadOf(log, kWest), 3);
  resolution.held = {Sequence(1), Sequence(2), Sequence(4), Sequence(5), Sequence(6)};
  REQUIRE(log.Resolve(kWest, resolution).ok());
  CHECK_EQ(HeldIn(log, kRed), std::vector<std::uint64_t>{2, 4, 6});
  CHECK_EQ(HeldIn(log, kBlue), std::vector<std::uint64_t>{1, 5});
  const auto read = log.ReadHeld(kWest, kRed, Sequence(2), {.records = 1}).value();
  REQUIRE_EQ(read.size(), 1);
  CHECK_EQ(read[0].entry.accepted_at, At(4));
  CHECK_EQ(read[0].entry.size.points, 4);
  CHECK(*read[0].record.value() == InLane(4, kRed, 4));

  REQUIRE(log.ResolveHeld(kWest, kRed,
                          {.first = Sequence(2),
                           .through = Sequence(4),
                           .delivered = 5,
                           .letters = {LetterOf(4, 1)},
                           .gaps = {}})
              .ok());
  CHECK_EQ(HeldIn(log, kRed), std::vector<std::uint64_t>{6});
  const auto lanes = log.HeldLanes(kWest).value();
  REQUIRE_EQ(lanes.size(), 2);
  CHECK(lanes[0].lane == kBlue);
  CHECK_EQ(lanes[0].records, 2);
  CHECK_EQ(lanes[0].size.points, 6);
  CHECK_EQ(lanes[0].first.value(), Sequence(1));
  CHECK_EQ(lanes[0].last.value(), Sequence(5));
  CHECK_EQ(lanes[1].first.value(), Sequence(6));
  CHECK_EQ(lanes[1].oldest.value(), At(6));
  CHECK(!lanes[1].by_operator);
  const QueueStats figures = log.StatsOf(kWest).value();
  CHECK_EQ(figures.held.points, 12);
  CHECK_EQ(figures.held_records, 3);
  CHECK_EQ(figures.delivered, 8);
  CHECK_EQ(figures.unaccounted(), 0);
}

TEST_CASE_TEMPLATE("log: only the oldest that a lane holds can be resolved", T, LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(log, InLane(n, kRed)).ok());
  Resolution resolution = UpTo(HeadOf(log, kWest), 1);
  resolution.held = {Sequence(1), Sequence(3)};
  REQUIRE(log.Resolve(kWest, resolution).ok());
  const auto code = [&](const Lane& lane, std::uint64_t first, std::uint64_t through) {
    const Status done = log.ResolveHeld(kWest, lane,
                                        {.first = Sequence(first),
                                         .through = Sequence(through),
                                         .delivered = 1,
                                         .letters = {},
                                         .gaps = {}});
    return done.ok() ? std::string("ok") : std::string(ToString(done.error().code()));
  };
  CHECK_EQ(code(kRed, 3, 3), "conflict");
  CHECK_EQ(code(kRed, 1, 2), "conflict");
  CHECK_EQ(code(kBlue, 1, 1), "conflict");
  CHECK_EQ(log.StatsOf(kWest).value().delivered, 1);
  CHECK_EQ(code(kRed, 1, 1), "ok");
  CHECK_EQ(code(kRed, 1, 1), "conflict");
  CHECK_EQ(code(kRed, 3, 3), "ok");
  CHECK(log.HeldLanes(kWest).value().empty());
  CHECK_EQ(log.StatsOf(kWest).value().held, Totals());
}

TEST_CASE_TEMPLATE("log: what was rewound is owed again, and what of it was held leaves its lane",
                   T, LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 5; ++n) REQUIRE(AppendAndWait(log, InLane(n, kRed, n)).ok());
  Resolution resolution = UpTo(PositionOf(log, 4), 1 + 3);
  resolution.held = {Sequence(2), Sequence(4)};
  REQUIRE(log.Resolve(kWest, resolution).ok());

  const Marks marks = log.Execute(kWest, Rewind{Sequence(2)}).value().marks.value();
  CHECK_EQ(marks.cursor, Sequence(2));
  CHECK_EQ(log.MarksOf(kWest).cursor, Sequence(2));
  CHECK_EQ(HeldIn(log, kRed), std::vector<std::uint64_t>{2});
  const QueueStats figures = log.StatsOf(kWest).value();
  CHECK_EQ(figures.rewound, 3);  // Four more were held, and count as owed now.
  CHECK_EQ(figures.delivered, 4);
  CHECK_EQ(figures.owed.points, 12);
  CHECK_EQ(figures.held.points, 2);
  CHECK_EQ(figures.unaccounted(), 0);
  CHECK_EQ(ReadAll(log, kWest, marks.cursor).size(), 3);

  REQUIRE(log.Execute(kWest, Rewind{Sequence::BeforeFirst()}).ok());
  CHECK(log.HeldLanes(kWest).value().empty());
  CHECK_EQ(log.StatsOf(kWest).value().unaccounted(), 0);
}

TEST_CASE_TEMPLATE("log: a rewind stays within what is kept", T, LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(log, NumberedRecord(n)).ok());
  REQUIRE(log.Resolve(kWest, UpTo(PositionOf(log, 2), 2)).ok());
  CHECK_EQ(log.Execute(kWest, Rewind{Sequence(3)}).error().code(), ErrorCode::kInvalidInput);
  CHECK_EQ(log.MarksOf(kWest).cursor, Sequence(2));
  CHECK_EQ(log.Execute(kWest, Rewind{Sequence(2)}).value().marks->cursor, Sequence(2));
  CHECK_EQ(log.StatsOf(kWest).value().rewound, 0);
}

TEST_CASE_TEMPLATE("log: what is skipped is in the gap ledger with when, where and by whom", T,
                   LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 4; ++n) {
    const Record record = InLane(n, n % 2 == 0 ? kRed : kBlue, n);
    REQUIRE(AppendAndWait(log, record, {kWest}, At(static_cast<std::int64_t>(n))).ok());
  }
  REQUIRE(log.Resolve(kWest, UpTo(PositionOf(log, 1), 1)).ok());
  const Gap gap =
      log.Execute(kWest, Skip{Sequence(3), {"ann", "poisoned", At(9)}}).value().gap.value();
  const Gap expected{
      .first = Sequence(2),
      .last = Sequence(3),
      .from = At(2),
      .to = At(3),
      .points = 5,
      .bytes = Bytes(InLane(2, kRed, 2).lines.size() + InLane(3, kBlue, 3).lines.size()),
      .databases = {"blue", "red"},
      .reason = GapReason::kSkipped,
      .note = "poisoned",
      .by = "ann",
      .when = At(9)};
  CHECK(gap == expected);
  const auto gaps = log.ReadGaps(kWest, 0, 9).value();
  REQUIRE_EQ(gaps.size(), 1);
  CHECK(gaps[0].gap == expected);
  CHECK_EQ(log.MarksOf(kWest).cursor, Sequence(3));
  CHECK_EQ(log.StatsOf(kWest).value().dropped, 5);
  CHECK_EQ(log.StatsOf(kWest).value().unaccounted(), 0);
  CHECK_EQ(log.Execute(kWest, Skip{Sequence(3), {}}).error().code(), ErrorCode::kInvalidInput);
  CHECK_EQ(log.Execute(kWest, Skip{Sequence(5), {}}).error().code(), ErrorCode::kInvalidInput);
}

TEST_CASE_TEMPLATE("log: what a lane holds can be skipped as a whole", T, LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 3; ++n) {
    REQUIRE(AppendAndWait(log, InLane(n, kRed, n), {kWest}, At(static_cast<std::int64_t>(n))).ok());
  }
  Resolution resolution = UpTo(HeadOf(log, kWest), 2);
  resolution.held = {Sequence(1), Sequence(3)};
  REQUIRE(log.Resolve(kWest, resolution).ok());
  const Gap gap = log.Execute(kWest, SkipHeld{kRed, {"ann", "", At(9)}}).value().gap.value();
  CHECK_EQ(gap.points, 4);
  CHECK_EQ(gap.first, Sequence(1));
  CHECK_EQ(gap.last, Sequence(3));
  CHECK_EQ(gap.from, At(1));
  CHECK_EQ(gap.to, At(3));
  CHECK_EQ(gap.databases, std::vector<std::string>{"red"});
  CHECK(log.HeldLanes(kWest).value().empty());
  CHECK_EQ(log.StatsOf(kWest).value().unaccounted(), 0);
  CHECK_EQ(log.Execute(kWest, SkipHeld{kRed, {}}).error().code(), ErrorCode::kNotFound);
}

TEST_CASE_TEMPLATE("log: an operator's hold of a lane stays until it is released", T, LOGS) {
  T bench;
  Log& log = *bench;
  CHECK_EQ(log.Execute(kWest, ReleaseLane{kRed}).error().code(), ErrorCode::kNotFound);
  REQUIRE(log.Execute(kWest, HoldLane{kRed}).ok());
  REQUIRE(log.Execute(kWest, HoldLane{kRed}).ok());
  const auto lanes = log.HeldLanes(kWest).value();
  REQUIRE_EQ(lanes.size(), 1);
  CHECK(lanes[0].by_operator);
  CHECK_EQ(lanes[0].records, 0);
  CHECK(!lanes[0].first.has_value());
  CHECK(log.HeldLanes(kEast).value().empty());

  REQUIRE(AppendAndWait(log, InLane(1, kRed)).ok());
  Resolution resolution = UpTo(HeadOf(log, kWest), 0);
  resolution.held = {Sequence(1)};
  REQUIRE(log.Resolve(kWest, resolution).ok());
  REQUIRE(log.Execute(kWest, ReleaseLane{kRed}).ok());
  REQUIRE_EQ(log.HeldLanes(kWest).value().size(), 1);
  CHECK(!log.HeldLanes(kWest).value()[0].by_operator);
  CHECK_EQ(HeldIn(log, kRed), std::vector<std::uint64_t>{1});
}

TEST_CASE_TEMPLATE("log: a lane gives refused lines up until it holds nothing", T, LOGS) {
  T bench;
  Log& log = *bench;
  CHECK_EQ(log.Execute(kWest, GiveUpRefused{kRed}).error().code(), ErrorCode::kNotFound);
  REQUIRE(AppendAndWait(log, InLane(1, kRed)).ok());
  REQUIRE(AppendAndWait(log, InLane(2, kRed)).ok());
  Resolution resolution = UpTo(HeadOf(log, kWest), 0);
  resolution.held = {Sequence(1), Sequence(2)};
  REQUIRE(log.Resolve(kWest, resolution).ok());
  CHECK_FALSE(log.HeldLanes(kWest).value().at(0).gives_up);
  REQUIRE(log.Execute(kWest, GiveUpRefused{kRed}).ok());
  REQUIRE(log.Execute(kWest, HoldLane{kRed}).ok());
  REQUIRE(log.Execute(kWest, ReleaseLane{kRed}).ok());
  CHECK(log.HeldLanes(kWest).value().at(0).gives_up);
  REQUIRE(log.Execute(kWest, HoldLane{kRed}).ok());
  REQUIRE(log.Execute(kWest, SkipHeld{kRed, {}}).ok());
  REQUIRE_EQ(log.HeldLanes(kWest).value().size(), 1);
  CHECK_FALSE(log.HeldLanes(kWest).value()[0].gives_up);
  CHECK_EQ(log.Execute(kWest, GiveUpRefused{kRed}).error().code(), ErrorCode::kNotFound);
}

TEST_CASE_TEMPLATE("log: no more lanes are held than an operator can look through", T, LOGS) {
  T bench;
  Log& log = *bench;
  std::vector<Sequence> held;
  for (std::uint64_t n = 1; n <= Log::kHeldLanesMax; ++n) {
    const Record record = InLane(n, {fmt::format("db{}", n), ""});
    log.Append({Encode(record, Codec::kNone).value(), To({kWest}), At(1)},
               [](const Result<Durable>& done) { INVARIANT(done.ok()); });
    held.push_back(Sequence(n));
  }
  REQUIRE(AppendAndWait(log, InLane(0, kRed)).ok());
  REQUIRE(AppendAndWait(log, InLane(0, {"db7", ""})).ok());
  Resolution resolution = UpTo(PositionOf(log, Log::kHeldLanesMax), 0);
  resolution.held = held;
  REQUIRE(log.Resolve(kWest, resolution).ok());

  Resolution one_more = UpTo(PositionOf(log, Log::kHeldLanesMax + 1), 0);
  one_more.after = Sequence(Log::kHeldLanesMax);
  one_more.held = {Sequence(Log::kHeldLanesMax + 1)};
  CHECK_EQ(log.Resolve(kWest, one_more).error().code(), ErrorCode::kFull);
  CHECK_EQ(log.Execute(kWest, HoldLane{kRed}).error().code(), ErrorCode::kFull);
  CHECK_EQ(log.MarksOf(kWest).cursor, Sequence(Log::kHeldLanesMax));
  CHECK_EQ(log.HeldLanes(kWest).value().size(), Log::kHeldLanesMax);
  CHECK(log.Execute(kWest, HoldLane{{"db7", ""}}).ok());

  one_more.overflow = one_more.held;
  REQUIRE(log.Resolve(kWest, one_more).ok());
  CHECK_EQ(log.HeldLanes(kWest).value().size(), Log::kHeldLanesMax + 1);
  const auto shared =
      log.ReadHeld(kWest, OverflowLane(), Sequence(0), {.records = 9, .bytes = 1_GiB}).value();
  REQUIRE_EQ(shared.size(), 1);
  CHECK_EQ(LaneOf(shared[0].record.value()->params), kRed);
  CHECK_EQ(log.Execute(kWest, HoldLane{kRed}).error().code(), ErrorCode::kFull);
}

TEST_CASE_TEMPLATE(
    "log: records of the overflow lane leave it from anywhere, others from the front", T, LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 6; ++n) {
    REQUIRE(AppendAndWait(log, InLane(n, {fmt::format("db{}", n), ""})).ok());
  }
  Resolution resolution = UpTo(PositionOf(log, 6), 0);
  resolution.held = {Sequence(1), Sequence(2), Sequence(3), Sequence(4), Sequence(5), Sequence(6)};
  resolution.overflow = resolution.held;
  REQUIRE(log.Resolve(kWest, resolution).ok());
  const Totals before = log.StatsOf(kWest).value().held;

  const auto resolve = [&log](std::uint64_t first, std::uint64_t through, PointCount delivered) {
    return log.ResolveHeld(kWest, OverflowLane(),
                           {.first = Sequence(first),
                            .through = Sequence(through),
                            .delivered = delivered,
                            .letters = {},
                            .gaps = {}});
  };
  REQUIRE(resolve(3, 4, 2).ok());
  CHECK_EQ(HeldIn(log, OverflowLane()), std::vector<std::uint64_t>{1, 2, 5, 6});
  CHECK_EQ(resolve(4, 5, 2).error().code(), ErrorCode::kConflict);
  CHECK_EQ(resolve(2, 4, 2).error().code(), ErrorCode::kConflict);
  REQUIRE(resolve(6, 6, 1).ok());
  CHECK_EQ(log.HeldLanes(kWest).value().at(0).last, Sequence(5));
  REQUIRE(resolve(1, 1, 1).ok());
  CHECK_EQ(log.HeldLanes(kWest).value().at(0).first, Sequence(2));
  CHECK_EQ(log.HeldLanes(kWest).value().at(0).records, 2);
  CHECK_EQ(3 * log.StatsOf(kWest).value().held.points, before.points);
  REQUIRE(resolve(2, 5, 2).ok());
  CHECK(log.HeldLanes(kWest).value().empty());
  CHECK_EQ(log.StatsOf(kWest).value().held.points, 0);
  CHECK_EQ(log.StatsOf(kWest).value().unaccounted(), 0);
}

TEST_CASE_TEMPLATE("log: a pause is remembered, of one backend", T, LOGS) {
  T bench;
  Log& log = *bench;
  CHECK(!log.PausedOf(kWest));
  REQUIRE(log.Execute(kWest, SetPaused{true}).ok());
  CHECK(log.PausedOf(kWest));
  CHECK(log.StatsOf(kWest).value().paused);
  CHECK(!log.PausedOf(kEast));
  REQUIRE(log.Execute(kWest, SetPaused{false}).ok());
  CHECK(!log.PausedOf(kWest));
}

TEST_CASE_TEMPLATE("log: dead letters that are dropped stay counted, and numbers are not reused", T,
                   LOGS) {
  T bench;
  Log& log = *bench;
  for (std::uint64_t n = 1; n <= 2; ++n) REQUIRE(AppendAndWait(log, NumberedRecord(n, 3)).ok());
  Resolution resolution = UpTo(PositionOf(log, 1), 0);
  resolution.letters = {LetterOf(1, 1), LetterOf(1, 1), LetterOf(1, 1)};
  REQUIRE(log.Resolve(kWest, resolution).ok());
  CHECK_EQ(log.Execute(kWest, DropDead{{1, 9}}).error().code(), ErrorCode::kNotFound);
  CHECK_EQ(log.ReadDead(kWest, 0, 9).value().size(), 3);
  const Gap gap =
      log.Execute(kWest, DropDead{{3, 1, 3}, {"ann", "wrong", At(9)}}).value().gap.value();
  CHECK_EQ(gap.reason, GapReason::kDeadDropped);
  CHECK_EQ(gap.first, Sequence(1));
  CHECK_EQ(gap.points, 2);
  CHECK_EQ(gap.by, "ann");
  CHECK_EQ(gap.note, "wrong");
  CHECK(log.ReadGaps(kWest, 0, 9).value().at(0).gap == gap);
  CHECK_EQ(log.StatsOf(kWest).value().dropped, 0);
  const auto left = log.ReadDead(kWest, 0, 9).value();
  REQUIRE_EQ(left.size(), 1);
  CHECK_EQ(left[0].number, 2);
  CHECK_EQ(log.StatsOf(kWest).value().dead, 3);
  CHECK_EQ(log.StatsOf(kWest).value().dead_letters, 1);
  CHECK_EQ(log.StatsOf(kWest).value().unaccounted(), 0);

  Resolution second = UpTo(PositionOf(log, 2), 2);
  second.after = Sequence(1);
  second.letters = {LetterOf(2, 1)};
  REQUIRE(log.Resolve(kWest, second).ok());
  CHECK_EQ(log.ReadDead(kWest, 2, 9).value().at(0).number, 4);
}

TEST_CASE_TEMPLATE("log: lines of dead letters are accepted once more, for their backend alone", T,
                   LOGS) {
  T bench;
  Log& log = *bench;
  REQUIRE(AppendAndWait(log, NumberedRecord(1, 5), {kWest, kEast}).ok());
  Resolution resolution = UpTo(PositionOf(log, 1), 2);
  resolution.letters = {LetterOf(1, 1), LetterOf(1, 2)};
  REQUIRE(log.Resolve(kWest, resolution).ok());
  CHECK_EQ(log.Execute(kWest, Redrive{{2, 3}, At(5)}).error().code(), ErrorCode::kNotFound);
  REQUIRE(log.Execute(kWest, Redrive{{2}, At(5)}).ok());

  const auto again = ReadAll(log, kWest, Sequence(1));
  REQUIRE_EQ(again.size(), 1);
  CHECK_EQ(again[0].entry.accepted_at, At(5));
  CHECK(*again[0].record.value() == NumberedRecord(1, 2));
  CHECK_EQ(log.MarksOf(kEast).head, Sequence(1));
  const auto left = log.ReadDead(kWest, 0, 9).value();
  REQUIRE_EQ(left.size(), 1);
  CHECK_EQ(left[0].number, 1);
  const QueueStats figures = log.StatsOf(kWest).value();
  CHECK_EQ(figures.accepted.points, 7);
  CHECK_EQ(figures.dead, 3);
  CHECK_EQ(figures.owed.points, 2);
  CHECK_EQ(figures.unaccounted(), 0);
  // Numbers continue behind it.
  REQUIRE(AppendAndWait(log, NumberedRecord(2), {kWest}).ok());
  CHECK_EQ(log.MarksOf(kWest).head, Sequence(3));
}

TEST_CASE_TEMPLATE("log: a dead letter without lines cannot be redriven", T, LOGS) {
  T bench;
  Log& log = *bench;
  REQUIRE(AppendAndWait(log, NumberedRecord(1)).ok());
  Resolution resolution = UpTo(HeadOf(log, kWest), 0);
  DeadLetter letter = LetterOf(1, 1);
  letter.lines.clear();
  resolution.letters = {letter};
  REQUIRE(log.Resolve(kWest, resolution).ok());
  CHECK_EQ(log.Execute(kWest, Redrive{{1}, At(5)}).error().code(), ErrorCode::kInvalidInput);
  CHECK_EQ(log.ReadDead(kWest, 0, 9).value().size(), 1);
}

TEST_CASE_TEMPLATE("log: the fate of a write is known by its number", T, LOGS) {
  T bench;
  Log& log = *bench;
  std::vector<PayloadId> ids;
  for (std::uint64_t n = 1; n <= 4; ++n) {
    ids.push_back(AppendAndWait(log, InLane(n, kRed)).value().payload());
  }
  const PayloadId other = AppendAndWait(log, NumberedRecord(5), {kEast}).value().payload();
  Resolution resolution = UpTo(PositionOf(log, 3), 2);
  resolution.held = {Sequence(2)};
  REQUIRE(log.Resolve(kWest, resolution).ok());
  CHECK_EQ(log.OutcomeOf(kWest, ids[0]).value(), WriteOutcome::kPassed);
  CHECK_EQ(log.OutcomeOf(kWest, ids[1]).value(), WriteOutcome::kHeld);
  CHECK_EQ(log.OutcomeOf(kWest, ids[3]).value(), WriteOutcome::kOwed);
  CHECK_EQ(log.OutcomeOf(kWest, other).value(), WriteOutcome::kNotRouted);
  CHECK_EQ(log.OutcomeOf(kEast, other).value(), WriteOutcome::kOwed);
  CHECK_EQ(log.OutcomeOf(kEast, ids[0]).value(), WriteOutcome::kNotRouted);
}

TEST_CASE_TEMPLATE("log: a backend that is configured cannot be forgotten", T, LOGS) {
  T bench;
  CHECK_EQ((*bench).Execute(kWest, Forget{}).error().code(), ErrorCode::kInvalidInput);
  CHECK_EQ((*bench).Backends().size(), 2);
}

TEST_CASE_TEMPLATE("log: whoever delivers hears of what an operator changed", T, LOGS) {
  T bench;
  Log& log = *bench;
  std::atomic<int> heard = 0;
  log.OnReadable([&heard] { ++heard; });
  REQUIRE(AppendAndWait(log, NumberedRecord(1)).ok());
  REQUIRE(log.Resolve(kWest, UpTo(HeadOf(log, kWest), 1)).ok());
  REQUIRE(log.Execute(kWest, Rewind{Sequence::BeforeFirst()}).ok());
  REQUIRE(log.Execute(kWest, SetPaused{true}).ok());
  REQUIRE(log.Execute(kWest, HoldLane{kRed}).ok());
  CHECK_GE(heard, 3);  // The last may still be on its way.
}

TEST_CASE_TEMPLATE("log: a listener hears of every group that became readable", T, LOGS) {
  T bench;
  Log& log = *bench;
  std::atomic<int> heard = 0;
  log.OnReadable([&heard] { ++heard; });
  REQUIRE(AppendAndWait(log, NumberedRecord(1)).ok());
  REQUIRE(AppendAndWait(log, NumberedRecord(2)).ok());
  REQUIRE(AppendAndWait(log, NumberedRecord(3)).ok());
  CHECK_GE(heard, 2);  // The third may still be on its way.
}

}  // namespace
}  // namespace relay::test::wal_log_log_contract_test
