// `status` at a terminal: once, live, and as a wait.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/terminal.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_watch_test {
namespace {

const std::string kOtherScreen = "\x1b[?1049h";
const std::string kBack = "\x1b[?1049l";
const std::string kCursor = "\x1b[?25h";

struct Owing {
  TempDir directory;
  FakeBackend here;
  FakeBackend away;
  RelayProcess relay{directory.path(), {.backends = {{"here", here.Url()}, {"away", away.Url()}}}};

  Owing() {
    away.Refuse();
    REQUIRE_EQ(relay.Write("metrics", "cpu v=1 1").status, 204);
    REQUIRE(WaitForState(relay, "away", "retrying"));
  }
  std::vector<std::string> Status(std::vector<std::string> more) const {
    more.insert(more.begin(), {RelayBinary(), "status", "--config", relay.config_path()});
    return more;
  }
};

std::size_t LongestLine(const std::string& text) {
  std::size_t longest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find("\r\n", at), text.size());
    longest = std::max(longest, end - at);
    at = end + 2;
  }
  return longest;
}

TEST_CASE("watch: it takes the screen, follows the relay and the window, and gives it back") {
  Owing owing;
  Terminal terminal(owing.Status({"--watch"}), {.columns = 100, .rows = 30});
  CHECK(terminal.Shows("retrying"));
  CHECK(terminal.Output().starts_with(kOtherScreen));
  CHECK(terminal.Shows("LAG"));

  terminal.Forget();
  terminal.Resize({.columns = 50, .rows = 12});
  CHECK(terminal.Shows("away"));
  CHECK(terminal.Shows("more lines"));
  CHECK_EQ(terminal.Output().find("LAG"), std::string::npos);

  owing.away.Listen();
  terminal.Resize({.columns = 100, .rows = 30});
  REQUIRE(owing.relay.WaitDrained());
  terminal.Forget();
  CHECK(terminal.Shows("caught up"));
  terminal.Type("q");
  CHECK_EQ(terminal.WaitFor(), 0);
  CHECK(terminal.Output().ends_with(kCursor + kBack));
}

TEST_CASE("watch: Ctrl-C ends it, and a relay that goes meanwhile is said and waited for") {
  Owing owing;
  Terminal terminal(owing.Status({"--watch"}), {});
  CHECK(terminal.Shows("retrying"));
  owing.relay.Stop();
  CHECK(terminal.Shows("no relay answers"));
  CHECK(terminal.Shows("not running"));
  owing.relay.Start();
  terminal.Forget();
  CHECK(terminal.Shows("retrying"));
  terminal.Type("\x03");
  CHECK_EQ(terminal.WaitFor(), 0);
  CHECK(terminal.Output().ends_with(kCursor + kBack));
}

TEST_CASE("watch: a usage error is shown on the screen that stays") {
  const TempDir directory;
  Terminal terminal({RelayBinary(), "status", "--watch", "--config", directory.File("none")}, {});
  CHECK_EQ(terminal.WaitFor(), 2);
  CHECK(terminal.Shows("No such file"));
  CHECK_EQ(terminal.Output().find(kOtherScreen), std::string::npos);
}

TEST_CASE("status: rows fit the terminal; a file gets all columns") {
  Owing owing;
  Terminal narrow(owing.Status({}), {.columns = 60, .rows = 24});
  CHECK_EQ(narrow.WaitFor(), 0);
  const std::string rows = narrow.Output().substr(0, narrow.Output().find("\r\n\r\n"));
  CHECK_LE(LongestLine(rows), 60);
  CHECK_NE(rows.find("OLDEST"), std::string::npos);
  CHECK_EQ(rows.find("CURSOR"), std::string::npos);
  CHECK_NE(Run(owing.Status({})).output.find("CURSOR"), std::string::npos);
}

TEST_CASE("status: --wait returns once what was accepted before it is delivered") {
  Owing owing;
  CHECK_EQ(Run(owing.Status({"--wait", "--backend", "here"})).exit_code, 0);
  const RunResult late = Run(owing.Status({"--wait", "--timeout", "1"}));
  CHECK_EQ(late.exit_code, 1);
  CHECK_NE(late.output.find("after 1 s: away (retrying): 1 points owed, 0 on hold"),
           std::string::npos);
  CHECK_EQ(Run(owing.Status({"--wait", "--backend", "nobody"})).exit_code, 1);
  CHECK_EQ(Run(owing.Status({"--backend", "here"})).exit_code, 2);

  // New writes do not prolong the wait, and a restart does not end it.
  owing.relay.Stop();
  Terminal terminal(owing.Status({"--wait"}), {});
  CHECK(terminal.Shows("no relay answers"));
  owing.relay.Start();
  CHECK(terminal.Shows("away (retrying): 1 points owed"));
  owing.away.Listen();
  CHECK_EQ(terminal.WaitFor(), 0);
}

}  // namespace
}  // namespace relay::test::integration_operators_watch_test
