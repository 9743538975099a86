#include "relay/stream/batcher.h"

#include <doctest/doctest.h>

#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/fakes/routers.h"
#include "tests/support/log_fixture.h"

namespace relay::test::relay_stream_batcher_test {
namespace {

using std::chrono::milliseconds;

LineTarget Target(std::string database = "d") {
  LineTarget target{.params = {}, .codec = Codec::kNone, .router = RouterTo({kWest})};
  target.params.database = std::move(database);
  return target;
}

struct Fixture {
  explicit Fixture(LineBatcherOptions with = {}) : options(with) {}

  std::vector<std::string> Stored() {
    std::vector<std::string> records;
    for (const StoredRecord& stored : ReadAll(log, kWest)) {
      records.push_back(stored.record.value()->lines);
    }
    return records;
  }
  // Calls Turn after `time`, as a listener does.
  void Pass(milliseconds time) {
    clock.Advance(time);
    next = batcher.Turn();
  }

  LineBatcherOptions options;
  MemoryLog log{{kWest}};
  FakeClock clock;
  Counters counters;
  LineCounters own{"udp", "127.0.0.1:8089"};
  int wakes = 0;
  DatabaseNames names{"", clock};
  LineBatcher batcher{options, Target(), {log, clock, counters, &names}, own, [this] { ++wakes; }};
  std::optional<Clock::Duration> next;
};

using Lines = std::vector<std::string>;

TEST_CASE("line batcher: lines are joined for a short time into one record") {
  Fixture fixture;
  fixture.batcher.AddBody("m v=1 1");
  fixture.Pass(milliseconds(10));
  fixture.batcher.AddBody("m v=2 2\nm v=3 3\n");
  fixture.Pass(milliseconds(9));
  CHECK(fixture.Stored().empty());
  CHECK_EQ(fixture.next, milliseconds(1));
  fixture.Pass(milliseconds(1));
  CHECK_EQ(fixture.Stored(), Lines{"m v=1 1\nm v=2 2\nm v=3 3\n"});
  CHECK(fixture.batcher.empty());
  CHECK_FALSE(fixture.next);
  CHECK_EQ(fixture.wakes, 1);
  CHECK_EQ(fixture.own.accepted_points(), 3);
  CHECK_EQ(fixture.own.accepted_bytes(), 24);
  CHECK_EQ(fixture.counters.accepted_points(), 3);
}

TEST_CASE("line batcher: the name of the database is noted once the log has a batch for it") {
  Fixture fixture;
  fixture.log.Fail(true);
  fixture.batcher.AddBody("m v=1 1");
  fixture.Pass(milliseconds(20));
  CHECK(fixture.names.All().empty());
  fixture.log.Fail(false);
  fixture.Pass(milliseconds(100));
  fixture.Pass(milliseconds(20));
  CHECK_EQ(fixture.names.All(), std::set<std::string>{"d"});
}

TEST_CASE("line batcher: a batch that is large enough is appended at once") {
  Fixture fixture({.batch = 16_B});
  fixture.batcher.AddBody("m v=1 1\n");
  fixture.Pass(milliseconds(0));
  CHECK(fixture.Stored().empty());
  fixture.batcher.AddBody("m v=2 2\n");
  fixture.batcher.AddBody("m v=3 3\n");
  fixture.Pass(milliseconds(0));
  CHECK_EQ(fixture.Stored(), Lines{"m v=1 1\nm v=2 2\n"});
  fixture.batcher.StopLingering();
  fixture.Pass(milliseconds(0));
  CHECK_EQ(fixture.Stored(), Lines{"m v=1 1\nm v=2 2\n", "m v=3 3\n"});
}

TEST_CASE("line batcher: a batch that the log refuses is kept and stored later, in order") {
  Fixture fixture;
  fixture.log.Fail(true);
  fixture.batcher.AddBody("m v=1 1");
  fixture.Pass(milliseconds(20));
  CHECK_EQ(fixture.next, milliseconds(100));
  fixture.batcher.AddBody("m v=2 2");
  fixture.Pass(milliseconds(100));
  CHECK_EQ(fixture.own.accepted_points(), 0);
  fixture.log.Fail(false);
  fixture.Pass(milliseconds(99));
  CHECK(fixture.Stored().empty());
  fixture.Pass(milliseconds(1));
  fixture.Pass(milliseconds(20));
  CHECK_EQ(fixture.Stored(), Lines{"m v=1 1\nm v=2 2\n"});
  CHECK_EQ(fixture.own.accepted_points(), 2);
}

TEST_CASE(
    "line batcher: there is room up to the limit, and again once the log has accepted a batch") {
  Fixture fixture({.waiting = 16_B});
  fixture.log.Fail(true);
  fixture.batcher.AddBody("m v=1 1\n");
  CHECK(fixture.batcher.HasRoom());
  fixture.batcher.AddBody("m v=2 2\n");
  CHECK_FALSE(fixture.batcher.HasRoom());
  fixture.Pass(milliseconds(1'000));
  CHECK_FALSE(fixture.batcher.HasRoom());
  fixture.log.Fail(false);
  fixture.Pass(milliseconds(1'000));
  CHECK(fixture.batcher.HasRoom());
}

TEST_CASE("line batcher: bad lines are counted, the valid ones beside them stored") {
  Fixture fixture;
  fixture.batcher.AddBody("m v=1 1\nbad\n# a comment\n\nm v=2 2\n");
  fixture.batcher.StopLingering();
  fixture.Pass(milliseconds(0));
  CHECK_EQ(fixture.Stored(), Lines{"m v=1 1\nm v=2 2\n"});
  CHECK_EQ(fixture.own.refused_lines(), 1);
  CHECK_EQ(fixture.counters.refused_lines(), 1);
}

TEST_CASE("line batcher: in a packet a string may hold a newline, in a stream it may not") {
  const std::string text = "m s=\"a\nb\" 1\nm v=2 2\n";
  Fixture packet;
  packet.batcher.AddBody(text);
  packet.batcher.StopLingering();
  packet.Pass(milliseconds(0));
  CHECK_EQ(packet.Stored(), Lines{text});

  Fixture stream;
  stream.batcher.AddLines(text);
  stream.batcher.StopLingering();
  stream.Pass(milliseconds(0));
  CHECK_EQ(stream.Stored(), Lines{"m v=2 2\n"});
  CHECK_EQ(stream.own.refused_lines(), 2);
}

TEST_CASE("line batcher: a point without a time gets the time at which it was added") {
  Fixture fixture;
  fixture.clock.Advance(milliseconds(5));
  fixture.batcher.AddBody("m v=1\n");
  fixture.Pass(milliseconds(20));
  CHECK_EQ(fixture.Stored(), Lines{"m v=1 5000000\n"});
}

TEST_CASE("line batcher: lines are parsed and routed by the target at the time they are added") {
  Fixture fixture;
  fixture.batcher.AddBody("m v=1 1\n");
  LineTarget other = Target("e");
  other.params.precision = Precision::kSecond;
  fixture.batcher.Retarget(other);
  fixture.batcher.AddBody("m v=2 2\n");
  fixture.batcher.StopLingering();
  fixture.Pass(milliseconds(0));
  const std::vector<StoredRecord> stored = ReadAll(fixture.log, kWest);
  REQUIRE_EQ(stored.size(), 2);
  CHECK_EQ(stored[0].record.value()->params.database, "d");
  CHECK_EQ(stored[1].record.value()->params.database, "e");
  CHECK_EQ(stored[1].record.value()->params.precision, Precision::kSecond);
}

TEST_CASE("line batcher: points that no backend accepts are counted, not stored") {
  Fixture fixture;
  Config config = ConfigOf({kWest});
  config.backends[0].only.measurements = {"m"};
  LineTarget target = Target();
  target.router = std::make_shared<const Router>(config, std::vector<BackendId>{});
  fixture.batcher.Retarget(target);
  fixture.batcher.AddBody("m v=1 1\nn v=2 2\n");
  fixture.Pass(milliseconds(20));
  fixture.batcher.AddBody("n v=3 3\n");
  fixture.Pass(milliseconds(20));
  CHECK_EQ(fixture.Stored(), Lines{"m v=1 1\n"});
  CHECK_EQ(fixture.own.unrouted_points(), 2);
  CHECK_EQ(fixture.own.accepted_points(), 1);
  CHECK(fixture.batcher.empty());
}

TEST_CASE("line batcher: abandoned points are counted") {
  Fixture fixture;
  fixture.log.Fail(true);
  fixture.batcher.AddBody("m v=1 1\nm v=2 2\n");
  fixture.Pass(milliseconds(20));
  fixture.batcher.Abandon();
  CHECK(fixture.batcher.empty());
  CHECK(fixture.batcher.HasRoom());
  CHECK_EQ(fixture.own.abandoned_points(), 2);
}

TEST_CASE("report limiter: the first event is reported at once, later ones together") {
  ReportLimiter limiter(milliseconds(10));
  Clock::TimePoint now{};
  CHECK_EQ(limiter.Note(1, now), 1);
  CHECK_FALSE(limiter.Note(2, now + milliseconds(9)));
  CHECK_EQ(limiter.Note(3, now + milliseconds(10)), 5);
  CHECK_FALSE(limiter.Note(1, now + milliseconds(19)));
}

}  // namespace
}  // namespace relay::test::relay_stream_batcher_test
