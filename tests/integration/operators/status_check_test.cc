// The command line, as monitoring and hasty fingers use it.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_status_check_test {
namespace {

struct Owing {
  TempDir directory;
  FakeBackend away;
  RelayProcess relay{directory.path(), {.backends = {{"away", away.Url()}}}};

  RunResult Do(std::vector<std::string> words) const {
    words.insert(words.begin(), RelayBinary());
    words.insert(words.end(), {"--config", relay.config_path()});
    return Run(words);
  }
};

TEST_CASE("status --check: the exit codes are those of a Nagios plugin") {
  Owing owing;
  const RunResult well = owing.Do({"status", "--check"});
  CHECK_EQ(well.exit_code, 0);
  CHECK(well.output.starts_with("OK: "));
  REQUIRE_EQ(owing.Do({"pause", "away"}).exit_code, 0);
  REQUIRE(WaitForState(owing.relay, "away", "paused"));
  CHECK_EQ(owing.Do({"status", "--check", "--max-lag", "1h"}).exit_code, 1);
  REQUIRE_EQ(owing.relay.Write("metrics", "cpu v=1").status, 204);
  const RunResult behind = owing.Do({"status", "--check", "--max-lag", "0s"});
  CHECK_EQ(behind.exit_code, 2);
  CHECK(behind.output.starts_with("CRITICAL: away: "));
  CHECK_EQ(owing.Do({"status", "--check", "--max-lag", "soon"}).exit_code, 3);
  owing.relay.Stop();
  CHECK_EQ(owing.Do({"status", "--check"}).exit_code, 2);
  CHECK_EQ(Run({RelayBinary(), "status", "--check", "--config", "/nowhere.yaml"}).exit_code, 3);
}

TEST_CASE(
    "commands: a backend is named with or without --backend, and what is so already is said") {
  Owing owing;
  CHECK_EQ(owing.Do({"pause", "away"}).output, "paused the delivery to away\n");
  CHECK_EQ(owing.Do({"pause", "--backend", "away"}).output,
           "paused the delivery to away, which is paused already\n");
  CHECK_EQ(owing.Do({"resume", "away"}).output, "resumed the delivery to away\n");
  CHECK_EQ(owing.Do({"resume", "away"}).output,
           "resumed the delivery to away, which is not paused\n");
}

TEST_CASE("commands: one that is misspelt names the one that is meant") {
  const RunResult near = Run({RelayBinary(), "stauts"});
  CHECK_EQ(near.exit_code, 2);
  CHECK_EQ(near.output, "no command \"stauts\"; did you mean status?\n");
  CHECK_EQ(Run({RelayBinary(), "dead", "lst"}).output, "no command \"lst\"; did you mean list?\n");
  const RunResult far = Run({RelayBinary(), "abracadabra"});
  CHECK_EQ(far.exit_code, 2);
  CHECK_EQ(far.output, "no command \"abracadabra\"; --help lists them\n");
}

}  // namespace
}  // namespace relay::test::integration_operators_status_check_test
