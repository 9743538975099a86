// A line that ends the server that gets it: it is set aside with a word to the operator, all others
// arrive, and the other backend never sees it.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_ending_line_test {
namespace {

using nlohmann::json;

constexpr milliseconds kDrain{120'000};
constexpr const char* kEnding = "m,host=plc end=1i 1500\n";

// Closes the connection without an answer where the line is among those sent, as a server that it
// ends and that is started again.
FakeAnswer Mortal(const FakeRequest& request) {
  if (request.body.find(kEnding) == std::string::npos) return Answering(204);
  FakeAnswer none = AnsweringBytes("");
  none.then = FakeAnswer::Then::kReset;
  return none;
}

std::string GoodLines(int first, int last) {
  std::string lines;
  for (int i = first; i <= last; ++i) lines += fmt::format("m,host=plc v={}i {}\n", i, i);
  return lines;
}

json DeadLettersOf(const RelayProcess& relay, const std::string& backend) {
  const RunResult run = Run({RelayBinary(), "dead", "list", "--json", "--backend", backend,
                             "--config", relay.config_path()});
  REQUIRE_EQ(run.exit_code, 0);
  return json::parse(run.output);
}

TEST_CASE("ending line: it is set aside, and kept from the backend that comes later") {
  const TempDir directory;
  FakeBackend first(&Mortal);
  FakeBackend second(&Mortal);
  const RelayProcess relay(directory.path(),
                           {.backends = {{"first", first.Url()}, {"second", second.Url()}}});
  second.Refuse();
  REQUIRE_EQ(relay.Write("metrics", GoodLines(1, 10)).status, 204);
  REQUIRE_EQ(relay.Write("metrics", GoodLines(11, 20) + kEnding + GoodLines(21, 30)).status, 204);
  REQUIRE_EQ(relay.Write("metrics", GoodLines(31, 40)).status, 204);
  REQUIRE(Eventually(kDrain, [&] { return StatusOf(relay, "first").figures.delivered == 40; }));

  second.Listen();
  REQUIRE(relay.WaitDrained(kDrain));
  CHECK_EQ(second.Bodies().find("end="), std::string::npos);
  for (const std::string backend : {"first", "second"}) {
    CAPTURE(backend);
    const QueueStats figures = StatusOf(relay, backend).figures;
    CHECK_EQ(figures.delivered, 40);
    CHECK_EQ(figures.dead, 1);
    CHECK_EQ(figures.unaccounted(), 0);
    const std::string letters = DeadLettersOf(relay, backend).dump();
    CHECK_NE(letters.find("m,host=plc end=1i 1500"), std::string::npos);
    CHECK_NE(relay.Output().find(fmt::format(R"(backend="{}" ended="first")", backend)),
             std::string::npos);
  }
}

}  // namespace
}  // namespace relay::test::integration_delivery_ending_line_test
