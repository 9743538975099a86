#include "replay/delivery/cursor_committer.h"

#include <doctest/doctest.h>

#include <vector>

#include "replay/delivery/lane_batches.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"

namespace relay::test::replay_delivery_cursor_committer_test {
namespace {

using namespace std::chrono_literals;

constexpr BatchLimit kOne{.points = 1, .bytes = 1_MiB};

struct Fixture {
  MemoryLog log{{kWest}};
  FakeClock clock;
  std::minstd_rand random{1};
  LaneBook book{
      {.first = 1'000ms, .max = 30'000ms}, [] { return Sequence::BeforeFirst(); }, clock, random};
  RequestGate gate{{.batch_points_max = 1'000,
                    .batch_bytes_max = 1_MiB,
                    .at_once_max = 4,
                    .timeout = 9'000ms,
                    .rate = {}}};
  DeliveryStatusBoard board{60'000ms, [](const WorkerStatus&) {}, clock};
  std::vector<Gap> gaps;
  std::vector<Sequence> set_back;
  CursorCommitter cursor{kWest,
                         {.first = 100ms, .max = 5'000ms},
                         {log, [this](const Gap& gap) { gaps.push_back(gap); },
                          [this](const Marks& marks) { set_back.push_back(marks.cursor); }, book,
                          gate, board, clock, random}};

  void Accept(std::uint64_t records) {
    for (std::uint64_t n = 1; n <= records; ++n) {
      REQUIRE(AppendAndWait(log, NumberedRecord(n)).ok());
    }
  }
  // Reads what is behind the window and makes a batch of each record.
  void Read() {
    book.TakeFlow(ReadAll(log, kWest, book.flow().read_through()));
    LaneQueue& queue = Lane();
    while (!queue.flow.empty()) FormBatch(queue, book.flow(), kOne);
  }
  LaneQueue& Lane() { return book.lanes().Of({.database = "db", .retention_policy = ""}); }
  // The front batch is delivered.
  void Deliver() {
    CreditAll(*Lane().batches.front(), book.flow());
    FinishFront(Lane(), book.flow());
  }
  std::uint64_t Cursor() { return log.MarksOf(kWest).cursor.value(); }
};

TEST_CASE("cursor: it moves over resolved records and stops at the first that is not") {
  Fixture on;
  on.Accept(3);
  on.cursor.Look(true);
  on.Read();
  CHECK(on.cursor.Commit());
  CHECK_EQ(on.Cursor(), 0);
  on.Deliver();
  on.Deliver();
  CHECK(on.cursor.Commit());
  CHECK_EQ(on.Cursor(), 2);
  CHECK_EQ(on.log.StatsOf(kWest).value().delivered, 2);
  CHECK(on.cursor.has_read_all());
  on.Accept(1);
  CHECK_FALSE(on.cursor.has_read_all());
}

TEST_CASE(
    "cursor: while the log fails nothing is committed, ever more seldom, and nothing is lost") {
  Fixture on;
  on.Accept(1);
  on.cursor.Look(true);
  on.Read();
  on.Deliver();
  on.log.Fail(true);
  const Clock::TimePoint before = on.clock.Now();
  on.book.flow().At(Sequence(1)).letters.emplace_back();  // It waits for the disk.
  CHECK_FALSE(on.cursor.Commit());
  CHECK(on.cursor.is_failing());
  CHECK_FALSE(on.cursor.failure().empty());
  CHECK_GT(on.cursor.retry_at(), before);
  const auto first_wait = on.cursor.retry_at() - before;
  for (int i = 0; i < 5; ++i) CHECK_FALSE(on.cursor.Commit());
  CHECK_GT(on.cursor.retry_at() - before, first_wait);
  CHECK_EQ(on.Cursor(), 0);
  on.log.Fail(false);
  CHECK(on.cursor.Commit());
  CHECK_FALSE(on.cursor.is_failing());
  CHECK_EQ(on.Cursor(), 1);
}

TEST_CASE("cursor: with a new lease nothing begins until the requests of before are answered") {
  Fixture on;
  on.log.Lend(1);
  on.cursor.Look(true);
  on.Accept(1);
  on.Read();
  on.log.Lend(2);
  on.cursor.Look(false);
  CHECK_EQ(on.cursor.elsewhere(),
           "waiting for the answers to requests from before another relay delivered");
  CHECK_FALSE(on.book.flow().empty());
  on.cursor.Look(true);
  CHECK_EQ(on.cursor.elsewhere(), "");
  CHECK(on.book.flow().empty());
}

TEST_CASE("cursor: moved by an operator, everything read is discarded and read again") {
  Fixture on;
  on.Accept(3);
  on.cursor.Look(true);
  on.Read();
  on.Deliver();
  REQUIRE(on.log.Execute(kWest, Skip{.to = Sequence(2), .actor = {}}).ok());
  CHECK(on.cursor.Commit());  // The log refuses: it is no longer there.
  CHECK_EQ(on.cursor.restarts(), 1);
  CHECK(on.book.flow().empty());
  CHECK_EQ(on.cursor.marks().cursor, Sequence(2));
  CHECK(on.set_back.empty());
  on.Read();
  CHECK(on.book.flow().first() == Sequence(3));
  on.Deliver();
  CHECK(on.cursor.Commit());
  CHECK_EQ(on.Cursor(), 3);
}

TEST_CASE("cursor: moved back, the overflow lane's round begins again at the oldest record") {
  Fixture on;
  on.Accept(3);
  on.cursor.Look(true);
  on.Read();
  on.Deliver();
  CHECK(on.cursor.Commit());
  on.book.overflow().PassedThrough(Sequence(1));
  on.cursor.Look(true);
  CHECK_EQ(on.book.overflow().round_after(), Sequence(1));
  REQUIRE(on.log.Execute(kWest, Rewind{.to = Sequence::BeforeFirst()}).ok());
  CHECK(on.set_back.empty());
  on.cursor.Look(true);
  CHECK_EQ(on.book.overflow().round_after(), Sequence::BeforeFirst());
  CHECK_EQ(on.set_back, std::vector{Sequence::BeforeFirst()});
}

TEST_CASE("cursor: a damaged record is a gap that is told once it is in the log") {
  Fixture on;
  on.Accept(2);
  on.log.Damage(kWest, Sequence(1));
  on.cursor.Look(true);
  on.Read();
  CHECK(on.gaps.empty());
  CHECK(on.cursor.Commit());
  REQUIRE_EQ(on.gaps.size(), 1);
  CHECK(on.gaps[0].reason == GapReason::kDamaged);
  CHECK_EQ(on.Cursor(), 1);
}

TEST_CASE("cursor: a paused backend is seen at the next look, and a look is due each second") {
  Fixture on;
  on.cursor.Look(true);
  CHECK_FALSE(on.cursor.is_paused());
  REQUIRE(on.log.Execute(kWest, SetPaused{.paused = true}).ok());
  CHECK_GT(on.cursor.look_again_at(), on.clock.Now());
  on.cursor.LookAgainNow();
  CHECK_LE(on.cursor.look_again_at(), on.clock.Now());
  on.cursor.Look(true);
  CHECK(on.cursor.is_paused());
}

}  // namespace
}  // namespace relay::test::replay_delivery_cursor_committer_test
