// The log through a random life, compared with a model that cannot be wrong in the same way:
// RELAY_SEED repeats one, RELAY_SOAK_SECONDS sets how long to run.
#include "tests/support/models/log_model.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/support/eventually.h"
#include "tests/support/seed.h"

namespace relay::test::power_log_model_test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("log model: a hundred thousand operations, and the log does what the model does") {
  LogModel life(PrintedSeed());
  CHECK_EQ(life.Run(100'000), "");
  MESSAGE(life.Summary());
  CHECK_GE(life.operations(), 100'000);
}

TEST_CASE("log model: soak") {
  const char* seconds = std::getenv("RELAY_SOAK_SECONDS");
  if (seconds == nullptr) return;
  const Deadline end(std::chrono::seconds(std::atoi(seconds)));
  for (std::uint64_t seed = PrintedSeed(); !end.passed(); ++seed) {
    LogModel life(seed);
    const std::string difference = life.Run(200'000);
    REQUIRE_MESSAGE(difference.empty(), "RELAY_SEED=" << seed << ": " << difference);
  }
}

// Checks that a bug in the log is noticed: whatever the seed, within a life
// much shorter than the one above.
void CheckThatItIsNoticed(PlantedBug bug) {
  LogModel life(PrintedSeed(), bug);
  // Takes under 7,000 operations as a rule; if chance spares the bug, ten times as many.
  const std::string difference = life.Run(500'000);
  CHECK_FALSE(difference.empty());
  MESSAGE(difference);
}

TEST_CASE("log model: an answer before the sync is noticed") {
  CheckThatItIsNoticed(PlantedBug::kAnswerBeforeSync);
}

TEST_CASE("log model: a sync error that is ignored is noticed") {
  CheckThatItIsNoticed(PlantedBug::kSyncErrorIgnored);
}

TEST_CASE("log model: a trim before the marks are synced is noticed") {
  CheckThatItIsNoticed(PlantedBug::kTrimBeforeSync);
}

TEST_CASE("log model: a sequence that is given twice is noticed") {
  CheckThatItIsNoticed(PlantedBug::kSequenceReused);
}

TEST_CASE("log model: a cursor ahead of what was resolved is noticed") {
  CheckThatItIsNoticed(PlantedBug::kCursorAhead);
}

}  // namespace
}  // namespace relay::test::power_log_model_test
