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

struct Bench {
  explicit Bench(LineBatcherOptions with = {}) : options(with) {}

  std::vector<std::string> Stored() {
    std::vector<std::string> records;
    for (const StoredRecord& stored : ReadAll(log, kWest)) {
      records.push_back(stored.record.value()->lines);
    }
    return records;
  }
  // Passes time as a listener does: Turn when it is time.
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
  LineBatcher batcher{options, Target(), log, clock, counters, own, [this] { ++wakes; }};
  std::optional<Clock::Duration> next;
};

using Lines = std::vector<std::string>;

TEST_CASE("line batcher: lines are joined for a short time, then one record") {
  Bench bench;
  bench.batcher.TakeBody("m v=1 1");
  bench.Pass(milliseconds(10));
  bench.batcher.TakeBody("m v=2 2\nm v=3 3\n");
  bench.Pass(milliseconds(9));
  CHECK(bench.Stored().empty());
  CHECK_EQ(bench.next, milliseconds(1));
  bench.Pass(milliseconds(1));
  CHECK_EQ(bench.Stored(), Lines{"m v=1 1\nm v=2 2\nm v=3 3\n"});
  CHECK(bench.batcher.empty());
  CHECK_FALSE(bench.next);
  CHECK_EQ(bench.own.accepted_points(), 3);
  CHECK_EQ(bench.own.accepted_bytes(), 24);
  CHECK_EQ(bench.counters.accepted_points(), 3);
}

TEST_CASE("line batcher: a batch that is large enough does not wait") {
  Bench bench({.batch = 16_B});
  bench.batcher.TakeBody("m v=1 1\n");
  bench.Pass(milliseconds(0));
  CHECK(bench.Stored().empty());
  bench.batcher.TakeBody("m v=2 2\n");
  bench.batcher.TakeBody("m v=3 3\n");
  bench.Pass(milliseconds(0));
  CHECK_EQ(bench.Stored(), Lines{"m v=1 1\nm v=2 2\n"});
  bench.batcher.Hurry();
  bench.Pass(milliseconds(0));
  CHECK_EQ(bench.Stored(), Lines{"m v=1 1\nm v=2 2\n", "m v=3 3\n"});
}

TEST_CASE("line batcher: what the log refuses is kept and stored later, in order") {
  Bench bench;
  bench.log.Fail(true);
  bench.batcher.TakeBody("m v=1 1");
  bench.Pass(milliseconds(20));
  CHECK_EQ(bench.next, milliseconds(100));
  bench.batcher.TakeBody("m v=2 2");
  bench.Pass(milliseconds(100));
  CHECK_EQ(bench.own.accepted_points(), 0);
  bench.log.Fail(false);
  bench.Pass(milliseconds(99));
  CHECK(bench.Stored().empty());
  bench.Pass(milliseconds(1));
  bench.Pass(milliseconds(20));
  CHECK_EQ(bench.Stored(), Lines{"m v=1 1\nm v=2 2\n"});
  CHECK_EQ(bench.own.accepted_points(), 2);
}

TEST_CASE("line batcher: there is room up to the limit, and again once the log has taken it") {
  Bench bench({.waiting = 16_B});
  bench.log.Fail(true);
  bench.batcher.TakeBody("m v=1 1\n");
  CHECK(bench.batcher.HasRoom());
  bench.batcher.TakeBody("m v=2 2\n");
  CHECK_FALSE(bench.batcher.HasRoom());
  bench.Pass(milliseconds(1'000));
  CHECK_FALSE(bench.batcher.HasRoom());
  bench.log.Fail(false);
  bench.Pass(milliseconds(1'000));
  CHECK(bench.batcher.HasRoom());
}

TEST_CASE("line batcher: bad lines are counted, the good ones beside them stored") {
  Bench bench;
  bench.batcher.TakeBody("m v=1 1\nbad\n# a comment\n\nm v=2 2\n");
  bench.batcher.Hurry();
  bench.Pass(milliseconds(0));
  CHECK_EQ(bench.Stored(), Lines{"m v=1 1\nm v=2 2\n"});
  CHECK_EQ(bench.own.refused_lines(), 1);
  CHECK_EQ(bench.counters.refused_lines(), 1);
}

TEST_CASE("line batcher: in a packet a string may hold a newline, in a stream it may not") {
  const std::string text = "m s=\"a\nb\" 1\nm v=2 2\n";
  Bench packet;
  packet.batcher.TakeBody(text);
  packet.batcher.Hurry();
  packet.Pass(milliseconds(0));
  CHECK_EQ(packet.Stored(), Lines{text});

  Bench stream;
  stream.batcher.TakeLines(text);
  stream.batcher.Hurry();
  stream.Pass(milliseconds(0));
  CHECK_EQ(stream.Stored(), Lines{"m v=2 2\n"});
  CHECK_EQ(stream.own.refused_lines(), 2);
}

TEST_CASE("line batcher: a point without a time gets the time of its arrival") {
  Bench bench;
  bench.clock.Advance(milliseconds(5));
  bench.batcher.TakeBody("m v=1\n");
  bench.Pass(milliseconds(20));
  CHECK_EQ(bench.Stored(), Lines{"m v=1 5000000\n"});
}

TEST_CASE("line batcher: lines are read and sent by the target of their time") {
  Bench bench;
  bench.batcher.TakeBody("m v=1 1\n");
  LineTarget other = Target("e");
  other.params.precision = Precision::kSecond;
  bench.batcher.Retarget(other);
  bench.batcher.TakeBody("m v=2 2\n");
  bench.batcher.Hurry();
  bench.Pass(milliseconds(0));
  const std::vector<StoredRecord> stored = ReadAll(bench.log, kWest);
  REQUIRE_EQ(stored.size(), 2);
  CHECK_EQ(stored[0].record.value()->params.database, "d");
  CHECK_EQ(stored[1].record.value()->params.database, "e");
  CHECK_EQ(stored[1].record.value()->params.precision, Precision::kSecond);
}

TEST_CASE("line batcher: points that no backend takes are counted, not stored") {
  Bench bench;
  Config config = ConfigOf({kWest});
  config.backends[0].only.measurements = {"m"};
  LineTarget target = Target();
  target.router = std::make_shared<const Router>(config, std::vector<BackendId>{});
  bench.batcher.Retarget(target);
  bench.batcher.TakeBody("m v=1 1\nn v=2 2\n");
  bench.Pass(milliseconds(20));
  bench.batcher.TakeBody("n v=3 3\n");
  bench.Pass(milliseconds(20));
  CHECK_EQ(bench.Stored(), Lines{"m v=1 1\n"});
  CHECK_EQ(bench.own.unrouted_points(), 2);
  CHECK_EQ(bench.own.accepted_points(), 1);
  CHECK(bench.batcher.empty());
}

TEST_CASE("line batcher: what is abandoned is counted") {
  Bench bench;
  bench.log.Fail(true);
  bench.batcher.TakeBody("m v=1 1\nm v=2 2\n");
  bench.Pass(milliseconds(20));
  bench.batcher.Abandon();
  CHECK(bench.batcher.empty());
  CHECK(bench.batcher.HasRoom());
  CHECK_EQ(bench.own.abandoned_points(), 2);
}

TEST_CASE("sampled: reported at once, then now and then with all that was not reported") {
  ReportLimiter sampled(milliseconds(10));
  Clock::TimePoint now{};
  CHECK_EQ(sampled.Note(1, now), 1);
  CHECK_FALSE(sampled.Note(2, now + milliseconds(9)));
  CHECK_EQ(sampled.Note(3, now + milliseconds(10)), 5);
  CHECK_FALSE(sampled.Note(1, now + milliseconds(19)));
}

}  // namespace
}  // namespace relay::test::relay_stream_batcher_test
