// A log whose files were damaged while it was down: it opens, reports what is
// missing, loses nothing else, and gives no number twice.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/models/compacted_log.h"
#include "tests/support/models/crash_copy.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"
#include "wal/reading/load.h"
#include "wal/store/store.h"

namespace relay::test::wal_log_damage_test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::unique_ptr<DurableLog> OpenIn(const std::string& directory) {
  LogOptions options{.directory = directory};
  options.cursor_interval = 1ms;
  options.file_size = 64_KiB;
  options.reopen_first = 1ms;
  options.limits.keep.time = 0ns;
  auto log = DurableLog::Open(options, {kWest, kEast});
  const std::string why = log.ok() ? "" : log.error().message();
  REQUIRE_EQ(why, "");
  return std::move(log).value();
}

std::uint64_t MarkedHead(const std::string& directory) {
  const auto mark = ReadHighWater(directory);
  return mark.ok() ? mark.value().mark.log.queues.at(kWest).head.sequence.value() : 0;
}

void AppendUpTo(DurableLog& log, std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t n = first; n <= last; ++n) {
    REQUIRE(AppendAndWait(log, NumberedRecord(n, 2), {kWest, kEast}).ok());
  }
}

// Holds `count` records as a crash leaves them: a copy of a log that is open.
struct CrashedLog {
  TempDir directory;

  explicit CrashedLog(std::uint64_t count) {
    TempDir live;
    const auto log = OpenIn(live.path());
    AppendUpTo(*log, 1, count);
    REQUIRE(Eventually(10s, [&] { return MarkedHead(live.path()) == count; }));
    CopyAsCrashed(live.path(), directory.path());
  }

  std::string Database() const { return directory.File("db"); }

  std::vector<std::string> Files(const std::string& ending) const {
    std::vector<std::string> files;
    for (const auto& file : fs::directory_iterator(Database())) {
      if (file.path().extension() == ending) files.push_back(file.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
};

// Takes everything that is owed, as a worker does; returns the numbers of the
// records that were there.
std::vector<std::uint64_t> Deliver(DurableLog& log, const BackendId& backend) {
  std::vector<std::uint64_t> intact;
  while (true) {
    const Sequence after = log.MarksOf(backend).cursor;
    const auto read = log.Read(backend, after, {.records = 1'000, .bytes = 1_GiB});
    REQUIRE(read.ok());
    if (read.value().empty()) return intact;
    Resolution resolution{.after = after};
    for (const StoredRecord& stored : read.value()) {
      resolution.through = stored.entry.position;
      if (stored.record.ok()) {
        const std::uint64_t number = stored.entry.position.sequence.value();
        CHECK(*stored.record.value() == NumberedRecord(number, 2));
        intact.push_back(number);
        resolution.delivered += stored.entry.size.points;
      } else {
        Gap gap;
        gap.points = stored.entry.size.points;
        gap.note = stored.record.error().message();
        gap.reason = GapReason::kDamaged;
        resolution.gaps.push_back(gap);
      }
    }
    REQUIRE(log.Resolve(backend, resolution).ok());
  }
}

// Checks what must hold whatever was damaged.
void CheckWhole(DurableLog& log, std::uint64_t count) {
  for (const BackendId& backend : {kWest, kEast}) {
    CHECK_EQ(log.MarksOf(backend).head.value(), count);
    Deliver(log, backend);
    const QueueStats figures = log.StatsOf(backend).value();
    CHECK_EQ(figures.accepted.points, 2 * count);
    CHECK_EQ(figures.delivered + figures.dropped, 2 * count);
    CHECK_EQ(figures.unaccounted(), 0);
  }
  REQUIRE(AppendAndWait(log, NumberedRecord(count + 1, 2)).ok());
  CHECK_EQ(log.MarksOf(kWest).head.value(), count + 1);
  CHECK_EQ(Deliver(log, kWest), std::vector<std::uint64_t>{count + 1});
  // Lost records do not keep disk space from being given back.
  REQUIRE(log.EnforceRetention(MomentAt(1'000)).ok());
  CHECK_EQ(log.MarksOf(kWest).trimmed, log.MarksOf(kWest).cursor);
}

bool HasAlarm(const DurableLog& log, const std::string& words) {
  const std::vector<std::string> alarms = log.Alarms();
  return std::any_of(alarms.begin(), alarms.end(), [&](const std::string& alarm) {
    return alarm.find(words) != std::string::npos;
  });
}

TEST_CASE("damage: after a mere crash nothing is missing and nothing is alarmed") {
  const CrashedLog crashed(20);
  const auto log = OpenIn(crashed.directory.path());
  CHECK(log->Alarms().empty());
  CHECK_EQ(Deliver(*log, kWest).size(), 20);
  CheckWhole(*log, 20);
}

TEST_CASE("damage: a log that lost its newest WAL says so, and gives no number twice") {
  const CrashedLog crashed(20);
  for (const std::string& wal : crashed.Files(".log")) fs::remove(wal);
  const auto log = OpenIn(crashed.directory.path());
  CHECK(HasAlarm(*log, "records 1 to 20 of backend 'west' were acknowledged and are lost: 40"));
  CheckWhole(*log, 20);
}

TEST_CASE("damage: a loss is reported once, and stays in the sums") {
  const CrashedLog crashed(20);
  for (const std::string& wal : crashed.Files(".log")) WriteFile(wal, "");
  { CHECK(!OpenIn(crashed.directory.path())->Alarms().empty()); }
  const auto log = OpenIn(crashed.directory.path());
  CHECK(log->Alarms().empty());
  CheckWhole(*log, 20);
}

TEST_CASE("damage: a WAL cut in the middle keeps what was before the cut") {
  const CrashedLog crashed(20);
  const std::string wal = crashed.Files(".log").back();
  fs::resize_file(wal, fs::file_size(wal) / 2);
  const auto log = OpenIn(crashed.directory.path());
  CHECK(!log->Alarms().empty());
  CHECK_GT(Deliver(*log, kWest).size(), 5);
  CheckWhole(*log, 20);
}

TEST_CASE("damage: a flipped bit in the WAL costs the records of one batch") {
  const CrashedLog crashed(20);
  const std::string wal = crashed.Files(".log").back();
  std::string text = ReadFile(wal);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
  WriteFile(wal, text);
  const auto log = OpenIn(crashed.directory.path());
  CHECK(!log->Alarms().empty());
  CHECK_EQ(Deliver(*log, kWest).size(), 19);
  CheckWhole(*log, 20);
}

TEST_CASE("damage: a database that is gone is an alarm, never a new log without a word") {
  for (const bool whole : {true, false}) {
    const CrashedLog crashed(20);
    fs::remove_all(crashed.Database());
    if (!whole) fs::create_directory(crashed.Database());
    const auto log = OpenIn(crashed.directory.path());
    CHECK(HasAlarm(*log, "the log's database is gone"));
    CHECK(HasAlarm(*log, "records 1 to 20 of backend 'east'"));
    CheckWhole(*log, 20);
  }
}

TEST_CASE("damage: a backend whose name alone is lost keeps its queue, and an alarm says so") {
  CrashedLog crashed(5);
  {
    const auto store = OpenStore({.directory = StoreDirectory(crashed.directory.path())}).value();
    const auto batch = store->NewBatch();
    batch->Delete(Family::kState, BackendKey(kWest));
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const auto log = OpenIn(crashed.directory.path());
  CHECK_EQ(log->MarksOf(kWest).head, Sequence(5));
  CHECK_EQ(ReadAll(*log, kWest).size(), 5);
  CHECK_EQ(log->StatsOf(kWest).value().unaccounted(), 0);
  const std::vector<std::string> alarms = log->Alarms();
  CHECK(std::any_of(alarms.begin(), alarms.end(), [](const std::string& alarm) {
    return alarm.find("has lost the name of backend 'west'") != std::string::npos;
  }));
}

TEST_CASE("damage: a cursor outlives its database") {
  TempDir directory;
  {
    const auto log = OpenIn(directory.path());
    AppendUpTo(*log, 1, 10);
    CHECK_EQ(Deliver(*log, kWest).size(), 10);
    AppendUpTo(*log, 11, 13);
  }
  fs::remove_all(directory.File("db"));
  const auto log = OpenIn(directory.path());
  const QueueStats figures = log->StatsOf(kWest).value();
  CHECK_EQ(figures.marks.cursor, Sequence(10));
  CHECK_EQ(figures.delivered, 20);
  CHECK_EQ(figures.owed.points, 6);
  CheckWhole(*log, 13);
}

TEST_CASE("damage: an older copy of the database is reported, and what it lacks is a gap") {
  TempDir directory;
  TempDir copy;
  { AppendUpTo(*OpenIn(directory.path()), 1, 5); }
  fs::copy(directory.File("db"), copy.File("db"), fs::copy_options::recursive);
  { AppendUpTo(*OpenIn(directory.path()), 6, 9); }
  fs::remove_all(directory.File("db"));
  fs::copy(copy.File("db"), directory.File("db"), fs::copy_options::recursive);
  const auto log = OpenIn(directory.path());
  CHECK(HasAlarm(*log, "it is an older copy"));
  CHECK(HasAlarm(*log, "records 6 to 9 of backend 'west'"));
  CHECK_EQ(Deliver(*log, kWest), std::vector<std::uint64_t>{1, 2, 3, 4, 5});
  CheckWhole(*log, 9);
}

TEST_CASE("damage: a damaged high-water file is reported, and the log opens all the same") {
  const CrashedLog crashed(5);
  WriteFile(crashed.directory.File("high-water"), "nonsense");
  const auto log = OpenIn(crashed.directory.path());
  CHECK(HasAlarm(*log, "whether the log has lost its end cannot be told"));
  CHECK_EQ(Deliver(*log, kWest).size(), 5);
  CheckWhole(*log, 5);
}

// Writes `count` records whose payloads are in the tables of one level; returns the tables.
std::vector<std::string> FillOneLevel(const std::string& directory, std::uint64_t count) {
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= count; ++n) {
      REQUIRE(AppendAndWait(*log, NumberedRecord(n, 2'000), {kWest, kEast}).ok());
    }
  }
  return CompactToOneLevel(directory);
}

TEST_CASE("damage: a reader finds an unreadable block; other records are read") {
  constexpr std::uint64_t kCount = 100;
  TempDir directory;
  const std::vector<std::string> tables = FillOneLevel(directory.path(), kCount);
  REQUIRE_GT(tables.size(), 2);
  std::string text = ReadFile(tables[1]);
  text[100] = static_cast<char>(text[100] ^ 1);  // In its first block.
  WriteFile(tables[1], text);

  const auto log = OpenIn(directory.path());
  std::size_t intact = 0;
  REQUIRE(Eventually(10s, [&] {
    const auto read = log->Read(kWest, Sequence(0), {.records = 1'000, .bytes = 1_GiB});
    if (!read.ok()) return false;
    intact = static_cast<std::size_t>(
        std::count_if(read.value().begin(), read.value().end(),
                      [](const StoredRecord& stored) { return stored.record.ok(); }));
    return read.value().size() == kCount && log->Health().ok() && !log->Alarms().empty();
  }));
  CHECK_LT(intact, kCount);
  CHECK_GT(intact, kCount / 2);  // The records of the other tables.
  CHECK(HasAlarm(*log, ".sst is damaged"));
}

}  // namespace
}  // namespace relay::test::wal_log_damage_test
