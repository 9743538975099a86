#include "wal/order/copies.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/fakes/fake_clock.h"

namespace relay::test::wal_order_copies_test {
namespace {

using namespace std::chrono_literals;

// A relay `a` that has applied messages whose chain is ten times their place.
struct Fixture {
  explicit Fixture(std::size_t wanted, bool strict = false)
      : copies("a", {.wanted = wanted, .strict = strict, .silent_after = 3'500ms}) {}

  void SyncTo(std::uint64_t place) {
    for (; synced < place; ++synced) {
      copies.Synced(Place(synced + 1), Chain(10 * (synced + 1)));
    }
    copies.Look(clock.Now());
  }
  void Tell(const std::string& relay, std::uint64_t place) {
    Note note{.relay = relay, .session = {{1, session}}, .synced = Place(place)};
    note.chain = Chain(10 * place);
    copies.Told(note, clock.Now());
  }
  std::uint64_t Enough() const { return copies.Enough().value(); }

  FakeClock clock;
  Copies copies;
  std::uint64_t synced = 0;
  std::uint64_t session = 1;
};

TEST_CASE("copies: alone, or with nobody in sync, its own disk is enough") {
  Fixture alone(1);
  alone.SyncTo(3);
  CHECK_EQ(alone.Enough(), 3);
  Fixture on(2);
  on.SyncTo(3);
  CHECK_EQ(on.Enough(), 3);
  CHECK(on.copies.lacks());
}

TEST_CASE("copies: with another relay in sync, what both have is enough") {
  Fixture on(2);
  on.SyncTo(3);
  on.Tell("b", 3);
  CHECK_FALSE(on.copies.lacks());
  on.SyncTo(5);
  CHECK_EQ(on.Enough(), 3);
  on.Tell("b", 4);
  CHECK_EQ(on.Enough(), 4);
}

TEST_CASE("copies: of three relays two are enough, whichever they are") {
  Fixture on(2);
  on.SyncTo(1);
  on.Tell("b", 1);
  on.Tell("c", 1);
  on.SyncTo(9);
  on.Tell("b", 4);
  on.Tell("c", 7);
  CHECK_EQ(on.Enough(), 7);
  CHECK_EQ(on.copies.in_sync(), 3);
}

TEST_CASE("copies: a relay that is ahead counts once its chain was found equal") {
  Fixture on(2);
  on.SyncTo(3);
  on.Tell("b", 3);
  on.Tell("b", 6);
  on.SyncTo(5);
  CHECK_EQ(on.Enough(), 3);
  on.SyncTo(6);
  CHECK_EQ(on.Enough(), 6);
}

TEST_CASE("copies: a relay that is silent is not waited for after 3.5 s") {
  Fixture on(2);
  on.SyncTo(3);
  on.Tell("b", 3);
  on.SyncTo(5);
  on.clock.Advance(3'499ms);
  on.copies.Look(on.clock.Now());
  CHECK_EQ(on.Enough(), 3);
  on.clock.Advance(1ms);
  on.copies.Look(on.clock.Now());
  CHECK_EQ(on.Enough(), 5);
  CHECK(on.copies.lacks());
}

TEST_CASE("copies: a relay more than 5 s behind is not waited for, and is again once it is not") {
  Fixture on(2);
  on.SyncTo(10);
  on.Tell("b", 10);
  for (int second = 0; second < 6; ++second) {
    on.clock.Advance(1'000ms);
    on.SyncTo(on.synced + 10);
    on.Tell("b", 11);
  }
  CHECK_EQ(on.Enough(), 70);
  on.Tell("b", 50);
  CHECK(on.copies.lacks());
  on.Tell("b", 65);
  CHECK_FALSE(on.copies.lacks());
  CHECK_EQ(on.Enough(), 65);
}

TEST_CASE("copies: strictly, nothing is enough while a relay is missing") {
  Fixture on(2, true);
  on.SyncTo(3);
  CHECK_EQ(on.Enough(), 0);
  on.Tell("b", 3);
  CHECK_EQ(on.Enough(), 3);
}

TEST_CASE("copies: a relay that leaves is not waited for") {
  Fixture on(2);
  on.SyncTo(3);
  on.Tell("b", 3);
  on.SyncTo(5);
  on.copies.Told({.relay = "b", .leaves = true}, on.clock.Now());
  CHECK_EQ(on.Enough(), 5);
}

TEST_CASE("copies: a relay that begins anew with less than it had counts with what it has") {
  Fixture on(2);
  on.SyncTo(5);
  on.Tell("b", 5);
  on.session = 2;
  on.Tell("b", 4);
  on.clock.Advance(1'000ms);
  on.copies.Look(on.clock.Now());
  CHECK_EQ(on.copies.peers().at("b").place, Place(4));
}

TEST_CASE("copies: another chain at the same place is another history, also told ahead of time") {
  Fixture on(2);
  on.SyncTo(5);
  Note note{.relay = "b", .session = {{1, 1}}, .synced = Place(7)};
  note.chain = Chain(71);
  on.copies.Told(note, on.clock.Now());
  CHECK_FALSE(on.copies.other_history());
  on.SyncTo(7);
  REQUIRE(on.copies.other_history());
  CHECK_EQ(on.copies.other_history()->first, "b");
  CHECK_EQ(on.copies.other_history()->second, Place(7));
  CHECK_EQ(on.copies.peers().at("b").place, Place::BeforeFirst());
}

TEST_CASE("copies: a relay that leaves is heard once more: its history may be another one") {
  Fixture on(2);
  on.SyncTo(5);
  Note note{.relay = "b", .session = {{1, 1}}, .synced = Place(4)};
  note.chain = Chain(41);
  note.leaves = true;
  on.copies.Told(note, on.clock.Now());
  REQUIRE(on.copies.other_history());
  CHECK_EQ(on.copies.other_history()->second, Place(4));
  CHECK(on.copies.peers().empty());
}

TEST_CASE("copies: its own notes, which come back, mean nothing") {
  Fixture on(2);
  on.SyncTo(5);
  on.Tell("a", 5);
  CHECK(on.copies.peers().empty());
}

TEST_CASE("copies: a note survives its frame, and other frames are no notes") {
  const Note note{
      .relay = "b", .session = {{7, 8}}, .synced = Place(9), .chain = Chain(10), .leaves = true};
  const Result<Note> read = DecodeNote(EncodeNote(note));
  REQUIRE(read.ok());
  CHECK_EQ(read.value().relay, "b");
  CHECK(read.value().session == note.session);
  CHECK_EQ(read.value().synced, Place(9));
  CHECK(read.value().chain == Chain(10));
  CHECK(read.value().leaves);
  CHECK_FALSE(DecodeNote(EncodeFrame({.kind = FrameKind::kBeat, .body = ""})).ok());
  CHECK_FALSE(DecodeNote("rubbish").ok());
}

}  // namespace
}  // namespace relay::test::wal_order_copies_test
