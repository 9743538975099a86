#include <doctest/doctest.h>

#include <string>

#include "relay/docs/docs.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_command_docs_test {
namespace {

std::string Describe(const std::string& form) {
  const RunResult run = Run({RelayBinary(), "describe", form});
  REQUIRE_EQ(run.exit_code, 0);
  return run.output;
}

// Returns bash's completions of `words`, the last of which is being typed.
std::string Offered(const std::string& words, const std::string& program = "influxdb-relay") {
  const TempDir directory;
  WriteFile(directory.File("completion"), Describe("bash"));
  const RunResult run = Run(
      {"bash", "-c",
       "set -u; . " + directory.File("completion") + "; COMP_WORDS=(" + program + " " + words +
           "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _influxdb_relay; echo \"${COMPREPLY[*]}\""});
  CHECK_EQ(run.exit_code, 0);
  return run.output;
}

TEST_CASE("command docs: bash completes commands and their options") {
  CHECK_NE(Offered("''").find("verify"), std::string::npos);
  CHECK_EQ(Offered("veri"), "verify\n");
  CHECK_EQ(Offered("verify --js"), "--json\n");
  CHECK_EQ(Offered("export --backend x --form"), "--format\n");
  CHECK_EQ(Offered("verify --form"), "\n");
}

TEST_CASE("command docs: bash completes the names of backends, databases and checkpoints") {
  const TempDir directory;
  FakeBackend backend;
  RelayProcess relay(directory.path(),
                     {.backends = {{"east", backend.Url(), {"only: { databases: [metrics, d] }"}},
                                   {"west", backend.Url()}}});
  REQUIRE_EQ(Run({RelayBinary(), "checkpoint", "night", "--config", relay.config_path()}).exit_code,
             0);
  const std::string config = " --config " + relay.config_path() + " ";
  const auto offered = [&](const std::string& words) { return Offered(words, RelayBinary()); };
  CHECK_EQ(offered("inspect" + config + "--backend ''"), "east west\n");
  CHECK_EQ(offered("pause" + config + "we"), "west\n");
  CHECK_EQ(offered("compare" + config + "ea"), "east\n");
  CHECK_EQ(offered("repair" + config + "ea"), "east\n");
  CHECK_EQ(offered("backend seed" + config + "we"), "west\n");
  CHECK_EQ(offered("hold" + config + "--database ''"), "d metrics\n");
  CHECK_EQ(offered("replay" + config + "--from-checkpoint ''"), "night\n");
  CHECK_EQ(offered("checkpoint" + config + "--drop ni"), "\n");
  CHECK_EQ(offered("checkpoint" + config + "ni"), "night\n");
}

TEST_CASE("command docs: the man pages have no mistakes, and no hidden commands") {
  const TempDir directory;
  for (const std::string form : {"man", "settings"}) {
    WriteFile(directory.File("page"), Describe(form));
    const RunResult page = Run({"groff", "-man", "-Tutf8", "-ww", "-z", directory.File("page")});
    CHECK_EQ(page.exit_code, 0);
    CHECK_EQ(page.output, "");
  }
  const std::string man = Describe("man");
  for (const std::string command : {"serve", "status", "inspect", "verify", "export", "import"}) {
    CHECK_NE(man.find("\n.SS " + command), std::string::npos);
  }
  CHECK_EQ(man.find("describe"), std::string::npos);
  CHECK_NE(Describe("settings").find("keep_delivered"), std::string::npos);
}

TEST_CASE("command docs: zsh takes its completion") {
  const TempDir directory;
  WriteFile(directory.File("_influxdb-relay"), Describe("zsh"));
  const RunResult run = Run({"zsh", "-n", directory.File("_influxdb-relay")});
  CHECK_EQ(run.exit_code, 0);
  CHECK_EQ(run.output, "");
}

TEST_CASE("command docs: the reference has every command, endpoint, metric and setting") {
  const std::string page = Describe("markdown");
  for (const std::string part :
       {"\n## influxdb-relay export\n", "\n| `/api/v2/write` | OPTIONS, POST |",
        "\n| `POST /api/v1/backends/{backend}/pause` | operators |",
        "\n| `influxdb_relay_backend_pending_points` | gauge | backend | Points owed",
        "\n| `influxdb_relay_http_requests_total` | counter | endpoint, code |",
        "\n| `influxdb_relay_line_packets_total` | counter | protocol, listener |",
        "\n  keep_delivered:\n"}) {
    CAPTURE(part);
    CHECK_NE(page.find(part), std::string::npos);
  }
  CHECK_EQ(Run({RelayBinary(), "describe", "nonsense"}).exit_code, 2);
}

TEST_CASE("command docs: the reference that is checked in is the one that is declared") {
  INFO("renew it: influxdb-relay describe markdown > deploy/REFERENCE.md");
  CHECK(ReadFile(SourceRoot() + "/deploy/REFERENCE.md") == Describe("markdown"));
}

}  // namespace
}  // namespace relay::test::integration_operators_command_docs_test
