#include "wal/order/order_state.h"

#include <doctest/doctest.h>

#include "tests/support/temp_dir.h"
#include "wal/store/store.h"

namespace relay::test::wal_order_order_state_test {
namespace {

const SessionId kFirst{{1, 1}};
const SessionId kSecond{{2, 2}};
const SessionId kOther{{3, 3}};
const BackendNumber kBackend{1};

// A state with the messages that it has taken.
struct Log {
  std::optional<OrderState::Taken> Take(std::string bytes) {
    return state.Take(
        {state.place().Next(), WallTime(std::chrono::seconds(at++)), std::move(bytes)});
  }
  std::optional<OrderState::Taken> Hello(const std::string& relay, SessionId session,
                                         SessionId follows = {}) {
    return Take(EncodeFrame({.kind = FrameKind::kHello,
                             .session = session,
                             .counter = 1,
                             .body = Encode(relay::Hello{relay, follows, "http://" + relay})}));
  }
  std::optional<OrderState::Taken> Group(SessionId session, std::uint64_t counter) {
    return Take(EncodeFrame(
        {.kind = FrameKind::kGroup, .session = session, .counter = counter, .body = "group"}));
  }
  std::optional<OrderState::Taken> Claim(SessionId session, std::uint64_t counter,
                                         std::uint64_t follows, bool gives_up = false) {
    return Take(EncodeFrame({.kind = FrameKind::kClaim,
                             .session = session,
                             .counter = counter,
                             .body = Encode(relay::Claim{.backend = kBackend,
                                                         .follows = follows,
                                                         .gives_up = gives_up,
                                                         .owner_counter = state.CounterOf(
                                                             state.OwnerOf(kBackend).session)})}));
  }

  OrderState state;
  int at = 1;
};

TEST_CASE("order state: frames of a session count once, and in their order") {
  Log log;
  CHECK_FALSE(log.Group(kFirst, 1).has_value());  // Nobody has opened it.
  REQUIRE(log.Hello("a", kFirst).has_value());
  CHECK_FALSE(log.Hello("a", kFirst).has_value());
  CHECK_FALSE(log.Group(kFirst, 3).has_value());  // Behind a hole.
  const auto taken = log.Group(kFirst, 2);
  REQUIRE(taken.has_value());
  CHECK_EQ(taken->relay, "a");
  CHECK_EQ(taken->body, "group");
  CHECK_FALSE(log.Group(kFirst, 2).has_value());
  CHECK(log.Group(kFirst, 3).has_value());
  CHECK_EQ(log.state.place(), Place(7));
}

TEST_CASE("order state: a claim behind a sign of the owner that its relay has not seen is void") {
  Log log;
  REQUIRE(log.Hello("a", kFirst, {}));
  REQUIRE(log.Hello("b", kOther, {}));
  REQUIRE(log.Claim(kFirst, 2, 0));
  const std::uint64_t seen = log.state.CounterOf(kFirst);
  REQUIRE(log.Group(kFirst, 3));
  const auto claim = [&log](std::uint64_t counter, std::uint64_t owner_counter) {
    return log.Take(EncodeFrame({.kind = FrameKind::kClaim,
                                 .session = kOther,
                                 .counter = counter,
                                 .body = Encode(relay::Claim{.backend = kBackend,
                                                             .follows = 1,
                                                             .gives_up = false,
                                                             .owner_counter = owner_counter})}));
  };
  REQUIRE(claim(2, seen));
  CHECK(log.state.OwnerOf(kBackend).session == kFirst);
  REQUIRE(claim(3, seen + 1));
  CHECK(log.state.OwnerOf(kBackend).session == kOther);
}

TEST_CASE("order state: a new session of a relay ends the one before, for ever") {
  Log log;
  REQUIRE(log.Hello("a", kFirst).has_value());
  REQUIRE(log.Hello("b", kOther).has_value());
  REQUIRE(log.Hello("a", kSecond, kFirst).has_value());
  CHECK_FALSE(log.Group(kFirst, 2).has_value());
  CHECK_FALSE(log.Hello("a", kFirst).has_value());  // Repeated by the network, late.
  CHECK(log.Group(kSecond, 2).has_value());
  CHECK(log.Group(kOther, 2).has_value());
  CHECK_EQ(*log.state.RelayOf(kSecond), "a");
  CHECK_EQ(log.state.RelayOf(kFirst), nullptr);
  CHECK_EQ(log.state.relays().at("a").address, "http://a");
}

TEST_CASE("order state: a hello that does not know the relay's last session opens none") {
  Log log;
  REQUIRE(log.Hello("a", kFirst).has_value());
  CHECK_FALSE(log.Hello("a", kSecond).has_value());
  CHECK_FALSE(log.Hello("a", kSecond, kOther).has_value());
  CHECK(log.Group(kFirst, 2).has_value());
}

TEST_CASE("order state: of two claims the first counts, and only the owner gives up") {
  Log log;
  REQUIRE(log.Hello("a", kFirst).has_value());
  REQUIRE(log.Hello("b", kOther).has_value());
  REQUIRE(log.Claim(kFirst, 2, 0).has_value());
  REQUIRE(log.Claim(kOther, 2, 0).has_value());
  CHECK(log.state.OwnerOf(kBackend) == Owner{1, kFirst});
  REQUIRE(log.Claim(kOther, 3, 1, true).has_value());
  CHECK(log.state.OwnerOf(kBackend) == Owner{1, kFirst});
  REQUIRE(log.Claim(kFirst, 3, 1, true).has_value());
  CHECK(log.state.OwnerOf(kBackend) == Owner{2, {}});
  REQUIRE(log.Claim(kOther, 4, 2).has_value());
  CHECK(log.state.OwnerOf(kBackend) == Owner{3, kOther});
  CHECK(log.state.OwnerOf(BackendNumber(9)) == Owner());
}

TEST_CASE("order state: bytes that are no frame are counted, and have a place in the chain") {
  Log log;
  Log same;
  CHECK_FALSE(log.Take("who are you?").has_value());
  CHECK_EQ(log.state.strange(), 1);
  CHECK_FALSE(same.Take("who am I?").has_value());
  CHECK_FALSE(log.state.chain() == same.state.chain());
}

TEST_CASE("order state: times never fall") {
  Log log;
  log.at = 100;
  REQUIRE(log.Hello("a", kFirst).has_value());
  log.at = 50;
  REQUIRE(log.Group(kFirst, 2).has_value());
  CHECK_EQ(log.state.at(), WallTime(std::chrono::seconds(100)));
}

// A body of three parts, which other messages may come between.
struct Parts {
  Parts() {
    frames = EncodeFrames({.kind = FrameKind::kGroup, .session = kFirst, .counter = 2, .body = {}},
                          body);
    REQUIRE_EQ(frames.size(), 3);
  }
  const std::string body = std::string(2 * kFrameBodyMax, 'x') + "end";
  std::vector<std::string> frames;
};

TEST_CASE("order state: the last part of a body makes it count") {
  Log log;
  const Parts parts;
  REQUIRE(log.Hello("a", kFirst).has_value());
  REQUIRE(log.Hello("b", kOther).has_value());
  CHECK_FALSE(log.Take(parts.frames[0]).has_value());
  CHECK(log.Group(kOther, 2).has_value());
  CHECK_FALSE(log.Take(parts.frames[1]).has_value());
  CHECK_FALSE(log.Take(parts.frames[1]).has_value());
  const auto whole = log.Take(parts.frames[2]);
  REQUIRE(whole.has_value());
  CHECK(whole->body == parts.body);
  CHECK_EQ(whole->counter, 4);
}

TEST_CASE("order state: parts of a session that has ended are forgotten") {
  Log log;
  const Parts parts;
  REQUIRE(log.Hello("a", kFirst).has_value());
  CHECK_FALSE(log.Take(parts.frames[0]).has_value());
  REQUIRE(log.Hello("a", kSecond, kFirst).has_value());
  CHECK_FALSE(log.Take(parts.frames[1]).has_value());
  CHECK_FALSE(log.Take(parts.frames[2]).has_value());
  CHECK(log.Group(kSecond, 2).has_value());
}

// Writes the rows that changed and loads the state from them.
OrderState Reloaded(OrderState& state, Store& store) {
  const std::unique_ptr<StoreBatch> batch = store.NewBatch();
  for (const OrderState::Row& row : state.TakeRows()) {
    if (row.value) {
      batch->Put(Family::kState, row.key, *row.value);
    } else {
      batch->Delete(Family::kState, row.key);
    }
  }
  REQUIRE(store.Write(*batch, Durability::kSynced).ok());
  return OrderState::Load(store).value();
}

TEST_CASE("order state: it is the same after every message when it is loaded from its rows") {
  const TempDir directory;
  const std::unique_ptr<Store> store = OpenStore({.directory = directory.path() + "/db"}).value();
  Log log;
  const Parts parts;
  CHECK(OrderState::Load(*store).value() == OrderState());
  const std::vector<std::function<void()>> steps = {
      [&] { log.Hello("a", kFirst); },
      [&] { log.Hello("b", kOther); },
      [&] { log.Take("strange"); },
      [&] { log.Take(parts.frames[0]); },
      [&] { log.Claim(kOther, 2, 0); },
      [&] { log.Take(parts.frames[1]); },
      [&] { log.Take(parts.frames[2]); },
      [&] { log.state.Forget(kBackend); },
      [&] {
        log.Take(
            EncodeFrames({.kind = FrameKind::kGroup, .session = kFirst, .counter = 5, .body = {}},
                         parts.body)[0]);
      },
      [&] { log.Hello("a", kSecond, kFirst); },
  };
  for (std::size_t step = 0; step < steps.size(); ++step) {
    CAPTURE(step);
    steps[step]();
    CHECK(Reloaded(log.state, *store) == log.state);
  }
  // The parts have left no rows.
  const auto at = store->NewCursor(Family::kState);
  at->Seek("order/part/");
  CHECK_FALSE((at->Valid() && at->Key().starts_with("order/part/")));
}

}  // namespace
}  // namespace relay::test::wal_order_order_state_test
