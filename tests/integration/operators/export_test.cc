// The content of one relay, exported and imported elsewhere.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"
#include "wal/reading/load.h"
#include "wal/record/rows.h"
#include "wal/store/store.h"

namespace relay::test::integration_operators_export_test {
namespace {

using nlohmann::json;

RunResult Export(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {RelayBinary(), "export"});
  return Run(arguments);
}

// A relay that owes everything to a server that is away.
struct Owing {
  TempDir directory;
  FakeBackend away;
  RelayProcess relay{directory.path(), {.backends = {{"away", away.Url()}}}};

  Owing() {
    away.Refuse();
    for (int i = 1; i <= 20; ++i) {
      Write("metrics", fmt::format("m,h=a v={}i {}\n", i, i), "precision=s");
    }
    Write("metrics", "other,h=b text=\"a,b c\" 5\n", "rp=week");
  }
  void Write(const std::string& database, const std::string& lines,
             const std::string& parameters) const {
    REQUIRE_EQ(relay.Write(database, lines, parameters).status, 204);
  }
};

TEST_CASE("export: what a backend is owed is in another server once imported, by either tool") {
  const Owing owing;
  const std::string file = owing.directory.File("dump");
  const RunResult exported =
      Export({"--config", owing.relay.config_path(), "--output", file, "--json"});
  INFO(exported.output);
  REQUIRE_EQ(exported.exit_code, 0);
  CHECK_EQ(json::parse(exported.output).at("lines"), 21);

  std::vector<std::vector<StoredPoint>> stored;
  for (const bool ours : {true, false}) {
    const TempDir directory;
    Influxd server(directory.path());
    server.CreateDatabase("metrics");
    server.Query("metrics", "CREATE RETENTION POLICY week ON metrics DURATION 5200w REPLICATION 1");
    const TempDir relay_directory;
    RelayProcess relay(relay_directory.path(), {.backends = {{"a", server.Url()}}});
    const std::string port = std::to_string(server.endpoint().port);
    const RunResult imported =
        ours ? Run({RelayBinary(), "import", file, "--to",
                    fmt::format("http://127.0.0.1:{}", relay.endpoint().port)})
             : Run({"influx", "-port", port, "-import", "-path", file});
    INFO(imported.output);
    CHECK_EQ(imported.exit_code, 0);
    REQUIRE(relay.WaitDrained());
    stored.push_back(server.ReadPoints("metrics", "m"));
    stored.push_back(server.ReadPoints("metrics", R"("week"."other")"));
  }
  CHECK_EQ(stored[0].size(), 20);
  CHECK_EQ(stored[0][19].time_ns, 20'000'000'000);
  CHECK_EQ(stored[1].size(), 1);
  CHECK(stored[0] == stored[2]);
  CHECK(stored[1] == stored[3]);
}

TEST_CASE("export: a range, a measurement, and lines alone") {
  const Owing owing;
  const RunResult run =
      Export({"--config", owing.relay.config_path(), "--from", "2", "--to", "3", "--format", "lp"});
  CHECK_EQ(run.exit_code, 0);
  CHECK(run.output.starts_with("m,h=a v=2i 2000000000\nm,h=a v=3i 3000000000\n"));
  const RunResult other =
      Export({"--config", owing.relay.config_path(), "--measurement", "other", "--format", "lp"});
  CHECK(other.output.starts_with("other,h=b text=\"a,b c\" 5\n"));
  const RunResult both = Export({"--config", owing.relay.config_path(), "--format", "lp"});
  CHECK_EQ(both.exit_code, 2);
  CHECK_NE(both.output.find("choose with --database"), std::string::npos);
}

TEST_CASE("export: a damaged record is left out, reported, and makes the exit code 1") {
  Owing owing;
  owing.relay.Stop();
  {
    const auto store = OpenStore({.directory = StoreDirectory(owing.relay.log_path())}).value();
    const auto batch = store->NewBatch();
    batch->Put(Family::kPayloads, PayloadKey(PayloadId(7)), "nonsense");
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const RunResult run = Export({"--data", owing.relay.log_path(), "--to", "9", "--format", "lp"});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 1);
  CHECK_NE(run.output.find("sequence 7 is damaged and left out"), std::string::npos);
  CHECK_NE(run.output.find("m,h=a v=6i 6000000000\nm,h=a v=8i 8000000000\n"), std::string::npos);
  CHECK_NE(run.output.find("8 lines of 8 records exported, 1 damaged records left out"),
           std::string::npos);
}

TEST_CASE("export: an existing file is not replaced") {
  const Owing owing;
  const std::string file = owing.directory.File("precious");
  WriteFile(file, "precious");
  const RunResult run = Export({"--config", owing.relay.config_path(), "--output", file});
  CHECK_EQ(run.exit_code, 2);
  CHECK_NE(run.output.find(file + ": File exists"), std::string::npos);
  CHECK_EQ(ReadFile(file), "precious");
}

}  // namespace
}  // namespace relay::test::integration_operators_export_test
