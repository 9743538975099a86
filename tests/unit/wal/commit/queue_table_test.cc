#include "wal/commit/queue_table.h"

#include <doctest/doctest.h>

#include <future>
#include <optional>
#include <utility>

#include "tests/support/log_fixture.h"

namespace relay::test::wal_commit_queue_table_test {
namespace {

using namespace std::chrono_literals;

Position PositionOf(std::uint64_t sequence) {
  return {Sequence(sequence), {.points = sequence, .bytes = Bytes(sequence), .stored = 0_B}};
}

// A log in which both backends have five records, of payloads 1 to 5.
LoadedLog FiveRecords() {
  LoadedLog log;
  log.last_backend = 2;
  log.last_payload = PayloadId(5);
  for (const BackendId& backend : {kWest, kEast}) {
    Queue queue;
    queue.number = BackendNumber(backend == kWest ? 1 : 2);
    queue.head = PositionOf(5);
    log.queues.emplace(backend, queue);
  }
  return log;
}

Numbers NumbersOf(const LoadedLog& log) {
  Numbers numbers{.tails = {}, .last_payload = log.last_payload, .last_backend = log.last_backend};
  for (const auto& [backend, queue] : log.queues) {
    numbers.tails.emplace(backend, Tail{queue.number, queue.head, queue.last_accepted});
  }
  return numbers;
}

Resolution Move(std::uint64_t after, std::uint64_t through) {
  return {.after = Sequence(after),
          .through = PositionOf(through),
          .delivered = through - after,
          .letters = {},
          .gaps = {},
          .held = {}};
}

struct Table : QueueTable {
  Table() : QueueTable({kWest}) { Adopt(FiveRecords(), 1); }

  // Returns the change that pauses a backend, as it would be planned now.
  Change Pause(const BackendId& backend) const {
    Change change;
    change.state = SnapshotOf(backend).value().state;
    change.state->paused = true;
    change.follows = change.state->edition++;
    return change;
  }
  void PublishChange(const BackendId& backend, Change change) {
    WaitingChange waiting{backend, std::move(change), {}, Wakes::kNobody, {}};
    Group group;
    group.changes.push_back(&waiting);
    Publish(group, NumbersOf(FiveRecords()));
  }
  Sequence SyncedCursor() const { return SyncedState().log.queues.at(kWest).state.cursor.sequence; }
};

TEST_CASE("queue table: it knows the queues that were read from disk, and no others") {
  const Table table;
  CHECK_EQ(table.Names(), std::vector<BackendId>{kEast, kWest});
  CHECK_EQ(table.MarksOf(kWest).head, Sequence(5));
  CHECK_EQ(table.All().newest_payload, PayloadId(5));
  CHECK_EQ(table.Configured(), std::vector<BackendId>{kWest});
  const BackendId south = BackendId::Parse("south").value();
  CHECK_EQ(table.SnapshotOf(south).error().code(), ErrorCode::kNotFound);
  CHECK_EQ(table.UnknownOf({kWest, south}), std::vector<BackendId>{south});
}

TEST_CASE("queue table: a moved cursor counts at once and is synced once it was published") {
  Table table;
  REQUIRE(table.MoveCursor(kWest, Move(0, 3)).ok());
  CHECK_EQ(table.MarksOf(kWest).cursor, Sequence(3));
  CHECK_EQ(table.SyncedCursor(), Sequence(0));
  Group group;
  group.cursors = table.TakeDirtyCursors();
  REQUIRE_EQ(group.cursors.size(), 1);
  CHECK_EQ(group.cursors.at(kWest).delivered, 3);
  CHECK(table.TakeDirtyCursors().empty());
  CHECK_EQ(table.SyncedCursor(), Sequence(0));
  table.Publish(group, NumbersOf(FiveRecords()));
  CHECK_EQ(table.SyncedCursor(), Sequence(3));
}

TEST_CASE("queue table: a cursor that is elsewhere is a conflict and stays") {
  Table table;
  REQUIRE(table.MoveCursor(kWest, Move(0, 3)).ok());
  const Status moved = table.MoveCursor(kWest, Move(2, 4));
  REQUIRE(!moved.ok());
  CHECK_EQ(moved.error().code(), ErrorCode::kConflict);
  // One that was moved back meanwhile.
  CHECK_EQ(table.MoveCursor(kWest, Move(4, 5)).error().code(), ErrorCode::kConflict);
  CHECK_EQ(table.MarksOf(kWest).cursor, Sequence(3));
}

TEST_CASE("queue table: without the lease nobody moves a cursor, and what was moved is forgotten") {
  Table table;
  table.SetDelivered(kWest, true);
  const std::uint64_t lease = table.LeaseOf(kWest).value();
  REQUIRE(table.MoveCursor(kWest, Move(0, 3)).ok());
  table.SetDelivered(kWest, false);
  CHECK_EQ(table.MarksOf(kWest).cursor, Sequence(0));
  CHECK_EQ(table.MoveCursor(kWest, Move(0, 3)).error().code(), ErrorCode::kElsewhere);
  CHECK(table.TakeDirtyCursors().empty());
  table.SetDelivered(kWest, true);
  CHECK_NE(table.LeaseOf(kWest).value(), lease);
  CHECK(table.MoveCursor(kWest, Move(0, 3)).ok());
}

TEST_CASE("queue table: a cursor waits for the lock of its queue, not for another one's") {
  Table table;
  std::optional<QueueLock> lock(std::in_place, table, kWest);
  CHECK(table.MoveCursor(kEast, Move(0, 1)).ok());
  auto moved =
      std::async(std::launch::async, [&table] { return table.MoveCursor(kWest, Move(0, 1)).ok(); });
  CHECK_EQ(moved.wait_for(10ms), std::future_status::timeout);
  lock.reset();
  CHECK(moved.get());
}

TEST_CASE("queue table: a published change is seen and synced") {
  Table table;
  table.PublishChange(kWest, table.Pause(kWest));
  CHECK(table.PausedOf(kWest));
  CHECK(!table.PausedOf(kEast));
  CHECK(table.SyncedState().log.queues.at(kWest).state.paused);
}

TEST_CASE("queue table: lanes that a change empties go, snapshots taken before keep them") {
  Table table;
  const Lane lane{"db", "rp"};
  Change change = table.Pause(kWest);
  change.lanes[lane].by_operator = true;
  table.PublishChange(kWest, change);
  const Queue before = table.SnapshotOf(kWest).value();
  CHECK(before.lanes->contains(lane));
  change = table.Pause(kWest);
  change.lanes[lane] = {};
  table.PublishChange(kWest, change);
  CHECK(table.SnapshotOf(kWest).value().lanes->empty());
  CHECK(before.lanes->contains(lane));
}

TEST_CASE("queue table: a backend that was forgotten is unknown") {
  Table table;
  table.PublishChange(kEast, Change());
  CHECK_EQ(table.Names(), std::vector<BackendId>{kWest});
  CHECK_EQ(table.SyncedState().log.queues.count(kEast), 0);
}

TEST_CASE("queue table: new backends get an empty queue of their number") {
  Table table;
  const BackendId south = BackendId::Parse("south").value();
  WaitingBackends waiting{{south}, {}};
  Group group;
  group.backends.push_back(&waiting);
  Numbers numbers = NumbersOf(FiveRecords());
  numbers.last_backend = 3;
  numbers.tails.emplace(south, Tail{BackendNumber(3), Position(), WallTime()});
  table.Publish(group, numbers);
  CHECK_EQ(table.SnapshotOf(south).value().number, BackendNumber(3));
  CHECK_EQ(table.MarksOf(south).head, Sequence::BeforeFirst());
  CHECK_EQ(table.SyncedState().log.last_backend, 3);
}

TEST_CASE("queue table: a change from before a reopening that found a newer state is refused") {
  Table table;
  const Change planned = table.Pause(kWest);
  CHECK(table.CheckNext(kWest, planned).ok());
  LoadedLog found = FiveRecords();
  found.queues.at(kWest).state.edition = 1;  // It was reported as failed and is on disk.
  table.Adopt(std::move(found), 2);
  const Status checked = table.CheckNext(kWest, planned);
  REQUIRE(!checked.ok());
  CHECK_EQ(checked.error().code(), ErrorCode::kUnavailable);
}

TEST_CASE("queue table: a reopening keeps the cursors that were not written yet") {
  Table table;
  REQUIRE(table.MoveCursor(kWest, Move(0, 3)).ok());
  static_cast<void>(table.TakeDirtyCursors());  // The batch failed.
  table.Adopt(FiveRecords(), 2);
  CHECK_EQ(table.MarksOf(kWest).cursor, Sequence(3));
  CHECK_EQ(table.SyncedCursor(), Sequence(0));
  CHECK_EQ(table.SyncedState().epoch, 2);
  CHECK_EQ(table.TakeDirtyCursors().at(kWest).cursor.sequence, Sequence(3));
}

TEST_CASE("queue table: a change that was reported as failed and is on disk has happened") {
  Table table;
  REQUIRE(table.MoveCursor(kWest, Move(0, 3)).ok());
  LoadedLog found = FiveRecords();
  found.queues.at(kWest).state.edition = 1;
  found.queues.at(kWest).state.cursor = PositionOf(1);  // Rewound.
  table.Adopt(std::move(found), 2);
  CHECK_EQ(table.MarksOf(kWest).cursor, Sequence(1));
}

TEST_CASE("queue table: of a backend that is gone from disk no cursor is written") {
  Table table;
  REQUIRE(table.MoveCursor(kEast, Move(0, 3)).ok());
  LoadedLog found = FiveRecords();
  found.queues.erase(kEast);
  table.Adopt(std::move(found), 2);
  CHECK_EQ(table.TakeDirtyCursors().count(kEast), 0);
}

}  // namespace
}  // namespace relay::test::wal_commit_queue_table_test
