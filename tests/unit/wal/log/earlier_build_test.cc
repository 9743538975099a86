// A log that an earlier build wrote, as a crash left it: format_3_of_november_2026.tar.gz,
// written by commit d16e575 with influxd 1.6.7 as west and no server as east. 20 writes of two
// points, one with a type that west refuses, one to a database that west lacks, a skip of what
// east was owed up to 2; killed, restarted without west, three writes more, killed.
#include <doctest/doctest.h>

#include "tests/support/log_fixture.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"
#include "wal/offline.h"
#include "wal/verify/verify.h"

namespace relay::test::wal_log_earlier_build_test {
namespace {

struct EarlierLog {
  TempDir directory;
  std::string path = directory.File("log");

  EarlierLog() {
    const std::string archive =
        SourceRoot() + "/tests/unit/wal/log/format_3_of_november_2026.tar.gz";
    REQUIRE_EQ(Run({"tar", "xzf", archive, "-C", directory.path()}).exit_code, 0);
  }
};

void CheckWest(const LogView& log) {
  const QueueStats west = log.StatsOf(kWest).value();
  CHECK_EQ(west.marks.cursor, Sequence(22));
  CHECK_EQ(west.marks.head, Sequence(25));
  CHECK_EQ(west.accepted.points, 45);
  CHECK_EQ(west.delivered, 40);
  CHECK_EQ(west.owed.points, 3);
  CHECK_EQ(west.held.points, 1);
  CHECK_EQ(west.dead, 1);
  CHECK_EQ(west.unaccounted(), 0);
  const auto letters = log.ReadDead(kWest, 0, 10).value();
  REQUIRE_EQ(letters.size(), 1);
  CHECK_GT(west.dead_bytes.count(), letters[0].letter.lines.size());
  CHECK_LT(west.dead_bytes, 1_KiB);
  CHECK_EQ(west.dead_letters_removed, 0);
  CHECK(letters[0].letter.lines.find("a string") != std::string::npos);
  CHECK(letters[0].letter.message.find("field type conflict") != std::string::npos);
  const auto held = log.HeldLanes(kWest).value();
  REQUIRE_EQ(held.size(), 1);
  CHECK_EQ(held[0].lane.database, "nowhere");
}

void CheckEast(const LogView& log) {
  const QueueStats east = log.StatsOf(kEast).value();
  CHECK_EQ(east.marks.cursor, Sequence(2));
  CHECK_EQ(east.owed.points, 41);
  CHECK_EQ(east.dropped, 4);
  CHECK_EQ(east.unaccounted(), 0);
  const auto gaps = log.ReadGaps(kEast, 0, 10).value();
  REQUIRE_EQ(gaps.size(), 1);
  CHECK_EQ(gaps[0].gap.note, "too old");
  const auto owed = ReadAll(log, kEast, Sequence(2));
  REQUIRE_EQ(owed.size(), 23);
  CHECK_EQ(owed.front().record.value()->lines,
           "weather,site=a temp=3.5 1700000000000000003\n"
           "weather,site=b temp=3,ok=t 1700000000000000013\n");
  CHECK_EQ(owed.back().record.value()->lines, "weather,site=c temp=3 1800000000000000003\n");
}

TEST_CASE("earlier build: a log that it wrote is read as it is, and is sound") {
  const EarlierLog earlier;
  const auto log = OpenLogView(earlier.path);
  REQUIRE(log.ok());
  CheckWest(*log.value());
  CheckEast(*log.value());
  CHECK(VerifyLog(earlier.path, {}).value().sound());
}

TEST_CASE("earlier build: a log that it wrote opens, takes writes and drains") {
  const EarlierLog earlier;
  {
    const auto log = DurableLog::Open({.directory = earlier.path}, {kWest, kEast}).value();
    CHECK(log->Alarms().empty());
    CheckWest(*log);
    CheckEast(*log);
    REQUIRE(AppendAndWait(*log, NumberedRecord(1), {kWest, kEast}).ok());
    for (const BackendId& backend : {kWest, kEast}) {
      const auto owed = ReadAll(*log, backend, log->MarksOf(backend).cursor);
      PointCount points = 0;
      for (const StoredRecord& stored : owed) points += stored.record.value()->points;
      REQUIRE(Deliver(*log, backend, owed.back().entry.position, points).ok());
      CHECK_EQ(log->MarksOf(backend).lag(), 0);
      CHECK_EQ(log->StatsOf(backend).value().unaccounted(), 0);
    }
  }
  CHECK(VerifyLog(earlier.path, {}).value().sound());
}

}  // namespace
}  // namespace relay::test::wal_log_earlier_build_test
