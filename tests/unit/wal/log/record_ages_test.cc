// Ages by a clock that nobody sets: what makes a record too old, and what does not.
#include "wal/log/record_ages.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/fakes/fake_clock.h"
#include "tests/support/log_fixture.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test::wal_log_record_ages_test {
namespace {

using namespace std::chrono_literals;

constexpr BackendNumber kNumber(1);

// Queues of which only what ages need is filled in.
struct Site {
  Site() { clock.SetWallBy(500'000h); }

  Queues Now() const {
    Queues queues;
    Queue& queue = queues[kWest];
    queue.number = kNumber;
    queue.head.sequence = Sequence(head);
    queue.last_accepted = newest;
    queue.state.last_dead = letters;
    return queues;
  }
  void Accept() {
    ++head;
    newest = std::max(newest, clock.WallNow());
  }
  void Look(RecordAges& ages) const { ages.Look(Now(), MomentOf(clock)); }
  void LookFor(RecordAges& ages, std::chrono::seconds time) {
    for (auto left = time; left > 0s; left -= 1s) {
      clock.Advance(1s);
      Look(ages);
    }
  }
  std::uint64_t OlderThan(const RecordAges& ages, std::chrono::nanoseconds age) const {
    return ages.RecordsOlderThan(kNumber, age, clock.Now()).seen;
  }

  TempDir directory;
  FakeClock clock;
  std::uint64_t head = 0;
  std::uint64_t letters = 0;
  WallTime newest;
};

TEST_CASE("ages: a record is too old a moment after its time, not at it") {
  Site site;
  RecordAges ages(site.directory.path());
  site.Look(ages);
  site.Accept();
  site.Look(ages);
  site.clock.Advance(10s);
  CHECK_EQ(site.OlderThan(ages, 10s), 0);
  site.clock.Advance(1ms);
  CHECK_EQ(site.OlderThan(ages, 10s), 1);
}

TEST_CASE("ages: a clock that is set by years, forward or back, changes no age") {
  for (const auto by : {9'000h, -9'000h}) {
    Site site;
    RecordAges ages(site.directory.path());
    site.Accept();
    const WallTime first = site.newest;
    site.Look(ages);
    site.clock.SetWallBy(by);
    site.Accept();
    site.Look(ages);
    for (const std::uint64_t record : {1U, 2U}) {
      const WallTime stamp = record == 1 ? first : site.newest;
      const AgeLimit limit = ages.RecordsOlderThan(kNumber, 10s, site.clock.Now());
      CHECK(!limit.Covers(record, stamp));
    }
    site.LookFor(ages, 11s);
    CHECK_EQ(site.OlderThan(ages, 10s), 2);
  }
}

TEST_CASE("ages: a later process goes on with them, whatever its clock says") {
  for (const auto by : {9'000h, 0h, -9'000h}) {
    Site site;
    {
      RecordAges ages(site.directory.path());
      site.Look(ages);
      site.Accept();
      site.LookFor(ages, 300s);
      ages.Save(site.clock.Now());
    }
    site.clock.SetWallBy(by);
    site.clock.Advance(5'000s);  // The time between the processes does not count.
    RecordAges ages(site.directory.path());
    site.Look(ages);
    CHECK_EQ(site.OlderThan(ages, 298s), 1);
    CHECK_EQ(site.OlderThan(ages, 301s), 0);
    site.LookFor(ages, 3s);
    CHECK_EQ(site.OlderThan(ages, 301s), 1);
  }
}

TEST_CASE("ages: without the file stamps tell, and a clock that is ahead makes nothing old") {
  for (const bool is_damaged : {false, true}) {
    Site site;
    site.Accept();
    const WallTime first = site.newest;
    site.clock.Advance(100s);
    site.Accept();
    if (is_damaged) std::ofstream(site.directory.File("ages")) << "influxdb-relay ages 1\n1 rec";
    site.clock.SetWallBy(9'000h);
    RecordAges ages(site.directory.path());
    site.Look(ages);
    const auto covers = [&](std::uint64_t record, std::chrono::seconds age) {
      const WallTime stamp = record == 1 ? first : site.newest;
      return ages.RecordsOlderThan(kNumber, age, site.clock.Now()).Covers(record, stamp);
    };
    CHECK(covers(1, 99s));
    CHECK(!covers(1, 100s));
    CHECK(!covers(2, 0s));
    site.LookFor(ages, 10s);
    CHECK(covers(1, 109s));
    CHECK(covers(2, 9s));
    CHECK(!covers(2, 10s));
    // The ages by stamps outlive the process.
    ages.Save(site.clock.Now());
    RecordAges later(site.directory.path());
    site.Look(later);
    const AgeLimit limit = later.RecordsOlderThan(kNumber, 109s, site.clock.Now());
    CHECK(limit.Covers(1, first));
  }
}

TEST_CASE("ages: a file in which a number was changed is not believed") {
  Site site;
  site.Accept();
  {
    RecordAges ages(site.directory.path());
    site.Look(ages);
    site.LookFor(ages, 300s);
    ages.Save(site.clock.Now());
  }
  std::string text = ReadFile(site.directory.File("ages"));
  const std::size_t line_end = text.find('\n', text.find('\n') + 1);
  text.insert(text.rfind(' ', line_end) + 1, "9");  // The record would be hours old.
  WriteFile(site.directory.File("ages"), text);
  RecordAges later(site.directory.path());
  site.Look(later);
  CHECK_EQ(site.OlderThan(later, 2h), 0);
}

TEST_CASE("ages: stamps from a future that the clock has left make nothing old") {
  Site site;
  site.Accept();
  const WallTime right = site.newest;
  site.clock.SetWallBy(9'000h);
  site.Accept();
  site.clock.SetWallBy(-9'000h);
  RecordAges ages(site.directory.path());
  site.Look(ages);
  const AgeLimit limit = ages.RecordsOlderThan(kNumber, 1s, site.clock.Now());
  CHECK(!limit.Covers(1, right));
  CHECK(!limit.Covers(2, site.newest));
}

TEST_CASE("ages: over a long time they are known to a 64th, in little memory") {
  Site site;
  RecordAges ages(site.directory.path());
  site.Look(ages);
  std::map<std::uint64_t, Clock::TimePoint> accepted;
  for (int i = 0; i < 50'000; ++i) {
    site.Accept();
    accepted[site.head] = site.clock.Now();
    site.clock.Advance(1s);
    site.Look(ages);
  }
  for (const auto age : {5s, 60s, 1'000s, 10'000s, 40'000s}) {
    const std::uint64_t old = site.OlderThan(ages, age);
    REQUIRE_GT(old, 0);
    const auto is = site.clock.Now() - accepted[old];
    CHECK_GT(is, age);
    CHECK_LE(is, age + age / 32 + 3s);
  }
  ages.Save(site.clock.Now());
  CHECK_LT(std::filesystem::file_size(site.directory.File("ages")), 64U << 10U);
}

TEST_CASE("ages: an older copy of the log has no numbers that only the file knows") {
  Site site;
  {
    RecordAges ages(site.directory.path());
    site.Look(ages);
    site.Accept();
    site.Look(ages);
    site.head = 5;
    site.Look(ages);
    site.LookFor(ages, 100s);
    ages.Save(site.clock.Now());
  }
  site.head = 1;
  RecordAges ages(site.directory.path());
  site.Look(ages);
  site.head = 5;
  site.Look(ages);
  CHECK_EQ(site.OlderThan(ages, 50s), 1);
}

// The whole log: what is kept, and dead letters.
struct House {
  House() {
    clock.SetWallBy(500'000h);
    Open();
  }
  void Open() {
    log.reset();
    log = DurableLog::Open({.directory = directory.path(),
                            .limits = {.keep = {.time = 100s, .size = 1_GiB},
                                       .free_min = 0_B,
                                       .dead = {.size = 1_GiB, .age = 100s}}},
                           {kWest})
              .value();
  }
  void Deliver(bool as_letter) {
    REQUIRE(AppendAndWait(*log, NumberedRecord(1), {kWest}, clock.WallNow()).ok());
    const Position through = ReadAll(*log, kWest, log->MarksOf(kWest).cursor).back().entry.position;
    DeadLetter letter;
    letter.sequence = through.sequence;
    letter.points = 1;
    letter.when = clock.WallNow();
    letter.lines = "m v=1 1\n";
    REQUIRE((as_letter ? SetAside(*log, kWest, through, letter)
                       : test::Deliver(*log, kWest, through, 1))
                .ok());
  }
  void PassTime(std::chrono::seconds time) {
    for (auto left = time; left > 0s; left -= 10s) {
      REQUIRE(log->EnforceRetention(MomentOf(clock)).ok());
      clock.Advance(10s);
    }
    REQUIRE(log->EnforceRetention(MomentOf(clock)).ok());
  }
  std::uint64_t Trimmed() const { return log->MarksOf(kWest).trimmed.value(); }
  std::uint64_t Letters() const { return log->StatsOf(kWest).value().dead_letters; }

  TempDir directory;
  FakeClock clock;
  std::unique_ptr<DurableLog> log;
};

TEST_CASE("keeping: a clock put forward deletes neither kept records nor dead letters early") {
  House house;
  house.PassTime(10s);
  house.Deliver(false);
  house.Deliver(true);
  house.PassTime(10s);
  house.clock.SetWallBy(20'000h);
  house.PassTime(80s);
  CHECK_EQ(house.Trimmed(), 0);
  CHECK_EQ(house.Letters(), 1);
  house.PassTime(30s);
  CHECK_EQ(house.Trimmed(), 2);
  CHECK_EQ(house.Letters(), 0);
}

TEST_CASE("keeping: a start with a clock years ahead deletes nothing early") {
  House house;
  house.Deliver(false);
  house.Deliver(true);
  house.clock.SetWallBy(20'000h);
  for (int start = 0; start < 3; ++start) {
    house.Open();
    house.PassTime(20s);
    house.Deliver(false);  // Stamped in the future.
    CHECK_EQ(house.Trimmed(), 0);
    CHECK_EQ(house.Letters(), 1);
  }
  house.PassTime(110s);
  CHECK_EQ(house.Trimmed(), 5);
  CHECK_EQ(house.Letters(), 0);
}

TEST_CASE("keeping: a clock put back keeps nothing for ever") {
  House house;
  house.PassTime(10s);
  house.clock.SetWallBy(20'000h);
  house.Deliver(false);
  house.Deliver(true);
  house.clock.SetWallBy(-20'000h);
  house.Deliver(false);
  house.PassTime(90s);
  CHECK_EQ(house.Trimmed(), 0);
  house.PassTime(20s);
  CHECK_EQ(house.Trimmed(), 3);
  CHECK_EQ(house.Letters(), 0);
}

TEST_CASE("keeping: what is too old for a backend is told by the same ages") {
  House house;
  house.PassTime(10s);
  house.Deliver(false);
  house.PassTime(10s);
  house.clock.SetWallBy(20'000h);
  CHECK_EQ(house.log->LastOlderThan(kWest, 11s, house.clock.Now()).value(), Sequence(0));
  house.PassTime(10s);
  CHECK_EQ(house.log->LastOlderThan(kWest, 11s, house.clock.Now()).value(), Sequence(1));
}

}  // namespace
}  // namespace relay::test::wal_log_record_ages_test
