// What every Log promises, asked of the one on RocksDB and of the one in memory.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "tests/support/log_bench.h"
#include "tests/support/memory_log.h"
#include "tests/support/temp_dir.h"
#include "wal/durable_log.h"

namespace relay::test {
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

#define LOGS InMemory, OnDisk

Position HeadOf(const Log& log, const BackendId& backend) {
  const auto records = ReadAll(log, backend);
  REQUIRE(!records.empty());
  return records.back().entry.position;
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

TEST_CASE_TEMPLATE("log: lag is what lies between cursor and head, in records, points and bytes", T,
                   LOGS) {
  T bench;
  Log& log = *bench;
  REQUIRE(AppendAndWait(log, NumberedRecord(1, 10), {kWest}, At(100)).ok());
  REQUIRE(AppendAndWait(log, NumberedRecord(2, 5), {kWest}, At(200)).ok());
  const Position first = ReadAll(log, kWest)[0].entry.position;
  REQUIRE(log.Advance(kWest, first, 10).ok());

  const Figures figures = log.FiguresOf(kWest).value();
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
  CHECK(!log.FiguresOf(kWest).value().oldest_owed.has_value());
  REQUIRE(AppendAndWait(log, NumberedRecord(1)).ok());
  REQUIRE(log.Advance(kWest, HeadOf(log, kWest), 1).ok());
  CHECK(!log.FiguresOf(kWest).value().oldest_owed.has_value());
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
  letter.words = "field type conflict";
  letter.lines = "m v=1i 5\n";
  REQUIRE(log.SetAside(kWest, HeadOf(log, kWest), 2, {letter}).ok());

  const Figures figures = log.FiguresOf(kWest).value();
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
  CHECK_EQ((*bench).FiguresOf(stranger).error().code(), ErrorCode::kNotFound);
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
  REQUIRE(AppendAndWait(log, NumberedRecord(0)).ok());  // The last: all before it are answered.
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
}  // namespace relay::test
