#include "replay/delivery/lane_book.h"

#include <doctest/doctest.h>

#include "replay/delivery/lane_batches.h"
#include "tests/support/fakes/fake_clock.h"

namespace relay::test::replay_delivery_lane_book_test {
namespace {

using namespace std::chrono_literals;

struct Fixture {
  FakeClock clock;
  std::minstd_rand random;
  LaneBook book{
      {.first = 1'000ms, .max = 30'000ms}, [] { return Sequence::BeforeFirst(); }, clock, random};
  std::uint64_t last = 0;

  StoredRecord Stored(std::uint64_t sequence, const std::string& database) {
    auto record = std::make_shared<Record>();
    record->params.database = database;
    record->points = 1;
    record->lines = "m v=1 1\n";
    StoredRecord stored{.entry = {}, .record = std::shared_ptr<const Record>(std::move(record))};
    stored.entry.position.sequence = Sequence(sequence);
    return stored;
  }
  void Read(const std::string& database) {
    std::vector<StoredRecord> records;
    records.push_back(Stored(++last, database));
    book.TakeFlow(std::move(records));
  }
  LaneQueue& LaneOfDatabase(const std::string& database) {
    return book.lanes().Of({.database = database, .retention_policy = ""});
  }
  void Commit() { book.FlowCommitted(*book.flow().Resolved()); }
};

TEST_CASE("lane book: what is read goes to its lane, in order") {
  Fixture on;
  on.Read("a");
  on.Read("b");
  on.Read("a");
  CHECK_EQ(on.LaneOfDatabase("a").flow.size(), 2);
  CHECK_EQ(on.LaneOfDatabase("b").flow.size(), 1);
  CHECK_EQ(on.book.flow().records(), 3);
}

TEST_CASE("lane book: a held lane's records leave the flow and come back from the log") {
  Fixture on;
  on.Read("a");
  LaneQueue& lane = on.LaneOfDatabase("a");
  on.book.PutOnHold(lane, "the database does not exist on the backend", "create it");
  on.Commit();
  CHECK(on.book.flow().empty());
  REQUIRE(lane.held_last.has_value());
  CHECK(lane.wants_held_read());
  CHECK_EQ(on.book.LongestHeld()->reason,
           "database \"a\": the database does not exist on the backend");

  std::vector<StoredRecord> held;
  held.push_back(on.Stored(1, "a"));
  on.book.HeldReadStarted(lane);
  on.book.HeldReadEnded(lane);
  on.book.TakeHeld(lane, std::move(held));
  on.Read("a");  // Still queues behind what is held.
  CHECK(lane.flow.empty());
  FormBatch(lane, on.book.WindowOf(lane), {.points = 10, .bytes = 1_MiB});
  FinishFront(lane, on.book.WindowOf(lane));
  on.book.DrainIfHeld(lane);
  CHECK(lane.mode == LaneMode::kFinishing);
  on.book.HeldCommitted(lane, lane.held.Resolved()->through.sequence);
  CHECK(lane.mode == LaneMode::kLive);
  CHECK_EQ(lane.flow.size(), 1);
  CHECK_FALSE(on.book.LongestHeld().has_value());
}

TEST_CASE("lane book: an operator holds a lane and releases it") {
  Fixture on;
  on.Read("a");
  LaneQueue& lane = on.LaneOfDatabase("a");
  HeldLane held;
  held.lane = lane.lane;
  held.by_operator = true;
  on.book.Adopt({held});
  CHECK(lane.mode == LaneMode::kHeld);
  CHECK_FALSE(on.book.LongestHeld().has_value());
  const auto shown = on.book.TakeChanged(false);
  REQUIRE(shown.has_value());
  CHECK_EQ(shown->at(0).state, "held by operator");
  CHECK_FALSE(on.book.TakeChanged(false).has_value());
  on.book.DrainIfHeld(lane);
  CHECK(lane.mode == LaneMode::kHeld);
  on.book.Adopt({});
  CHECK(lane.mode == LaneMode::kLive);
  CHECK_EQ(lane.flow.size(), 1);
}

TEST_CASE("lane book: a lane that the log holds is held when the relay starts, and tried at once") {
  Fixture on;
  HeldLane held;
  held.lane = {.database = "a", .retention_policy = ""};
  held.first = held.last = Sequence(7);
  on.book.Adopt({held});
  LaneQueue& lane = on.LaneOfDatabase("a");
  CHECK(lane.mode == LaneMode::kHeld);
  CHECK(lane.not_before == on.clock.Now());
  CHECK(lane.wants_held_read());
}

TEST_CASE("lane book: beginning anew throws away what was read, and answers to come") {
  Fixture on;
  on.Read("a");
  LaneQueue& lane = on.LaneOfDatabase("a");
  const std::uint64_t epoch = lane.epoch;
  on.book.Restart(Sequence(5));
  CHECK(on.book.flow().empty());
  CHECK(on.book.flow().forgotten_through() == Sequence(5));
  CHECK(lane.flow.empty());
  CHECK(lane.epoch > epoch);
}

}  // namespace
}  // namespace relay::test::replay_delivery_lane_book_test
