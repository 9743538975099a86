// Checkpoints that are made on a schedule and copied to another directory, or by hand; a relay
// starts on such a copy.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_shipped_checkpoint_test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory, failed)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

// A relay whose backend is away, with a plan for checkpoints.
struct Planned {
  TempDir directory;
  std::string copies = directory.File("copies");
  FakeBackend away;
  RelayProcess relay;

  explicit Planned(const std::string& plan)
      : relay((fs::create_directory(copies), directory.path()), SettingsFor(plan)) {
    away.Refuse();
    for (int i = 1; i <= 5; ++i) {
      REQUIRE_EQ(relay.Write("metrics", fmt::format("cpu v={} {}", i, i)).status, 204);
    }
  }
  RelayProcess::Settings SettingsFor(const std::string& plan) const {
    RelayProcess::Settings settings{.backends = {{"away", away.Url()}}};
    if (!plan.empty()) settings.log = {fmt::format("checkpoints: {{ {} }}", plan)};
    return settings;
  }
  RunResult Do(std::vector<std::string> words) const {
    words.insert(words.begin(), RelayBinary());
    words.insert(words.end(), {"--config", relay.config_path()});
    return Run(words, 2 * kPatience);
  }
  double Metric(const std::string& name) const {
    const std::string page = Get(relay.admin(), "/metrics").body;
    const std::string line = "\ninfluxdb_relay_" + name + " ";
    const auto at = page.find(line);
    return at == std::string::npos ? -1 : std::stod(page.substr(at + line.size()));
  }
};

// Checks that a relay which is started on the copy delivers what was owed.
void CheckStartsOn(Planned& planned, const std::string& copy) {
  const RunResult verified = Run({RelayBinary(), "verify", "--data", copy});
  CHECK_MESSAGE(verified.exit_code == 0, verified.output);
  planned.relay.Kill();
  fs::rename(planned.relay.log_path(), planned.relay.log_path() + ".lost");
  fs::rename(copy, planned.relay.log_path());
  planned.away.Listen();
  planned.relay.Configure(planned.SettingsFor(""));
  planned.relay.Start();
  CHECK(planned.relay.WaitDrained());
  CHECK_NE(planned.away.Bodies().find("cpu v=5 5"), std::string::npos);
}

TEST_CASE("shipped checkpoints: on schedule, as many as are kept, and a relay starts on one") {
  const TempDir place;
  const std::string to = place.File("copies");
  fs::create_directory(to);
  Planned planned(fmt::format("every: 1s, keep: 2, to: {}", to));
  // The second one that is newer than all of now was begun after the writes.
  const auto newest = [&to] {
    const std::vector<std::string> all = NamesIn(to);
    return all.empty() ? std::string() : *std::max_element(all.begin(), all.end());
  };
  for (int more = 0; more < 2; ++more) {
    const std::string before = newest();
    const auto is_newer = [&] {
      const std::string name = newest();
      return name > before && !name.ends_with(".incomplete");
    };
    REQUIRE(Eventually(2 * kPatience, is_newer));
  }
  CHECK_EQ(planned.Metric("checkpoint_plan_failing"), 0);
  CHECK_GE(planned.Metric("checkpoint_age_seconds"), 0);
  planned.relay.Stop();
  std::vector<std::string> names = NamesIn(to);
  REQUIRE_FALSE(names.empty());
  std::sort(names.begin(), names.end());
  CHECK_LE(names.size(), 2);
  CheckStartsOn(planned, to + "/" + names.back());
}

TEST_CASE("shipped checkpoints: killed while it copies, no half copy has the name of a whole one") {
  const TempDir place;
  const std::string to = place.File("copies");
  fs::create_directory(to);
  Planned planned(fmt::format("every: 1s, keep: 50, to: {}", to));
  for (int round = 0; round < 5; ++round) {
    const std::size_t before = NamesIn(to).size();
    const auto is_copying = [&] {
      const std::vector<std::string> names = NamesIn(to);
      return names.size() > before ||
             std::any_of(names.begin(), names.end(),
                         [](const std::string& name) { return name.ends_with(".incomplete"); });
    };
    REQUIRE(Eventually(kPatience, is_copying));
    planned.relay.Kill();
    planned.relay.Start();
  }
  planned.relay.Kill();
  for (const std::string& name : NamesIn(to)) {
    if (name.ends_with(".incomplete")) continue;
    const RunResult verified = Run({RelayBinary(), "verify", "--data", to + "/" + name});
    CHECK_MESSAGE(verified.exit_code == 0, verified.output);
  }
}

TEST_CASE("shipped checkpoints: one that fails is said everywhere, and writes go on") {
  Planned planned("every: 1s, command: [/bin/sh, -c, 'echo the tape is full; exit 3']");
  const auto is_failing = [&] { return planned.Metric("checkpoint_plan_failing") == 1; };
  REQUIRE(Eventually(kPatience, is_failing));
  const std::string reason = "/bin/sh: exit code 3: the tape is full";
  CHECK_NE(planned.relay.Status().find(reason), std::string::npos);
  CHECK_NE(planned.relay.Output().find(reason), std::string::npos);
  CHECK_NE(planned.Do({"status"}).output.find("checkpoint: the scheduled one failed: " + reason),
           std::string::npos);
  CHECK_EQ(planned.relay.Write("metrics", "cpu v=6 6").status, 204);
  CHECK_EQ(Get(planned.relay.admin(), "/readyz").status, 200);
  CHECK(NamesIn(planned.relay.log_path() + "/checkpoints").empty());
}

TEST_CASE("checkpoint --to: a copy lies elsewhere, and nothing stays at the relay") {
  Planned planned("");
  const RunResult dry = planned.Do({"checkpoint", "one", "--to", planned.copies, "--dry-run"});
  CHECK_EQ(dry.output, fmt::format("would ship a checkpoint {}/one\n", planned.copies));
  CHECK(NamesIn(planned.copies).empty());
  const RunResult done = planned.Do({"checkpoint", "one", "--to", planned.copies});
  CHECK_EQ(done.output, fmt::format("shipped a checkpoint {}/one\n", planned.copies));
  CHECK(NamesIn(planned.relay.log_path() + "/checkpoints").empty());
  const RunResult again = planned.Do({"checkpoint", "one", "--to", planned.copies});
  CHECK_EQ(again.exit_code, 2);
  CHECK_NE(again.output.find("already exists"), std::string::npos);
  const RunResult nowhere = planned.Do({"checkpoint", "two", "--to", planned.copies + "/no"});
  CHECK_EQ(nowhere.exit_code, 1);
  CHECK_NE(nowhere.output.find("/no is not a directory: create it, or name another one"),
           std::string::npos);
  const RunResult both =
      planned.Do({"checkpoint", "one", "--to", planned.copies, "--drop", "--yes"});
  CHECK_EQ(both.exit_code, 2);
  CHECK_NE(both.output.find("--drop"), std::string::npos);
  CHECK(NamesIn(planned.relay.log_path() + "/checkpoints").empty());
  CHECK_EQ(planned.Do({"checkpoint", "--to", planned.copies}).exit_code, 0);
  CHECK_EQ(NamesIn(planned.copies).size(), 2);
  CheckStartsOn(planned, planned.copies + "/one");
}

TEST_CASE("checkpoint --command: the command gets the directory; its failure is the command's") {
  Planned planned("");
  const RunResult done =
      planned.Do({"checkpoint", "one", "--command", "/bin/cp -r -t " + planned.copies});
  CHECK_MESSAGE(done.exit_code == 0, done.output);
  CHECK(fs::exists(planned.copies + "/one/identity"));
  const RunResult failed = planned.Do({"checkpoint", "two", "--command", "/bin/false"});
  CHECK_EQ(failed.exit_code, 1);
  CHECK_NE(failed.output.find("/bin/false: exit code 1"), std::string::npos);
  CHECK(NamesIn(planned.relay.log_path() + "/checkpoints").empty());
}

TEST_CASE("metrics: writes are counted by database, those beyond the limit together") {
  Planned planned("");
  RelayProcess::Settings settings = planned.SettingsFor("");
  settings.top = "limits: { metric_databases: 1 }\n";
  planned.relay.Stop();
  planned.relay.Configure(settings);
  planned.relay.Start();
  for (const char* database : {"first", "second", "third", "first"}) {
    REQUIRE_EQ(planned.relay.Write(database, "cpu v=1 1\ncpu v=2 2").status, 204);
  }
  CHECK_EQ(planned.Metric("database_accepted_points_total{database=\"first\"}"), 4);
  CHECK_EQ(planned.Metric("database_accepted_points_total{database=\"other\"}"), 4);
  CHECK_EQ(planned.Metric("database_accepted_points_total{database=\"second\"}"), -1);
}

}  // namespace
}  // namespace relay::test::integration_operators_shipped_checkpoint_test
