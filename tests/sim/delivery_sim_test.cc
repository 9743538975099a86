// Delivery in simulated worlds, many on every run, each from its own seed.
//
// RELAY_SEED=N repeats a run; a failure says which world of it went wrong.
#include "tests/support/delivery_sim.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/support/seed.h"

namespace relay::test {
namespace {

constexpr std::uint64_t kWorlds = 400;
constexpr std::uint64_t kSteps = 4'000;

// What the first world that goes wrong says.
std::string FirstWrong(std::uint64_t seed, std::uint64_t worlds, Planted planted) {
  for (std::uint64_t i = 0; i < worlds; ++i) {
    DeliverySim sim(seed + i, planted);
    const std::string wrong = sim.Run(kSteps);
    if (!wrong.empty()) return fmt::format("world {}: {}", seed + i, wrong);
  }
  return "";
}

TEST_CASE(
    "delivery: whatever happens, nothing is lost or reordered, and all is delivered in the "
    "end") {
  const std::uint64_t seed = PrintedSeed();
  CHECK_EQ(FirstWrong(seed, kWorlds, Planted::kNone), "");
}

TEST_CASE("delivery: a cursor that moves before the answer is noticed") {
  CHECK_NE(FirstWrong(1, 10, Planted::kCursorBeforeAnswer), "");
}

TEST_CASE("delivery: refused lines that are dropped are noticed") {
  CHECK_NE(FirstWrong(1, 10, Planted::kRefusedDropped), "");
}

TEST_CASE("delivery: two requests of a lane at the same time are noticed") {
  CHECK_NE(FirstWrong(1, 10, Planted::kTwoInFlight), "");
}

TEST_CASE("delivery: a lane whose order is not kept is noticed") {
  CHECK_NE(FirstWrong(1, 10, Planted::kLaneOrder), "");
}

}  // namespace
}  // namespace relay::test
