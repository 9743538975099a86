// Commands that speak to a relay without its configuration: by URL, by context, several at once.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <tuple>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_context_test {
namespace {

// Two relays with a token each, and a home directory of one's own.
struct Relays {
  TempDir home;
  TempDir a_directory;
  TempDir b_directory;
  FakeBackend a_backend;
  FakeBackend b_backend;
  RelayProcess a{a_directory.path(), Guarded(a_directory, "west", a_backend)};
  RelayProcess b{b_directory.path(), Guarded(b_directory, "east", b_backend)};

  static RelayProcess::Settings Guarded(const TempDir& directory, const std::string& name,
                                        const FakeBackend& backend) {
    WriteFile(directory.path() + "/token", "token-of-" + name + "\n");
    return {.backends = {{name, backend.Url()}},
            .admin = {fmt::format("token_file: {}/token", directory.path())}};
  }

  static std::string UrlOf(const RelayProcess& relay) {
    return fmt::format("http://127.0.0.1:{}", relay.admin().port);
  }

  // Runs a command with standard error in its output.
  RunResult Do(std::vector<std::string> words) const {
    std::string line = fmt::format("HOME={} XDG_CONFIG_HOME= {}", home.path(), RelayBinary());
    for (const std::string& word : words) line += " '" + word + "'";
    return Run({"/bin/sh", "-c", line + " 2>&1"});
  }
};

bool Has(const RunResult& result, const std::string& words) {
  return result.output.find(words) != std::string::npos;
}

TEST_CASE("contexts: a relay is spoken to by URL and token, without a configuration") {
  Relays relays;
  const std::string url = Relays::UrlOf(relays.a);
  const std::string token = relays.a_directory.path() + "/token";
  const RunResult status = relays.Do({"status", "--admin", url, "--token-file", token});
  CHECK_EQ(status.exit_code, 0);
  CHECK(Has(status, "west"));
  CHECK_NE(relays.Do({"pause", "west", "--admin", url}).exit_code, 0);
  const RunResult paused = relays.Do({"pause", "west", "--admin", url, "--token-file", token});
  CHECK_EQ(paused.output, "paused the delivery to west\n");
  CHECK(WaitForState(relays.a, "west", "paused"));
  CHECK_EQ(relays.Do({"status", "--admin", "ftp://x"}).exit_code, 2);
}

TEST_CASE("contexts: one is added, used, listed and left; an unknown one names those that exist") {
  Relays relays;
  CHECK(Has(relays.Do({"status", "--context", "prod"}), "there is none yet"));
  for (const auto& [name, relay, directory] :
       {std::tuple("prod-a", &relays.a, &relays.a_directory),
        std::tuple("prod-b", &relays.b, &relays.b_directory)}) {
    CHECK_EQ(relays
                 .Do({"context", "add", name, "--admin", Relays::UrlOf(*relay), "--token-file",
                      directory->path() + "/token"})
                 .exit_code,
             0);
  }
  CHECK(Has(relays.Do({"status", "--context", "prod-b"}), "east"));
  CHECK(Has(relays.Do({"status", "--context", "prod-c"}), "there are prod-a, prod-b"));
  CHECK_EQ(relays.Do({"context", "use", "prod-c"}).exit_code, 2);

  CHECK_EQ(relays.Do({"context", "use", "prod-a"}).exit_code, 0);
  const RunResult used = relays.Do({"status"});
  CHECK(Has(used, "context prod-a: " + Relays::UrlOf(relays.a)));
  CHECK(Has(used, "west"));
  CHECK(Has(relays.Do({"context", "list"}), "*        prod-a"));
  // A configuration that is given means the relay that it describes.
  CHECK(Has(relays.Do({"status", "--config", relays.b.config_path()}), "east"));
  CHECK_EQ(relays.Do({"context", "use", "-"}).exit_code, 0);
  CHECK_FALSE(Has(relays.Do({"status"}), "context prod-a"));
}

TEST_CASE("contexts: status shows several relays, and says which does not answer") {
  Relays relays;
  for (const auto& [name, relay, directory] :
       {std::tuple("prod-a", &relays.a, &relays.a_directory),
        std::tuple("prod-b", &relays.b, &relays.b_directory)}) {
    relays.Do({"context", "add", name, "--admin", Relays::UrlOf(*relay), "--token-file",
               directory->path() + "/token"});
  }
  const RunResult both = relays.Do({"status", "--context", "prod-a", "--context", "prod-b"});
  CHECK_EQ(both.exit_code, 0);
  CHECK(Has(both, Relays::UrlOf(relays.a) + ":\n"));
  CHECK(Has(both, "west"));
  CHECK(Has(both, "east"));
  relays.b.Kill();
  const RunResult one = relays.Do({"status", "--context", "prod-a", "--context", "prod-b"});
  CHECK_EQ(one.exit_code, 1);
  CHECK(Has(one, "west"));
  CHECK(Has(one, "no relay answers at"));
}

TEST_CASE("status: a broken configuration does not blind it while the relay runs") {
  TempDir directory;
  FakeBackend backend;
  RelayProcess relay(directory.path(), {.backends = {{"west", backend.Url()}}});
  const std::string before = ReadFile(relay.config_path());
  WriteFile(relay.config_path(), before + "nonsense: true\n");
  const std::string line =
      fmt::format("{} status --config {} 2>&1", RelayBinary(), relay.config_path());
  const RunResult status = Run({"/bin/sh", "-c", line});
  CHECK_EQ(status.exit_code, 0);
  CHECK(Has(status, "nonsense"));
  CHECK(Has(status, "runs with an earlier configuration"));
  CHECK(Has(status, "west"));
  relay.Kill();
  CHECK_EQ(Run({"/bin/sh", "-c", line}).exit_code, 2);
}

}  // namespace
}  // namespace relay::test::integration_operators_context_test
