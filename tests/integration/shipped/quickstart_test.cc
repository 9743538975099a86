// The first thing a user runs.
#include <doctest/doctest.h>

#include <regex>
#include <string>
#include <vector>

#include "tests/support/process/places.h"
#include "tests/support/process/process.h"

namespace relay::test::integration_shipped_quickstart_test {
namespace {

const std::string kQuickstart = SourceRoot() + "/deploy/quickstart";

// The numbers that it ends with: "in the database on influx-a      7,210".
std::vector<std::string> CountsIn(const std::string& output) {
  static const std::regex count(R"((?:writer \(204\)|relay counts|on influx-[ab]) +([0-9,]+)\n)");
  std::vector<std::string> counts;
  for (std::sregex_iterator at(output.begin(), output.end(), count), end; at != end; ++at) {
    counts.push_back((*at)[1]);
  }
  return counts;
}

TEST_CASE("quickstart: after an outage, both servers hold what the relay acknowledged") {
  const RunResult run = Run({kQuickstart, "--once", "--outage", "2", "--binary", RelayBinary()},
                            milliseconds{90'000});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
  const std::vector<std::string> counts = CountsIn(run.output);
  REQUIRE_EQ(counts.size(), 4);
  CHECK_NE(counts.front(), "0");
  for (const std::string& count : counts) CHECK_EQ(count, counts.front());
}

TEST_CASE("quickstart: an argument it does not know ends it with 2") {
  const RunResult run = Run({kQuickstart, "--outrage", "2"});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 2);
  CHECK_NE(run.output.find("--outrage"), std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_shipped_quickstart_test
