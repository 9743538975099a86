// Relays that decide through an order who delivers, in simulated worlds: messages take time, the
// order stalls, relays are frozen, killed and started again, and each has a clock of its own. At no
// moment may two deliver to one backend.
//
// RELAY_SEED=N repeats a run; RELAY_WORLDS=N makes more of them.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/seed.h"
#include "wal/order/messages.h"
#include "wal/order/order_state.h"
#include "wal/order/ownership.h"

namespace relay::test::sim_ownership_sim_test {
namespace {

using namespace std::chrono_literals;
using Ms = std::chrono::milliseconds;

constexpr Ms kTakeover{3'500};
constexpr Ms kStep{10};
constexpr Ms kLife{60'000};
constexpr std::uint64_t kWorlds = 200;
const BackendNumber kWest{1};
const BackendNumber kEast{2};
const std::set<BackendNumber> kBackends{kWest, kEast};

// A mistake that the world must show.
enum class Mistake : std::uint8_t {
  kNone,
  kOwnerByName,  // A relay that starts again believes that its former life's backends are its own.
  kFenceByArrival,  // A beat counts from the moment when it came back, not when it was sent.
  kNoFence,         // The owner delivers until it hears of another.
  kEpochUnchecked,  // A claim counts whatever epoch it names.
  kSignsUnchecked,  // A claim counts behind signs of the owner that its relay had not seen.
  kNoSigns,         // Seven beats are enough, also while the owner gives signs.
};

// A message on its way to its place.
struct Sent {
  Ms at;
  std::string bytes;
};

struct Node {
  std::string name;
  Ms clock_ahead{0};  // Its steady clock, as compared with the world's.
  Ownership ownership{kTakeover};
  OrderState state;
  SessionId session;
  std::uint64_t counter = 0;
  std::deque<Sent> sent;
  std::size_t read = 0;
  Ms reads_at{0};          // The next message, or later ones.
  Ms frozen_until{0};      // SIGSTOP.
  bool is_running = true;  // Else it was killed,
  Ms starts_at{0};         // and starts again then, with the state of its disk.
  Ms last_sent_at{0};
};

class World {
 public:
  World(std::uint64_t seed, Mistake mistake) : random_(seed), mistake_(mistake) {
    nodes_.resize(2 + Below(2));
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i].name = fmt::format("relay-{}", i);
      nodes_[i].clock_ahead = Ms(Below(1'000'000));
    }
  }

  // Returns what went wrong; empty: nothing.
  std::string Run() {
    for (; now_ < kLife; now_ += kStep) {
      Disturb();
      if (std::string wrong = Step(); !wrong.empty()) return wrong;
    }
    // Everybody runs again.
    stalled_until_ = now_;
    for (Node& node : nodes_) node.frozen_until = node.starts_at = now_;
    for (const Ms end = now_ + 4 * kTakeover; now_ < end; now_ += kStep) {
      if (std::string wrong = Step(); !wrong.empty()) return wrong;
    }
    for (const BackendNumber backend : kBackends) {
      if (DeliverersOf(backend).size() != 1) {
        return fmt::format("nobody delivers to {} at the end", backend.value());
      }
    }
    return "";
  }

 private:
  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }
  bool Happens(std::uint64_t of_thousand) { return Below(1'000) < of_thousand; }

  void Disturb() {
    if (Happens(2)) stalled_until_ = std::max(stalled_until_, now_ + Ms(Below(8'000)));
    Node& node = nodes_[Below(nodes_.size())];
    if (Happens(3)) node.frozen_until = now_ + Ms(Below(9'000));
    if (Happens(3)) node.reads_at = now_ + Ms(Below(5'000));
    if (Happens(1)) Kill(node);
  }

  void Kill(Node& node) {
    if (!node.is_running) return;
    node.is_running = false;
    node.starts_at = now_ + Ms(Below(6'000));
    node.sent.clear();
  }

  std::string Step() {
    for (Node& node : nodes_) {
      if (!node.is_running && now_ >= node.starts_at) {
        node.is_running = true;
        node.session = {};
        node.ownership.Begin({});
      }
      if (IsActive(node)) Act(node);
    }
    Place();
    for (const BackendNumber backend : kBackends) {
      if (const auto deliverers = DeliverersOf(backend); deliverers.size() > 1) {
        return fmt::format("at {} ms {} and {} deliver to {}", now_.count(), deliverers[0],
                           deliverers[1], backend.value());
      }
    }
    return "";
  }

  bool IsActive(const Node& node) const { return node.is_running && now_ >= node.frozen_until; }

  Clock::TimePoint ClockOf(const Node& node) const {
    return Clock::TimePoint(1h + now_ + node.clock_ahead);
  }

  void Act(Node& node) {
    Read(node);
    if (node.session.is_none()) {
      if (node.read == placed_.size()) Open(node);
      return;
    }
    if (node.ownership.BeatIsDue(ClockOf(node))) {
      Send(node, FrameKind::kBeat, Encode(Beat{}));
      node.ownership.Sent(node.counter, ClockOf(node));
    }
    for (Claim claim : node.ownership.Claims(node.state, kBackends, kBackends)) {
      Send(node, FrameKind::kClaim, Encode(claim));
    }
  }

  void Open(Node& node) {
    const auto known = node.state.relays().find(node.name);
    const Hello hello{node.name,
                      known == node.state.relays().end() ? SessionId() : known->second.id, ""};
    node.session = {{random_(), random_()}};
    node.counter = 0;
    node.ownership.Begin(node.session);
    Send(node, FrameKind::kHello, Encode(hello));
  }

  void Send(Node& node, FrameKind kind, const std::string& body) {
    node.last_sent_at = std::max(node.last_sent_at, now_ + Ms(1 + Below(20)));
    node.sent.push_back(
        {node.last_sent_at,
         EncodeFrame(
             {.kind = kind, .session = node.session, .counter = ++node.counter, .body = body})});
  }

  // Gives places to what has come to the order, unless it stalls.
  void Place() {
    if (now_ < stalled_until_) return;
    for (Node& node : nodes_) {
      while (!node.sent.empty() && node.sent.front().at <= now_) {
        placed_.push_back(
            {relay::Place(placed_.size() + 1), WallTime(), Judged(node.sent.front())});
        Follow(placed_.back());
        node.sent.pop_front();
      }
    }
  }

  // The order's own view, for the mistake that needs one.
  void Follow(const OrderedMessage& message) { static_cast<void>(truth_.Take(message)); }

  std::string Judged(const Sent& sent) const {
    const bool forges =
        mistake_ == Mistake::kEpochUnchecked || mistake_ == Mistake::kSignsUnchecked;
    if (!forges) return sent.bytes;
    const Frame frame = DecodeFrame(sent.bytes).value();
    if (frame.kind != FrameKind::kClaim) return sent.bytes;
    Claim claim = DecodeClaim(frame.body).value();
    const Owner owner = truth_.OwnerOf(claim.backend);
    if (mistake_ == Mistake::kEpochUnchecked) claim.follows = owner.epoch;
    claim.owner_counter = truth_.CounterOf(owner.session);
    const std::string body = Encode(claim);
    return EncodeFrame(
        {.kind = frame.kind, .session = frame.session, .counter = frame.counter, .body = body});
  }

  void Read(Node& node) {
    while (node.read < placed_.size() && now_ >= node.reads_at) {
      const std::optional<OrderState::Taken> taken = node.state.Take(placed_[node.read++]);
      if (Happens(100)) node.reads_at = now_ + Ms(Below(50));
      if (!taken || node.session.is_none()) continue;
      const bool is_own_beat = taken->session == node.session && taken->kind == FrameKind::kBeat;
      if (is_own_beat && mistake_ == Mistake::kFenceByArrival) {
        node.ownership.Sent(taken->counter, ClockOf(node));
      }
      if (taken->session != node.session && mistake_ == Mistake::kNoSigns &&
          taken->kind == FrameKind::kBeat) {
        continue;
      }
      node.ownership.Came(*taken);
    }
  }

  bool Delivers(const Node& node, BackendNumber backend) const {
    if (!IsActive(node) || node.session.is_none()) return false;
    const Owner owner = node.state.OwnerOf(backend);
    if (owner.session.is_none()) return false;
    bool is_mine = owner.session == node.session;
    if (mistake_ == Mistake::kOwnerByName) {
      const std::string* relay = node.state.RelayOf(owner.session);
      is_mine = is_mine || relay == nullptr || *relay == node.name;
    }
    const bool is_fenced = ClockOf(node) >= node.ownership.FencedFrom();
    return is_mine && (!is_fenced || mistake_ == Mistake::kNoFence);
  }

  std::vector<std::string> DeliverersOf(BackendNumber backend) const {
    std::vector<std::string> names;
    for (const Node& node : nodes_) {
      if (Delivers(node, backend)) names.push_back(node.name);
    }
    return names;
  }

  std::mt19937_64 random_;
  const Mistake mistake_;
  Ms now_{0};
  Ms stalled_until_{0};
  std::vector<Node> nodes_;
  std::vector<OrderedMessage> placed_;
  OrderState truth_;
};

std::string FirstWrong(std::uint64_t seed, std::uint64_t worlds, Mistake mistake) {
  for (std::uint64_t i = 0; i < worlds; ++i) {
    if (const std::string wrong = World(seed + i, mistake).Run(); !wrong.empty()) {
      return fmt::format("world {}: {}", seed + i, wrong);
    }
  }
  return "";
}

TEST_CASE(
    "ownership sim: two relays never deliver to one backend, and one always does in the end") {
  const char* const wanted = std::getenv("RELAY_WORLDS");
  const std::uint64_t worlds = wanted == nullptr ? kWorlds : std::strtoull(wanted, nullptr, 10);
  CHECK_EQ(FirstWrong(PrintedSeed(), worlds, Mistake::kNone), "");
}

TEST_CASE("ownership sim: each planted mistake is found") {
  const std::uint64_t seed = PrintedSeed();
  for (const Mistake mistake :
       {Mistake::kOwnerByName, Mistake::kFenceByArrival, Mistake::kNoFence,
        Mistake::kEpochUnchecked, Mistake::kSignsUnchecked, Mistake::kNoSigns}) {
    CAPTURE(static_cast<int>(mistake));
    CHECK_NE(FirstWrong(seed, 10 * kWorlds, mistake), "");
  }
}

}  // namespace
}  // namespace relay::test::sim_ownership_sim_test
