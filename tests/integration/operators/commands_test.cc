// The program's command line, as a person uses it.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/log_fixture.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test::integration_operators_commands_test {
namespace {

using nlohmann::json;

RunResult Command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), RelayBinary());
  return Run(arguments);
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Returns the JSON objects that a command printed, one a line, among other output.
std::vector<json> Objects(const std::string& output) {
  std::vector<json> objects;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('{')) objects.push_back(json::parse(line));
  }
  return objects;
}

// A configuration of its own, on free ports unless given others.
struct Place {
  std::string log;
  std::uint16_t port = FreePort();
  std::uint16_t admin_port = FreePort();
};

std::string Configured(const TempDir& directory, const Place& place) {
  std::string path = directory.File("other.yml");
  WriteFile(path, fmt::format("log: {{ path: {} }}\n"
                              "http: [{{ address: 127.0.0.1:{} }}]\n"
                              "admin: {{ address: 127.0.0.1:{} }}\n"
                              "backends: [{{ name: a, url: http://127.0.0.1:1 }}]\n",
                              place.log, place.port, place.admin_port));
  return path;
}

// A relay that owes backend "away" five records of one to five points, and "here" none.
struct Owing {
  TempDir directory;
  FakeBackend here;
  FakeBackend away;
  RelayProcess relay{directory.path(), {.backends = {{"here", here.Url()}, {"away", away.Url()}}}};

  Owing() {
    away.Refuse();
    for (int i = 1; i <= 4; ++i) Write(i, "");
    Write(5, "rp=week&precision=s");
    const bool delivered = Eventually(kPatience, [this] { return HereHasAll(); });
    REQUIRE(delivered);
    REQUIRE(WaitForState(relay, "away", "retrying"));
  }

  void Write(int points, const std::string& parameters) const {
    std::string lines;
    for (int i = 1; i <= points; ++i) lines += fmt::format("m v={} {}\n", points, i);
    REQUIRE_EQ(relay.Write("metrics", lines, parameters).status, 204);
  }
  bool HereHasAll() const {
    const BackendStatus status = StatusOf(relay, "here");
    return status.figures.marks.lag() == 0 && status.state == "caught up";
  }
  bool IsReady() const { return Get(relay.admin(), "/readyz").status == 200; }

  std::string CopyLog() const {
    std::filesystem::copy(relay.log_path(), directory.File("copy"),
                          std::filesystem::copy_options::recursive);
    return directory.File("copy");
  }
};

// ---- Help and errors of usage

TEST_CASE("commands: help names every command, and each explains its options") {
  const RunResult help = Command({"--help"});
  CHECK_EQ(help.exit_code, 0);
  for (const std::string command : {"serve", "check-config", "status", "inspect", "verify"}) {
    CHECK(Contains(help.output, command));
    const RunResult one = Command({command, "--help"});
    CHECK_EQ(one.exit_code, 0);
    CHECK(Contains(one.output, "--config"));
  }
}

TEST_CASE("commands: the version is shown") {
  const RunResult run = Command({"--version"});
  CHECK_EQ(run.exit_code, 0);
  CHECK(run.output.starts_with("influxdb-relay "));
}

TEST_CASE("commands: unknown arguments are a usage error") {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"frobnicate"},
                                             {"--frobnicate"},
                                             {"serve", "--frobnicate"},
                                             {"status", "extra"},
                                             {"inspect", "--limit", "0"}}) {
    const RunResult run = Command(arguments);
    INFO(run.output);
    CHECK_EQ(run.exit_code, 2);
    CHECK_FALSE(run.output.empty());
  }
}

// ---- The configuration

TEST_CASE("commands: check-config says what a valid file means") {
  const TempDir directory;
  const std::string path = Configured(directory, {.log = directory.File("log")});
  const RunResult run = Command({"check-config", path});
  CHECK_EQ(run.exit_code, 0);
  CHECK(Contains(run.output, path + ": valid"));
  CHECK(Contains(run.output, "a at http://127.0.0.1:1"));
  CHECK_FALSE(std::filesystem::exists(directory.File("log")));
}

TEST_CASE("commands: a broken configuration is reported with file, line and column") {
  const TempDir directory;
  const std::string path = directory.File("broken.yml");
  WriteFile(path, "backends:\n  - name: a\n    url: http://a\n    timeout: 5 parsecs\n");
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"check-config", path},
                                             {"serve", "--config", path},
                                             {"status", "--config", path},
                                             {"inspect", "--config", path},
                                             {"-config", path}}) {
    const RunResult run = Command(command);
    CHECK_EQ(run.exit_code, 2);
    CHECK(Contains(run.output, path + ":4:14: backends[0].timeout: expected"));
  }
}

TEST_CASE("commands: a missing configuration is reported by its name") {
  const TempDir directory;
  const RunResult run = Command({"check-config", directory.File("none.yml")});
  CHECK_EQ(run.exit_code, 2);
  CHECK(Contains(run.output, directory.File("none.yml") + ": No such file"));
}

// ---- Starting

TEST_CASE("commands: a data directory in use by another relay is left alone") {
  const Owing owing;
  const TempDir directory;
  const RunResult run =
      Command({"serve", "--config", Configured(directory, {.log = owing.relay.log_path()})});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 1);
  CHECK(Contains(run.output, "data directory " + owing.relay.log_path()));
  CHECK(Contains(run.output, "is in use by another process"));
  CHECK_EQ(owing.relay.Write("metrics", "m v=1 1\n").status, 204);
}

TEST_CASE("commands: a port in use, for writes or for the admin, is reported") {
  const Owing owing;
  const TempDir directory;
  for (const Place& place :
       {Place{.log = directory.File("log"), .port = owing.relay.endpoint().port},
        Place{.log = directory.File("log"), .admin_port = owing.relay.admin().port}}) {
    const RunResult run = Command({"serve", "--config", Configured(directory, place)});
    CHECK_EQ(run.exit_code, 1);
    CHECK(Contains(run.output, "Address already in use"));
  }
}

TEST_CASE("commands: -config FILE starts the relay, as the original") {
  Owing owing;
  CHECK_EQ(owing.relay.Stop().exit_code, 0);
  Process original({.argv = {RelayBinary(), "-config", owing.relay.config_path()},
                    .output_path = owing.directory.File("original.out")});
  const bool ready = Eventually(kPatience, [&owing] { return owing.IsReady(); });
  REQUIRE(ready);
  CHECK_EQ(owing.relay.Write("metrics", "m v=1 1\n").status, 204);
  original.Kill(SIGTERM);
  CHECK_EQ(original.WaitFor(kPatience), 0);
}

// ---- Status

// Checks the figures that are the same from every source.
void CheckOwingFigures(const std::string& status_json) {
  INFO(status_json);
  const QueueStats here = BackendIn(status_json, "here").figures;
  CHECK_EQ(here.marks.cursor.value(), 5);
  CHECK_EQ(here.marks.head.value(), 5);
  CHECK_EQ(here.delivered, 15);
  CHECK_EQ(here.owed.points, 0);
  CHECK_EQ(here.unaccounted(), 0);
  const QueueStats away = BackendIn(status_json, "away").figures;
  CHECK_EQ(away.marks.cursor.value(), 0);
  CHECK_EQ(away.marks.head.value(), 5);
  CHECK_EQ(away.marks.lag(), 5);
  CHECK_EQ(away.owed.points, 15);
  CHECK_EQ(away.owed.bytes.count(), 15 * 8);
  CHECK_EQ(away.accepted.points, 15);
  CHECK_EQ(away.delivered, 0);
  CHECK_EQ(away.unaccounted(), 0);
  CHECK(away.oldest_owed.has_value());
}

std::string StatusJson(const std::vector<std::string>& where) {
  std::vector<std::string> arguments = {"status", "--json"};
  arguments.insert(arguments.end(), where.begin(), where.end());
  const RunResult run = Command(arguments);
  CHECK_EQ(run.exit_code, 0);
  const std::vector<json> objects = Objects(run.output);
  REQUIRE_EQ(objects.size(), 1);
  return objects.front().dump();
}

// On disk, a cursor may be a moment behind.
bool CursorIsWritten(const std::vector<std::string>& where) {
  return BackendIn(StatusJson(where), "here").figures.marks.lag() == 0;
}

TEST_CASE("commands: status shows the same of a running relay, a stopped one, and a copy") {
  Owing owing;
  const std::string running = StatusJson({"--config", owing.relay.config_path()});
  CheckOwingFigures(running);
  CHECK(json::parse(running).at("running"));
  CHECK_EQ(BackendIn(running, "here").state, "caught up");
  CHECK_EQ(BackendIn(running, "away").state, "retrying");
  CHECK_FALSE(BackendIn(running, "away").why.empty());
  const std::vector<std::string> on_disk = {"--data", owing.relay.log_path()};
  const bool written = Eventually(kPatience, [&on_disk] { return CursorIsWritten(on_disk); });
  REQUIRE(written);
  CheckOwingFigures(StatusJson(on_disk));

  CHECK_EQ(owing.relay.Stop().exit_code, 0);
  const std::string stopped = StatusJson({"--config", owing.relay.config_path()});
  CheckOwingFigures(stopped);
  CHECK_FALSE(json::parse(stopped).at("running"));
  CHECK_EQ(BackendIn(stopped, "away").state, "not running");
  CHECK_EQ(BackendIn(stopped, "away").figures.oldest_owed,
           BackendIn(running, "away").figures.oldest_owed);
  CheckOwingFigures(StatusJson({"--data", owing.CopyLog()}));
}

TEST_CASE("commands: status is a table for a person") {
  Owing owing;
  const RunResult running = Command({"status", "--config", owing.relay.config_path()});
  CHECK_EQ(running.exit_code, 0);
  CHECK(running.output.starts_with("BACKEND"));
  CHECK(Contains(running.output, "\nhere     caught up"));
  CHECK(Contains(running.output, "\naway     retrying"));
  CHECK(Contains(running.output, "120 B"));
  CHECK(Contains(running.output, "\naway: "));

  CHECK_EQ(owing.relay.Stop().exit_code, 0);
  const RunResult stopped = Command({"status", "--config", owing.relay.config_path()});
  CHECK_EQ(stopped.exit_code, 0);
  CHECK(Contains(stopped.output, "reading " + owing.relay.log_path()));
  CHECK(Contains(stopped.output, "\naway     not running"));
}

TEST_CASE("commands: a directory without a log is reported by its name, as it was given") {
  const TempDir directory;
  for (const std::string command : {"inspect", "verify", "export"}) {
    const RunResult run = Command({command, "--data", directory.File("none")});
    CHECK_EQ(run.exit_code, 1);
    CHECK(Contains(run.output, "there is no log in " + directory.File("none") + "\n"));
  }
}

// ---- Inspect

std::vector<json> Inspected(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"inspect", "--json", "--backend", "away"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const RunResult run = Command(arguments);
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
  return Objects(run.output);
}

std::vector<int> Sequences(const std::vector<json>& records) {
  std::vector<int> sequences;
  sequences.reserve(records.size());
  for (const json& record : records) sequences.push_back(record.at("sequence"));
  return sequences;
}

void CheckRecords(const std::vector<json>& records) {
  REQUIRE_EQ(Sequences(records), std::vector<int>{1, 2, 3, 4, 5});
  CHECK_EQ(records[1].at("points"), 2);
  CHECK_EQ(records[1].at("bytes"), 16);
  CHECK_EQ(records[1].at("database"), "metrics");
  CHECK_EQ(records[1].at("lines"), "m v=2 1\nm v=2 2\n");
  CHECK_EQ(records[4].at("retention_policy"), "week");
  CHECK_EQ(records[4].at("precision"), "s");
}

TEST_CASE("commands: inspect shows the same of a running relay, a stopped one, and a copy") {
  Owing owing;
  const std::vector<json> running = Inspected({"--config", owing.relay.config_path(), "--lines"});
  CheckRecords(running);
  CHECK_EQ(owing.relay.Stop().exit_code, 0);
  CHECK_EQ(Inspected({"--config", owing.relay.config_path(), "--lines"}), running);
  CHECK_EQ(Inspected({"--data", owing.CopyLog(), "--lines"}), running);
}

TEST_CASE("commands: inspect shows a range of sequences or of time") {
  const Owing owing;
  const auto in = [&owing](std::vector<std::string> range) {
    range.insert(range.end(), {"--config", owing.relay.config_path()});
    return Sequences(Inspected(range));
  };
  CHECK_EQ(in({"--from", "2", "--to", "3"}), std::vector<int>{2, 3});
  CHECK_EQ(in({"--from", "4"}), std::vector<int>{4, 5});
  CHECK_EQ(in({"--to", "2"}), std::vector<int>{1, 2});
  CHECK_EQ(in({"--limit", "3"}), std::vector<int>{1, 2, 3});
  CHECK_EQ(in({"--from", "6"}), std::vector<int>{});

  const std::vector<json> all = Inspected({"--config", owing.relay.config_path()});
  const std::string third = all.at(2).at("accepted_at");
  CHECK_EQ(in({"--from", third}), std::vector<int>{3, 4, 5});
  CHECK_EQ(in({"--to", third}), std::vector<int>{1, 2});
  CHECK_EQ(in({"--from", "2000-01-01T00:00:00Z"}), std::vector<int>{1, 2, 3, 4, 5});
  CHECK_EQ(in({"--from", "2100-01-01T00:00:00Z"}), std::vector<int>{});
  CHECK_EQ(in({"--from", "2000-01-01T01:00:00+01:00"}), std::vector<int>{1, 2, 3, 4, 5});
  CHECK_EQ(in({"--from", "2h30m ago"}), std::vector<int>{1, 2, 3, 4, 5});
  CHECK_EQ(in({"--from", "-1d", "--to", "now"}), std::vector<int>{1, 2, 3, 4, 5});
  CHECK_EQ(in({"--to", "-1h"}), std::vector<int>{});
  CHECK_EQ(in({"--from", "head"}), std::vector<int>{5});
}

TEST_CASE("commands: inspect is a table for a person") {
  const Owing owing;
  const RunResult run = Command({"inspect", "--config", owing.relay.config_path(), "--backend",
                                 "away", "--limit", "2", "--lines"});
  CHECK_EQ(run.exit_code, 0);
  CHECK(Contains(run.output, "SEQUENCE"));
  CHECK(Contains(run.output, "metrics (n"));
  CHECK(Contains(run.output, "\nm v=2 1\nm v=2 2\n"));
  CHECK(Contains(run.output, "... and 3 more"));
}

// Leaves a log that a relay could have left: lane "held" of backend "a" has a
// record, and the one behind it was skipped.
void LeaveHeldAndSkipped(const std::string& directory) {
  const BackendId backend = BackendId::Parse("a").value();
  const auto log = DurableLog::Open({.directory = directory}, {backend}).value();
  for (const std::string database : {"held", "skipped"}) {
    Record record{.params = {.database = database}, .points = 1, .lines = "m v=1 1\n"};
    REQUIRE(AppendAndWait(*log, record, {backend}).ok());
  }
  const auto records = ReadAll(*log, backend);
  REQUIRE(log->Resolve(backend, {.after = Sequence::BeforeFirst(),
                                 .through = records[0].entry.position,
                                 .letters = {},
                                 .gaps = {},
                                 .held = {Sequence(1)}})
              .ok());
  REQUIRE(
      log->Execute(backend, Skip{Sequence(2), {.by = "me", .note = "no use", .when = At(9)}}).ok());
}

TEST_CASE("commands: inspect shows what is on hold and what will never be delivered") {
  const TempDir directory;
  LeaveHeldAndSkipped(directory.path());
  const auto in = [&directory](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"inspect", "--data", directory.path()});
    const RunResult run = Command(arguments);
    CHECK_EQ(run.exit_code, 0);
    return run.output;
  };
  CHECK(in({"--held"})
            .starts_with("held: 1 records, 1 points, 8 bytes, since 1970-01-01T00:00:01Z\n"));
  const std::vector<json> held = Objects(in({"--held", "--lines", "--json"}));
  REQUIRE_EQ(held.size(), 2);
  CHECK_EQ(held[0].at("database"), "held");
  CHECK_EQ(held[1].at("lines"), "m v=1 1\n");
  CHECK(in({"--gaps"}).starts_with("#1 skipped sequences 2 to 2, "));
  const std::vector<json> gaps = Objects(in({"--gaps", "--json"}));
  REQUIRE_EQ(gaps.size(), 1);
  CHECK_EQ(gaps[0].at("reason"), "skipped");
  CHECK_EQ(gaps[0].at("note"), "no use");
  CHECK_EQ(gaps[0].at("databases"), json::array({"skipped"}));
  CHECK_EQ(Command({"inspect", "--held", "--gaps", "--data", directory.path()}).exit_code, 2);
}

TEST_CASE("commands: inspect names the known backends when asked for another") {
  const Owing owing;
  const std::string config = owing.relay.config_path();
  const RunResult unknown = Command({"inspect", "--config", config, "--backend", "nobody"});
  CHECK_EQ(unknown.exit_code, 1);
  CHECK(Contains(unknown.output, "no backend 'nobody'"));
  CHECK(Contains(unknown.output, "away"));
  const RunResult none = Command({"inspect", "--config", config});
  CHECK_EQ(none.exit_code, 2);
  CHECK(Contains(none.output, "specify --backend"));
  const RunResult where =
      Command({"inspect", "--config", config, "--backend", "away", "--from", "someday"});
  CHECK_EQ(where.exit_code, 2);
  CHECK(Contains(where.output, "--from: 'someday' is not a position: expected a sequence (12)"));
}

// ---- The admin port

TEST_CASE("commands: metrics and status show the same figures") {
  const Owing owing;
  const std::string page = Get(owing.relay.admin(), "/metrics").body;
  const json status = json::parse(owing.relay.Status());
  for (const json& backend : status.at("backends")) {
    const auto sample = [&](const std::string& name, const std::string& figure) {
      return fmt::format("\ninfluxdb_relay_backend_{}{{backend=\"{}\"}} {}\n", name,
                         backend.at("name").get<std::string>(),
                         backend.at(figure).get<std::int64_t>());
    };
    CHECK(Contains(page, sample("pending_records", "pending_records")));
    CHECK(Contains(page, sample("pending_points", "pending_points")));
    CHECK(Contains(page, sample("pending_bytes", "pending_bytes")));
    CHECK(Contains(page, sample("delivered_points_total", "delivered_points")));
    CHECK(Contains(page, sample("dead_points_total", "dead_points")));
    CHECK(Contains(page, sample("dropped_points_total", "dropped_points")));
    CHECK(Contains(page, sample("held_points", "held_points")));
    CHECK(Contains(page, sample("unaccounted_points", "unaccounted_points")));
  }
  CHECK(Contains(page, "\ninfluxdb_relay_accepted_points_total 15\n"));
  CHECK(Contains(page, "\ninfluxdb_relay_backend_state{backend=\"away\",state=\"retrying\"} 1\n"));
}

TEST_CASE("commands: the relay says that it is alive and ready, and knows no other paths") {
  const Owing owing;
  CHECK_EQ(Get(owing.relay.admin(), "/healthz").status, 200);
  CHECK_EQ(Get(owing.relay.admin(), "/readyz").status, 200);
  CHECK_EQ(Get(owing.relay.admin(), "/nothing").status, 404);
  CHECK_EQ(Post(owing.relay.admin(), "/healthz", "").status, 405);
}

}  // namespace
}  // namespace relay::test::integration_operators_commands_test
