// The budget of dead letters: the oldest go first, each with an entry of the gap ledger.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <random>

#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"
#include "wal/offline.h"
#include "wal/verify/verify.h"

namespace relay::test::wal_log_dead_letters_test {
namespace {

using namespace std::chrono_literals;

void CheckSound(const TempDir& directory) {
  const auto on_finding = [](const LogFinding& found) {
    FAIL_CHECK(fmt::format("{}, {}: expected {}, found {}", found.family, found.key, found.expected,
                           found.found));
  };
  CHECK(VerifyLog(directory.path(), {.on_finding = on_finding}).value().sound());
}

// Text that does not compress.
std::string Noise(std::size_t size) {
  static std::mt19937_64 random(7);
  std::string text;
  while (text.size() < size) text += fmt::format("{:016x}", random());
  return text;
}

struct Bench {
  Bench() { Open(); }

  void Open() {
    log.reset();
    options.directory = directory.path();
    log = DurableLog::Open(options, {kWest, kEast}).value();
  }

  // Accepts a record and buries it in so many letters of `points` points and about `size` bytes.
  void Bury(const BackendId& backend, std::size_t letters, std::size_t size, std::int64_t second,
            const std::string& database = "db") {
    REQUIRE(AppendAndWait(*log, NumberedRecord(1, letters * kPoints), {backend}).ok());
    Resolution resolution{
        .after = log->MarksOf(backend).cursor,
        .through = ReadAll(*log, backend, log->MarksOf(backend).cursor).back().entry.position,
        .letters = {},
        .gaps = {},
        .held = {}};
    for (std::size_t i = 0; i < letters; ++i) {
      DeadLetter letter;
      letter.sequence = resolution.through.sequence;
      letter.points = kPoints;
      letter.when = At(second);
      letter.params.database = database;
      letter.lines = Noise(size);
      resolution.letters.push_back(std::move(letter));
    }
    REQUIRE(log->Resolve(backend, resolution).ok());
  }

  QueueStats Of(const BackendId& backend) const { return log->StatsOf(backend).value(); }

  void CheckSums(const BackendId& backend) const {
    const QueueStats stats = Of(backend);
    PointCount kept = 0;
    Bytes lines(0);
    for (const StoredDeadLetter& stored : log->ReadDead(backend, 0, 1'000'000).value()) {
      kept += stored.letter.points;
      lines += Bytes(stored.letter.lines.size());
    }
    PointCount in_gaps = 0;
    for (const StoredGap& stored : log->ReadGaps(backend, 0, 1'000).value()) {
      if (stored.gap.reason == GapReason::kDeadLetters) in_gaps += stored.gap.points;
    }
    CHECK_EQ(stats.dead, kept + stats.dead_removed);
    CHECK_EQ(in_gaps, stats.dead_removed);
    CHECK_GE(stats.dead_bytes, lines);
    CHECK_EQ(stats.unaccounted(), 0);
  }

  static constexpr PointCount kPoints = 3;
  TempDir directory;
  LogOptions options{.limits = {.free_min = 0_B, .dead = {.size = 100_KiB}}, .file_size = 1_MiB};
  std::unique_ptr<DurableLog> log;
};

TEST_CASE("dead letters: beyond the budget the oldest go, and the gap ledger has what they were") {
  Bench bench;
  bench.Bury(kWest, 60, 1'000, 10, "a");
  bench.Bury(kWest, 60, 1'000, 20, "b");
  REQUIRE(bench.log->EnforceRetention(MomentAt(100)).ok());
  const QueueStats west = bench.Of(kWest);
  CHECK_LE(west.dead_bytes, 100_KiB);
  CHECK_GT(west.dead_bytes, 98_KiB);
  CHECK_EQ(west.dead, 120 * Bench::kPoints);
  CHECK_EQ(west.dead_letters + west.dead_letters_removed, 120);
  CHECK_EQ(west.dropped, 0);
  bench.CheckSums(kWest);

  const auto gaps = bench.log->ReadGaps(kWest, 0, 9).value();
  REQUIRE_EQ(gaps.size(), 1);
  const Gap& gap = gaps[0].gap;
  CHECK_EQ(gap.reason, GapReason::kDeadLetters);
  CHECK_EQ(gap.points, west.dead_removed);
  CHECK_EQ(gap.databases, std::vector<std::string>{"a"});
  CHECK_EQ(gap.first, Sequence(1));
  CHECK_EQ(gap.last, Sequence(1));
  CHECK_EQ(gap.from, At(10));
  CHECK_EQ(gap.when, At(100));
  CHECK_EQ(gap.by, "relay");
  CHECK_EQ(bench.log->ReadDead(kWest, 0, 1).value().at(0).number, west.dead_letters_removed + 1);
  REQUIRE(bench.log->EnforceRetention(MomentAt(101)).ok());
  CHECK_EQ(bench.Of(kWest).dead_letters, west.dead_letters);
}

TEST_CASE("dead letters: all backends share the budget, the oldest letter of any goes first") {
  Bench bench;
  bench.Bury(kEast, 40, 1'000, 30);
  bench.Bury(kWest, 40, 1'000, 10);
  bench.Bury(kEast, 40, 1'000, 20);  // A clock that was set back: not found behind the others.
  REQUIRE(bench.log->EnforceRetention(MomentAt(100)).ok());
  CHECK_GT(bench.Of(kWest).dead_letters_removed, 10);
  CHECK_EQ(bench.Of(kEast).dead_letters_removed, 0);
  bench.CheckSums(kWest);
  bench.CheckSums(kEast);
}

TEST_CASE("dead letters: removals of one day are one gap, those of the next another") {
  Bench bench;
  const std::int64_t day = 86'400;
  for (int i = 0; i < 4; ++i) {
    bench.Bury(kWest, 110, 1'000, i, fmt::format("db{}", i));
    REQUIRE(bench.log->EnforceRetention(MomentAt(100 + i)).ok());
  }
  REQUIRE_EQ(bench.log->ReadGaps(kWest, 0, 9).value().size(), 1);
  CHECK_EQ(bench.log->ReadGaps(kWest, 0, 9).value()[0].gap.databases.size(), 4);
  bench.Bury(kWest, 110, 1'000, 5);
  REQUIRE(bench.log->EnforceRetention(MomentAt(day + 1)).ok());
  CHECK_EQ(bench.log->ReadGaps(kWest, 0, 9).value().size(), 2);
  bench.CheckSums(kWest);
}

TEST_CASE("dead letters: those older than the limit go, one second before it they stay") {
  Bench bench;
  bench.options.limits.dead = {.size = 1_GiB, .age = 1h};
  bench.Open();
  for (const std::int64_t second : {1'000, 1'001}) {
    bench.Bury(kWest, 5, 100, second);
    REQUIRE(bench.log->EnforceRetention(MomentAt(second)).ok());
  }
  REQUIRE(bench.log->EnforceRetention(MomentAt(4'600)).ok());
  CHECK_EQ(bench.Of(kWest).dead_letters, 10);
  REQUIRE(bench.log->EnforceRetention(MomentAt(4'601)).ok());
  CHECK_EQ(bench.Of(kWest).dead_letters, 5);
  REQUIRE(bench.log->EnforceRetention(MomentAt(4'602)).ok());
  CHECK_EQ(bench.Of(kWest).dead_letters, 0);
  CHECK_EQ(bench.Of(kWest).dead_bytes, 0_B);
  bench.CheckSums(kWest);
}

TEST_CASE("dead letters: one that was removed can neither be redriven nor dropped") {
  Bench bench;
  bench.Bury(kWest, 120, 1'000, 10);
  REQUIRE(bench.log->EnforceRetention(MomentAt(100)).ok());
  const std::uint64_t gone = bench.Of(kWest).dead_letters_removed;
  REQUIRE_GT(gone, 0);
  CHECK_EQ(bench.log->Execute(kWest, Redrive{{gone}, At(9)}).error().code(), ErrorCode::kNotFound);
  CHECK_EQ(bench.log->Execute(kWest, DropDead{{gone}}).error().code(), ErrorCode::kNotFound);
  CHECK_EQ(bench.Of(kWest).owed.points, 0);
  const Bytes before = bench.Of(kWest).dead_bytes;
  REQUIRE(bench.log->Execute(kWest, DropDead{{gone + 1, gone + 3}}).ok());
  CHECK_LT(bench.Of(kWest).dead_bytes + 2'000_B, before);
  const std::string lines = bench.log->ReadDead(kWest, gone + 1, 1).value().at(0).letter.lines;
  REQUIRE(bench.log->Execute(kWest, Redrive{{gone + 2}, At(9)}).ok());
  CHECK_EQ(bench.log->ReadDead(kWest, 0, 1).value().at(0).number, gone + 4);
  const StoredRecord redriven = ReadAll(*bench.log, kWest, bench.log->MarksOf(kWest).cursor).back();
  CHECK_EQ(redriven.record.value()->lines, lines);
  const Position again = redriven.entry.position;
  REQUIRE(Deliver(*bench.log, kWest, again, Bench::kPoints).ok());
  bench.Bury(kWest, 60, 1'000, 20);
  REQUIRE(bench.log->EnforceRetention(MomentAt(100)).ok());
  CHECK_LE(bench.Of(kWest).dead_bytes, 100_KiB);
  bench.log.reset();
  CheckSound(bench.directory);
}

TEST_CASE("dead letters: the disk is free again, and a restart brings none of them back") {
  Bench bench;
  bench.options.limits.dead = {.size = 1_GiB};
  bench.Open();
  for (int i = 0; i < 60; ++i) bench.Bury(kWest, 100, 5'000, i);  // 30 MB.
  REQUIRE(bench.log->EnforceRetention(MomentAt(100)).ok());
  bench.options.limits.dead = {.size = 1_MiB};
  bench.log->SetLimits(bench.options.limits);
  REQUIRE_GT(bench.log->disk_use().used, 20_MiB);
  REQUIRE(Eventually(kPatience, [&] {
    REQUIRE(bench.log->EnforceRetention(MomentAt(100)).ok());
    return bench.log->disk_use().used < 14_MiB;  // A memtable and the WAL of 8 MiB stay.
  }));
  CHECK_LE(bench.Of(kWest).dead_bytes, 1_MiB);
  const QueueStats before = bench.Of(kWest);
  bench.Open();
  CHECK_EQ(bench.Of(kWest).dead_letters, before.dead_letters);
  CHECK_EQ(bench.Of(kWest).dead_bytes, before.dead_bytes);
  CHECK_EQ(bench.Of(kWest).dead_removed, before.dead_removed);
  bench.CheckSums(kWest);
  bench.log.reset();
  CheckSound(bench.directory);
}

}  // namespace
}  // namespace relay::test::wal_log_dead_letters_test
