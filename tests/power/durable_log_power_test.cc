// The log on a disk that loses power or fails: everything acknowledged is there.
#include <doctest/doctest.h>

#include <random>

#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/models/lossy_file_system.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test::power_durable_log_power_test {
namespace {

using namespace std::chrono_literals;

struct Machine {
  Bytes group_max = LogOptions().group_max;
  Bytes waiting_max = LogOptions().waiting_max;
  std::chrono::milliseconds cursor_interval{1};
  TempDir directory;
  std::shared_ptr<LossyFileSystem> disk = std::make_shared<LossyFileSystem>();
  std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(disk);

  std::unique_ptr<DurableLog> Boot() {
    LogOptions options;
    options.directory = directory.path();
    options.env = env.get();
    options.cursor_interval = cursor_interval;
    options.reopen_first = 10ms;
    options.group_max = group_max;
    options.waiting_max = waiting_max;
    Result<std::unique_ptr<DurableLog>> log = DurableLog::Open(options, {kWest, kEast});
    const std::string why = log.ok() ? "" : log.error().message();
    REQUIRE_EQ(why, "");
    return std::move(log).value();
  }

  // Writes made while the power goes do not count.
  void CutPower(std::unique_ptr<DurableLog> log) {
    disk->Freeze();
    log.reset();
    disk->LosePower();
  }
};

void CheckContents(const LogView& log, const BackendId& backend,
                   const std::vector<std::uint64_t>& acknowledged) {
  const auto records = ReadAll(log, backend);
  REQUIRE_GE(records.size(), acknowledged.size());
  for (std::size_t i = 0; i < acknowledged.size(); ++i) {
    REQUIRE(records[i].record.ok());
    CHECK(*records[i].record.value() == NumberedRecord(acknowledged[i], 1 + acknowledged[i] % 50));
  }
}

TEST_CASE("power loss: what was trimmed stays passed, though its cursor was not synced by then") {
  Machine machine;
  machine.cursor_interval = 1h;
  auto log = machine.Boot();
  for (std::uint64_t n = 1; n <= 10; ++n) {
    REQUIRE(AppendAndWait(*log, NumberedRecord(n, 2), {kWest}).ok());
  }
  const std::vector<StoredRecord> records = ReadAll(*log, kWest);
  for (std::size_t i = 0; i < 6; ++i) {
    REQUIRE(Deliver(*log, kWest, records[i].entry.position, 2).ok());
  }
  LogLimits limits;
  limits.keep = {.time = 0ms, .size = 0_B};
  limits.free_min = 0_B;
  log->SetLimits(limits);
  REQUIRE(log->EnforceRetention(MomentAt(1'000'000)).ok());
  REQUIRE_EQ(log->MarksOf(kWest).trimmed, Sequence(6));
  machine.CutPower(std::move(log));
  log = machine.Boot();
  const Marks marks = log->MarksOf(kWest);
  CHECK_LE(marks.trimmed, marks.cursor);
  const std::vector<StoredRecord> owed = ReadAll(*log, kWest, marks.cursor);
  CHECK_EQ(owed.size(), marks.lag());
  for (const StoredRecord& record : owed) CHECK(record.record.ok());
  CHECK_EQ(log->StatsOf(kWest).value().unaccounted(), 0);
}

TEST_CASE("power loss: every acknowledged record is there after reopening, in its place") {
  Machine machine;
  std::mt19937_64 random(PrintedSeed());
  std::vector<std::uint64_t> west;
  std::vector<std::uint64_t> east;
  std::uint64_t number = 0;
  for (int cut = 0; cut < 20; ++cut) {
    auto log = machine.Boot();
    CheckContents(*log, kWest, west);
    CheckContents(*log, kEast, east);
    const std::uint64_t count = 1 + random() % 60;
    for (std::uint64_t i = 0; i < count; ++i) {
      ++number;
      const bool both = random() % 2 == 0;
      const std::vector<BackendId> to =
          both ? std::vector<BackendId>{kWest, kEast} : std::vector<BackendId>{kWest};
      REQUIRE(AppendAndWait(*log, NumberedRecord(number, 1 + number % 50), to).ok());
      west.push_back(number);
      if (both) east.push_back(number);
    }
    machine.CutPower(std::move(log));
  }
  const auto log = machine.Boot();
  CheckContents(*log, kWest, west);
  CheckContents(*log, kEast, east);
}

TEST_CASE("power loss: a write in parts is there for all of its backends or for none") {
  Machine machine;
  machine.group_max = 1_B;  // A batch for each write, never for each part.
  std::mt19937_64 random(PrintedSeed());
  std::atomic<std::uint64_t> acknowledged = 0;
  std::uint64_t number = 0;
  for (int cut = 0; cut < 20; ++cut) {
    auto log = machine.Boot();
    const std::uint64_t goal = acknowledged + random() % 20;
    for (int i = 0; i < 40; ++i) {
      AppendOneEach(*log, NumberedRecord(++number), {kWest, kEast},
                    [&](const Result<Durable>& done) { acknowledged += done.ok() ? 1 : 0; });
    }
    REQUIRE(Eventually(10s, [&] { return acknowledged >= goal; }));
    const std::uint64_t before_the_cut = acknowledged;
    machine.CutPower(std::move(log));
    log = machine.Boot();
    const std::size_t west = ReadAll(*log, kWest).size();
    CHECK_EQ(ReadAll(*log, kEast).size(), west);
    CHECK_GE(west, before_the_cut);
    acknowledged = west;
  }
}

TEST_CASE("power loss: a cursor may fall back, never run ahead, and dead letters stay with it") {
  Machine machine;
  auto log = machine.Boot();
  for (std::uint64_t n = 1; n <= 10; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
  const auto records = ReadAll(*log, kWest);
  DeadLetter letter;
  letter.sequence = Sequence(4);
  letter.points = 1;
  REQUIRE(Deliver(*log, kWest, records[2].entry.position, 3).ok());
  REQUIRE(SetAside(*log, kWest, records[3].entry.position, letter).ok());
  machine.disk->Freeze();
  REQUIRE(Deliver(*log, kWest, records[8].entry.position, 5).ok());
  machine.CutPower(std::move(log));

  const auto reopened = machine.Boot();
  const QueueStats figures = reopened->StatsOf(kWest).value();
  CHECK_EQ(figures.marks.cursor, Sequence(4));
  CHECK_EQ(figures.dead, 1);
  CHECK_EQ(figures.unaccounted(), 0);
  CHECK_EQ(reopened->ReadDead(kWest, 0, 9).value().size(), 1);
}

TEST_CASE(
    "a failed sync: what waits is refused, the handle is not written to, the log comes back") {
  Machine machine;
  auto log = machine.Boot();
  REQUIRE(AppendAndWait(*log, NumberedRecord(1, 2)).ok());

  machine.disk->FailSyncs(true);
  const Result<Durable> refused = AppendAndWait(*log, NumberedRecord(2, 3));
  REQUIRE(!refused.ok());
  CHECK_EQ(refused.error().code(), ErrorCode::kUnavailable);
  CHECK(!log->Health().ok());
  CHECK(!AppendAndWait(*log, NumberedRecord(3, 4)).ok());

  machine.disk->FailSyncs(false);
  REQUIRE(Eventually(10s, [&] { return log->Health().ok(); }));
  REQUIRE(AppendAndWait(*log, NumberedRecord(4, 5)).ok());
  CHECK_EQ(machine.disk->writes_after_a_failed_sync(), 0);

  // The refused record may have survived; the numbering has no hole either way.
  const auto records = ReadAll(*log, kWest);
  CHECK(*records.front().record.value() == NumberedRecord(1, 2));
  CHECK(*records.back().record.value() == NumberedRecord(4, 5));
  CHECK_EQ(records.back().entry.position.sequence.value(), records.size());
  machine.CutPower(std::move(log));
  CHECK(*ReadAll(*machine.Boot(), kWest).back().record.value() == NumberedRecord(4, 5));
}

TEST_CASE("a failed sync: a cursor that moved while the log was closed is kept") {
  Machine machine;
  auto log = machine.Boot();
  for (std::uint64_t n = 1; n <= 2; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
  const auto records = ReadAll(*log, kWest);
  machine.disk->FailSyncs(true);
  REQUIRE(!AppendAndWait(*log, NumberedRecord(3)).ok());
  REQUIRE(Deliver(*log, kWest, records[1].entry.position, 2).ok());
  machine.disk->FailSyncs(false);
  REQUIRE(Eventually(10s, [&] { return log->Health().ok(); }));
  CHECK_EQ(log->MarksOf(kWest).cursor, Sequence(2));
  log.reset();
  CHECK_EQ(machine.Boot()->MarksOf(kWest).cursor, Sequence(2));
}

TEST_CASE(
    "a sync that hangs: nothing is answered, memory is bounded, what is stored is delivered") {
  Machine machine;
  machine.waiting_max = 4_KiB;
  auto log = machine.Boot();
  for (std::uint64_t n = 1; n <= 2; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());

  machine.disk->HoldSyncs(true);
  std::atomic<int> stored = 0;
  std::atomic<int> refused = 0;
  constexpr int kAppends = 1'000;
  for (std::uint64_t n = 3; n < 3 + kAppends; ++n) {
    log->Append({Encode(NumberedRecord(n), Codec::kZstd).value(), To({kWest}), At(1)},
                [&](const Result<Durable>& done) { done.ok() ? ++stored : ++refused; });
  }
  // Waiting appends are bounded; the rest is refused at once, and its clients come again.
  CHECK_GT(refused, kAppends / 2);
  CHECK_EQ(stored, 0);
  const auto records = ReadAll(*log, kWest);
  CHECK_EQ(records.size(), 2);
  CHECK(Deliver(*log, kWest, records[1].entry.position, 2).ok());
  CHECK_EQ(stored, 0);

  machine.disk->HoldSyncs(false);
  REQUIRE(Eventually(kPatience, [&] { return stored + refused == kAppends; }));
  CHECK_EQ(ReadAll(*log, kWest, Sequence(2)).size(), static_cast<std::size_t>(stored));
  machine.CutPower(std::move(log));
  CHECK_GE(ReadAll(*machine.Boot(), kWest).size(), static_cast<std::size_t>(stored));
}

}  // namespace
}  // namespace relay::test::power_durable_log_power_test
