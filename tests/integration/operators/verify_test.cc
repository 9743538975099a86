// The log of a relay checked by `verify`: running under load, stopped, copied
// and damaged.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/load_clients.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/temp_dir.h"
#include "wal/reading/load.h"
#include "wal/record/rows.h"
#include "wal/store/store.h"

namespace relay::test::integration_operators_verify_test {
namespace {

using nlohmann::json;

RunResult Verify(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {RelayBinary(), "verify"});
  return Run(arguments);
}

// A relay under load, with one server that takes everything and one that is away.
struct Loaded {
  TempDir directory;
  FakeBackend here;
  FakeBackend away;
  RelayProcess relay{directory.path(), {.backends = {{"here", here.Url()}, {"away", away.Url()}}}};
  Writers writers{{.relay = relay.endpoint()}};

  Loaded() {
    away.Refuse();
    REQUIRE(writers.WaitForMore(300));
  }
};

TEST_CASE("verify: the log of a relay under load is sound, again and again, and once stopped") {
  Loaded loaded;
  for (int i = 0; i < 5; ++i) {
    REQUIRE(loaded.writers.WaitForMore(50));
    const RunResult run = Verify({"--config", loaded.relay.config_path(), "--json"});
    INFO(run.output);
    REQUIRE_EQ(run.exit_code, 0);
    const json summary = json::parse(run.output);
    CHECK_EQ(summary.at("sound"), true);
    CHECK_EQ(summary.at("backends").size(), 2);
    CHECK_EQ(summary.at("backends").at(0).at("unaccounted_points"), 0);
    // Small writes share records: one holds at most one write of each writer.
    CHECK_GE(summary.at("payloads").get<int>() * Writers::Options().writers, 300);
  }
  loaded.writers.Stop();
  CHECK_EQ(loaded.relay.Stop().exit_code, 0);
  const RunResult stopped = Verify({"--data", loaded.relay.log_path()});
  CHECK_EQ(stopped.exit_code, 0);
  CHECK(stopped.output.starts_with(loaded.relay.log_path() + ": format 5\n"));
  CHECK(stopped.output.ends_with("sound\n"));
}

TEST_CASE("verify: a log whose relay was killed is sound") {
  Loaded loaded;
  loaded.relay.Kill();
  loaded.writers.Stop();
  const RunResult run = Verify({"--data", loaded.relay.log_path()});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
}

TEST_CASE("verify: damage is reported with the record that it hit, in words and by the exit code") {
  Loaded loaded;
  loaded.writers.Stop();
  CHECK_EQ(loaded.relay.Stop().exit_code, 0);
  {
    const auto store = OpenStore({.directory = StoreDirectory(loaded.relay.log_path())}).value();
    const auto batch = store->NewBatch();
    batch->Put(Family::kPayloads, PayloadKey(PayloadId(7)), "nonsense");
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const RunResult text = Verify({"--data", loaded.relay.log_path()});
  INFO(text.output);
  CHECK_EQ(text.exit_code, 1);
  CHECK_NE(text.output.find("DAMAGED payloads: payload 7 (backend away, sequence 7"),
           std::string::npos);
  const RunResult run = Verify({"--data", loaded.relay.log_path(), "--json"});
  CHECK_EQ(run.exit_code, 1);
  const json summary = json::parse(run.output);
  CHECK_EQ(summary.at("sound"), false);
  CHECK_EQ(summary.at("finding_count"), 1);
  CHECK_EQ(summary.at("findings").at(0).at("family"), "payloads");
}

TEST_CASE("verify: a missing log and wrong usage are reported as such") {
  const TempDir directory;
  const RunResult none = Verify({"--data", directory.File("none")});
  CHECK_EQ(none.exit_code, 1);
  CHECK_NE(none.output.find(directory.File("none")), std::string::npos);
  CHECK_EQ(Verify({"--config", directory.File("none.yml")}).exit_code, 2);
  CHECK_EQ(Verify({"--frobnicate"}).exit_code, 2);
}

}  // namespace
}  // namespace relay::test::integration_operators_verify_test
