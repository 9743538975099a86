// Delivery in simulated worlds, many on every run, each from its own seed.
//
// RELAY_SEED=N repeats a run; a failure says which of its worlds went wrong;
// RELAY_SEED and RELAY_WORLDS=1 then repeat that one alone.
#include "tests/support/models/delivery_sim.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <string>

#include "tests/support/seed.h"

namespace relay::test::sim_delivery_sim_test {
namespace {

constexpr std::uint64_t kSteps = 4'000;

constexpr std::uint64_t kWorlds = 400;  // Run every time; RELAY_WORLDS=N for more.

std::uint64_t Worlds() {
  const char* const wanted = std::getenv("RELAY_WORLDS");
  return wanted == nullptr ? kWorlds : std::strtoull(wanted, nullptr, 10);
}

using Rows = std::map<std::string, std::uint64_t>;

// Returns the error of the first world that goes wrong. `met` counts the
// answers of each row of the table.
std::string FirstWrong(std::uint64_t seed, std::uint64_t worlds, Planted planted,
                       Rows* met = nullptr) {
  for (std::uint64_t i = 0; i < worlds; ++i) {
    DeliverySim sim(seed + i, planted);
    const std::string wrong = sim.Run(kSteps);
    if (!wrong.empty()) return fmt::format("world {}: {}", seed + i, wrong);
    if (met == nullptr) continue;
    for (const auto& [row, count] : sim.rows()) (*met)[row] += count;
  }
  return "";
}

TEST_CASE(
    "delivery: whatever happens, nothing is lost or reordered, and all is delivered in the "
    "end") {
  const std::uint64_t seed = PrintedSeed();
  Rows met;
  CHECK_EQ(FirstWrong(seed, Worlds(), Planted::kNone, &met), "");
  std::string table;
  for (const auto& [row, count] : met) table += fmt::format("\n{:>9}  {}", count, row);
  MESSAGE("rows of the table that were met:", table);
  if (Worlds() >= kWorlds) CHECK_EQ(met.size(), BackendModel::RowsOfTable());
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
}  // namespace relay::test::sim_delivery_sim_test
