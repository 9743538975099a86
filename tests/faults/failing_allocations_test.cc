// A process lives the script of tests/support/models/crash_script.h and is refused
// memory once. It may end there; everything acknowledged must be in what it left.
#include "tests/faults/failing_allocations.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <new>
#include <random>
#include <sstream>

#include "tests/support/eventually.h"
#include "tests/support/models/after_crash.h"
#include "tests/support/process/process.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace relay::test::faults_failing_allocations_test {
namespace {

constexpr int kEndedEarly = 3;

struct Orders {
  std::string log;  // The directory.
  std::string report;
  std::uint64_t refused = 0;  // The request for memory to refuse.
};

// Returns whether it came to the end of the script.
bool Live(const Orders& orders) {
  SmallLog log(orders.log);
  std::size_t number = 0;
  try {
    for (const CrashStep& step : CrashScript()) {
      ReportStep(orders.report, Progress::kBegun, number);
      if (!step.on_log(log).ok()) return false;
      ReportStep(orders.report, Progress::kDone, number++);
    }
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

// Runs in its own process, see Send.
TEST_CASE("failing allocations: who asks" * doctest::skip()) {
  const char* text = std::getenv("RELAY_ALLOCATION_ORDERS");
  REQUIRE(text != nullptr);
  std::istringstream in(text);
  Orders orders;
  in >> orders.log >> orders.report >> orders.refused;
  FailAllocation(orders.refused);
  const bool whole = Live(orders);
  fmt::print("asked {}\n", AllocationsSoFar());
  std::fflush(stdout);
  std::_Exit(whole ? EXIT_SUCCESS : kEndedEarly);
}

// Returns its output.
std::string Send(const Orders& orders) {
  Process process(
      {.argv = {"/proc/self/exe", "--test-case=failing allocations: who asks", "--no-skip"},
       .environment = {fmt::format("RELAY_ALLOCATION_ORDERS={} {} {}", orders.log, orders.report,
                                   orders.refused)},
       .output_path = orders.report + "-output"});
  INFO(process.Output());
  REQUIRE(process.WaitFor(kPatience).has_value());
  return process.Output();
}

std::uint64_t AskedFor() {
  const TempDir directory(FastestDirectory());
  const std::string output =
      Send({.log = directory.File("log"), .report = directory.File("report"), .refused = 0});
  const std::size_t at = output.find("asked ");
  REQUIRE(at != std::string::npos);
  return std::stoull(output.substr(at + 6));
}

void RefuseOne(std::uint64_t nth) {
  const TempDir directory(FastestDirectory());
  const Orders orders{
      .log = directory.File("log"), .report = directory.File("report"), .refused = nth};
  INFO("RELAY_ALLOCATION=" << nth);
  const std::string output = Send(orders);
  INFO(output);
  CheckWhatIsLeft(orders.log, ReadLived(orders.report, 0), false);
}

// RELAY_ALLOCATION: only that one; RELAY_LIVES: that many.
TEST_CASE("failing allocations: any one of them") {
  if (const char* only = std::getenv("RELAY_ALLOCATION")) {
    RefuseOne(std::stoull(only));
    return;
  }
  const char* wanted = std::getenv("RELAY_LIVES");
  const int lives = wanted != nullptr ? std::stoi(wanted) : 100;
  std::mt19937_64 random(PrintedSeed());
  std::uniform_int_distribution<std::uint64_t> any(1, AskedFor());
  for (int i = 0; i < lives; ++i) RefuseOne(any(random));
}

}  // namespace
}  // namespace relay::test::faults_failing_allocations_test
