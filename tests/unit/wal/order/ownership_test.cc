#include "wal/order/ownership.h"

#include <doctest/doctest.h>

#include <chrono>

namespace relay::test::wal_order_ownership_test {
namespace {

using namespace std::chrono_literals;

const SessionId kMine{{1, 1}};
const SessionId kTheirs{{2, 2}};
const BackendNumber kBackend{1};
const std::set<BackendNumber> kOne{kBackend};
constexpr std::chrono::milliseconds kTakeover = 3'500ms;
constexpr std::chrono::milliseconds kBeat = 500ms;

// A relay that looks at an order in which another one delivers.
struct Relay {
  Relay() {
    ownership.Begin(kMine);
    Take(kTheirs, FrameKind::kHello, Encode(Hello{"b", {}, ""}));
    Take(kMine, FrameKind::kHello, Encode(Hello{"a", {}, ""}));
    Take(kTheirs, FrameKind::kClaim, Encode(Claim{kBackend, 0, false}));
  }

  void Take(const SessionId& session, FrameKind kind, const std::string& body) {
    const std::uint64_t counter = ++counters[session];
    const auto taken = state.Take(
        {state.place().Next(), WallTime(),
         EncodeFrame({.kind = kind, .session = session, .counter = counter, .body = body})});
    REQUIRE(taken.has_value());
    ownership.Came(*taken);
  }
  void TheirBeat() { Take(kTheirs, FrameKind::kBeat, Encode(Beat{})); }

  // Sends a beat that has not come back.
  void SendBeat() { ownership.Sent(counters[kMine] + ++under_way, now); }
  void BeatComesBack() {
    --under_way;
    Take(kMine, FrameKind::kBeat, Encode(Beat{}));
  }
  void BeatThereAndBack() {
    now += kBeat;
    SendBeat();
    BeatComesBack();
  }
  std::vector<Claim> Claims(const std::set<BackendNumber>& wanted = kOne) {
    return ownership.Claims(state, kOne, wanted);
  }

  OrderState state;
  Ownership ownership{kTakeover};
  std::map<SessionId, std::uint64_t> counters;
  std::uint64_t under_way = 0;
  Clock::TimePoint now{1h};
};

TEST_CASE("ownership: a backend that nobody delivers to is claimed at once, and once") {
  Relay relay;
  relay.Take(kTheirs, FrameKind::kClaim, Encode(Claim{kBackend, 1, true}));
  const auto claims = relay.Claims();
  REQUIRE_EQ(claims.size(), 1);
  CHECK_EQ(claims[0].backend, kBackend);
  CHECK_EQ(claims[0].follows, 2);
  CHECK_FALSE(claims[0].gives_up);
  CHECK(relay.Claims().empty());
}

TEST_CASE("ownership: a relay claims only what it is configured for") {
  Relay relay;
  relay.Take(kTheirs, FrameKind::kClaim, Encode(Claim{kBackend, 1, true}));
  CHECK(relay.Claims({}).empty());
}

TEST_CASE("ownership: a backend that is no longer configured is given up") {
  Relay relay;
  relay.Take(kTheirs, FrameKind::kClaim, Encode(Claim{kBackend, 1, true}));
  relay.Take(kMine, FrameKind::kClaim, Encode(Claim{kBackend, 2, false}));
  CHECK(relay.Claims().empty());
  const auto claims = relay.Claims({});
  REQUIRE_EQ(claims.size(), 1);
  CHECK(claims[0].gives_up);
  CHECK_EQ(claims[0].follows, 3);
}

TEST_CASE("ownership: an owner is replaced after seven silent beats, not after six") {
  Relay relay;
  relay.TheirBeat();
  for (int beat = 1; beat <= 6; ++beat) {
    relay.BeatThereAndBack();
    CHECK(relay.Claims().empty());
  }
  relay.BeatThereAndBack();
  const auto claims = relay.Claims();
  REQUIRE_EQ(claims.size(), 1);
  CHECK_EQ(claims[0].follows, 1);
}

TEST_CASE("ownership: each sign of the owner begins the count anew") {
  Relay relay;
  for (int round = 0; round < 3; ++round) {
    for (int beat = 1; beat <= 6; ++beat) relay.BeatThereAndBack();
    relay.TheirBeat();
    CHECK(relay.Claims().empty());
  }
  for (int beat = 1; beat <= 6; ++beat) relay.BeatThereAndBack();
  CHECK(relay.Claims().empty());
}

TEST_CASE("ownership: beats that were sent before the owner's last sign prove nothing") {
  // A connection that stalled delivers seven old beats at once.
  Relay relay;
  for (int beat = 0; beat < 7; ++beat) relay.SendBeat();
  relay.TheirBeat();
  for (int beat = 0; beat < 7; ++beat) relay.BeatComesBack();
  CHECK(relay.Claims().empty());
}

TEST_CASE("ownership: while the order stalls nobody is silent") {
  Relay relay;
  for (int beat = 0; beat < 100; ++beat) {
    relay.now += kBeat;
    relay.SendBeat();
  }
  CHECK(relay.Claims().empty());
}

TEST_CASE("ownership: the backends of a session that has ended are claimed at once") {
  Relay relay;
  relay.TheirBeat();
  const SessionId next{{3, 3}};
  relay.Take(next, FrameKind::kHello, Encode(Hello{"b", kTheirs, ""}));
  CHECK_EQ(relay.Claims().size(), 1);
}

TEST_CASE("ownership: a relay may deliver for four beats after it sent one that came back") {
  Relay relay;
  CHECK_EQ(relay.ownership.FencedFrom(), Clock::TimePoint());
  relay.SendBeat();
  const Clock::TimePoint sent = relay.now;
  relay.now += 1'999ms;  // It takes its time.
  relay.BeatComesBack();
  CHECK_EQ(relay.ownership.FencedFrom(), sent + 2'000ms);
}

TEST_CASE("ownership: the fence of an owner falls before another relay takes over") {
  // The owner's last beat comes back to both at once; from then on nothing of it is placed.
  Relay relay;
  const Clock::TimePoint last_sign = relay.now;
  relay.TheirBeat();
  const Clock::TimePoint fenced = last_sign + kTakeover * 4 / 7;
  while (relay.Claims().empty()) relay.BeatThereAndBack();
  CHECK_GE(relay.now - fenced, 1s);
  CHECK_LE(relay.now - last_sign, kTakeover);
}

TEST_CASE("ownership: a beat is due every seventh of the takeover time") {
  Relay relay;
  CHECK(relay.ownership.BeatIsDue(relay.now));
  relay.SendBeat();
  CHECK_FALSE(relay.ownership.BeatIsDue(relay.now + kBeat - 1ms));
  CHECK(relay.ownership.BeatIsDue(relay.now + kBeat));
  relay.ownership.Begin({});
  CHECK_FALSE(relay.ownership.BeatIsDue(relay.now + 1h));
}

}  // namespace
}  // namespace relay::test::wal_order_ownership_test
