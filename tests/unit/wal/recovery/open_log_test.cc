#include "wal/recovery/open_log.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/log_fixture.h"
#include "tests/support/temp_dir.h"

namespace relay::test::wal_recovery_open_log_test {
namespace {

struct Fixture {
  // Opens the log; close it before opening it again.
  OpenedDatabase Open() {
    alarms.clear();
    request.directory = directory.path();
    Result<OpenedDatabase> opened = OpenLog(request, alarms);
    REQUIRE(opened.ok());
    return std::move(opened).value();
  }

  TempDir directory;
  OpenRequest request{.directory = {}, .backends = {kWest}};
  std::vector<std::string> alarms;
};

TEST_CASE("open log: a new log has the configured backends, numbered from 1") {
  Fixture f;
  f.request.first_open = true;
  f.request.backends = {kWest, kEast};
  const OpenedDatabase opened = f.Open();
  CHECK_EQ(opened.epoch, 1);
  CHECK_EQ(opened.log.last_backend, 2);
  CHECK_EQ(opened.log.queues.at(kWest).number, BackendNumber(1));
  CHECK_EQ(opened.log.queues.at(kEast).number, BackendNumber(2));
  CHECK(f.alarms.empty());
}

TEST_CASE("open log: each opening is an epoch, backends keep their numbers") {
  Fixture f;
  { CHECK_EQ(f.Open().epoch, 1); }
  f.request.backends = {kEast, kWest};
  const OpenedDatabase opened = f.Open();
  CHECK_EQ(opened.epoch, 2);
  CHECK_EQ(opened.log.queues.at(kWest).number, BackendNumber(1));
  CHECK_EQ(opened.log.queues.at(kEast).number, BackendNumber(2));
}

TEST_CASE("open log: a backend that is not configured any more keeps its queue") {
  Fixture f;
  { f.Open(); }
  f.request.backends = {};
  CHECK(f.Open().log.queues.contains(kWest));
}

TEST_CASE("open log: known state that the database lacks is an alarm and is made up for") {
  Fixture f;
  { f.Open(); }
  HighWater known;
  known.epoch = 7;
  known.log.last_backend = 1;
  known.log.last_payload = PayloadId(3);
  Queue queue;
  queue.number = BackendNumber(1);
  queue.head = {Sequence(3), {.points = 3, .bytes = Bytes(30), .stored = Bytes(30)}};
  known.log.queues.emplace(kWest, queue);
  f.request.known = known;
  const OpenedDatabase opened = f.Open();
  CHECK(!f.alarms.empty());
  CHECK_EQ(opened.epoch, 8);
  CHECK_EQ(opened.log.queues.at(kWest).head.sequence, Sequence(3));  // No number is given twice.
  CHECK_EQ(opened.log.last_payload, PayloadId(3));
  // Those up to 3 were given by the log that was lost.
  const LifeId life = opened.log.lives.current();
  CHECK_FALSE(opened.log.lives.Gave({PayloadId(3), life}, PayloadId(9)));
  CHECK(opened.log.lives.Gave({PayloadId(4), life}, PayloadId(9)));
}

TEST_CASE("open log: to read, nothing changes on disk and new backends are empty") {
  Fixture f;
  { f.Open(); }
  f.request.backends = {kWest, kEast};
  {
    const OpenedDatabase read = OpenLogToRead(f.request).value();
    CHECK_EQ(read.epoch, 0);
    CHECK(read.log.queues.contains(kEast));
  }
  f.request.backends = {kWest};
  const OpenedDatabase opened = f.Open();
  CHECK_EQ(opened.epoch, 2);
  CHECK(!opened.log.queues.contains(kEast));
}

TEST_CASE("open log: rows that a forgotten backend left are given back") {
  Fixture f;
  const std::string left = EntryKey(BackendNumber(2), Sequence(1));
  {
    const OpenedDatabase opened = f.Open();
    const auto batch = opened.store->NewBatch();
    batch->Put(Family::kEntries, left, "left");
    batch->Put(Family::kState, kLastBackendKey, EncodeNumber(kLastBackendKey, 2));
    REQUIRE(opened.store->Write(*batch, Durability::kSynced).ok());
  }
  const OpenedDatabase opened = f.Open();
  CHECK(f.alarms.empty());
  CHECK_EQ(opened.log.queues.size(), 1);
  CHECK_EQ(opened.log.last_backend, 2);
}

TEST_CASE("open log: a second opening is told that the first one has it") {
  Fixture f;
  const OpenedDatabase opened = f.Open();
  const Result<OpenedDatabase> second = OpenLog(f.request, f.alarms);
  REQUIRE(!second.ok());
  CHECK_EQ(second.error().code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace relay::test::wal_recovery_open_log_test
