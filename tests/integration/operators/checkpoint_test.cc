// Copies of a running relay's log: made, inspected, started on, replayed from.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/load_clients.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/two_servers.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_checkpoint_test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

RunResult Command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), RelayBinary());
  return Run(arguments, 2 * kPatience);
}

RunResult Command(const RelayProcess& relay, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--config", relay.config_path()});
  return Command(std::move(arguments));
}

std::string PlaceOf(const RelayProcess& relay, const std::string& name) {
  return relay.log_path() + "/checkpoints/" + name;
}

void MustCopy(const RelayProcess& relay, const std::string& name) {
  const RunResult made = Command(relay, {"checkpoint", name});
  REQUIRE_MESSAGE(made.exit_code == 0, made.output);
}

// Simulates the loss of a machine: the relay's log is now what the copy holds.
void PutInPlace(const RelayProcess& relay, const std::string& name) {
  const std::string lost = relay.log_path() + ".lost";
  fs::remove_all(lost);
  fs::rename(relay.log_path(), lost);
  fs::rename(lost + "/checkpoints/" + name, relay.log_path());
}

TEST_CASE(
    "checkpoint: made under load, a relay started on it delivers what the copy owed, and goes on") {
  TwoServers both;
  for (const std::string database : {"meanwhile", "after"}) {
    both.a.CreateDatabase(database);
    both.b.CreateDatabase(database);
  }
  Writers before({.relay = both.relay.endpoint(), .seed = 1});
  REQUIRE(before.WaitForMore(200));
  both.b.Kill();
  REQUIRE(before.WaitForMore(400));
  before.Stop();

  Writers meanwhile({.relay = both.relay.endpoint(), .database = "meanwhile", .seed = 2});
  REQUIRE(meanwhile.WaitForMore(200));
  const std::uint64_t acknowledged = meanwhile.acknowledged();
  MustCopy(both.relay, "copy");
  REQUIRE(meanwhile.WaitForMore(200));
  both.relay.Kill();
  meanwhile.Stop();

  PutInPlace(both.relay, "copy");
  both.relay.Start();
  CHECK(Contains(Get(both.relay.admin(), "/readyz").body, "degraded"));
  const BackendStatus owing = StatusOf(both.relay, "b");
  CHECK_GT(owing.figures.owed.points, 2'000);
  CHECK_EQ(owing.figures.unaccounted(), 0);
  Writers after({.relay = both.relay.endpoint(), .database = "after", .seed = 3});
  REQUIRE(after.WaitForMore(100));
  after.Stop();
  both.b.Start();
  REQUIRE(both.relay.WaitDrained(3 * kPatience));

  for (const Influxd* server : {&both.a, &both.b}) {
    CHECK_EQ(before.Differences(server->ReadPoints("metrics", "load")), "");
    CHECK_EQ(after.Differences(server->ReadPoints("after", "load")), "");
  }
  // Each request has five points of its own.
  CHECK_GE(both.b.CountPoints("meanwhile", "load", "v"), 5 * acknowledged);
  for (const std::string name : {"a", "b"}) {
    const QueueStats figures = StatusOf(both.relay, name).figures;
    CHECK_EQ(figures.unaccounted(), 0);
    CHECK_EQ(figures.owed.points, 0);
    CHECK_EQ(figures.delivered + figures.dead, figures.accepted.points + figures.rewound);
  }
}

// A relay with some of everything in its log; "away" takes nothing.
struct Eventful {
  TempDir directory;
  FakeBackend here;
  FakeBackend away;
  RelayProcess relay{directory.path(), {.backends = {{"here", here.Url()}, {"away", away.Url()}}}};

  Eventful() {
    here.Follow([](const FakeRequest& request) {
      const bool bad = request.body.find("poison") != std::string::npos;
      return bad ? Answering(400, R"({"error":"unable to parse 'poison'"})") : Answering(204);
    });
    away.Refuse();
    for (int i = 1; i <= 6; ++i) {
      const std::string line = fmt::format("{} v={} {}", i == 3 ? "poison" : "cpu", i, i);
      REQUIRE_EQ(relay.Write("metrics", line).status, 204);
    }
    REQUIRE(Eventually(kPatience, [this] { return StatusOf(relay, "here").figures.dead == 1; }));
    REQUIRE(
        Eventually(kPatience, [this] { return StatusOf(relay, "here").figures.owed.points == 0; }));
    const RunResult skipped =
        Command(relay, {"skip", "--backend", "away", "--to", "2", "--note", "bad data", "--yes"});
    REQUIRE_MESSAGE(skipped.exit_code == 0, skipped.output);
  }
};

TEST_CASE("checkpoint: every tool that reads a log reads a copy") {
  Eventful eventful;
  MustCopy(eventful.relay, "copy");
  REQUIRE_EQ(eventful.relay.Write("metrics", "cpu v=7 7").status, 204);
  const std::string copy = PlaceOf(eventful.relay, "copy");
  const auto look = [&copy](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--data", copy});
    RunResult run = Command(std::move(arguments));
    INFO(run.output);
    CHECK_EQ(run.exit_code, 0);
    return run.output;
  };
  const std::string status = look({"status", "--json"});
  CHECK_EQ(BackendIn(status, "away").figures.owed.points, 4);
  CHECK_EQ(BackendIn(status, "away").figures.dropped, 2);
  CHECK_EQ(BackendIn(status, "here").figures.delivered, 5);
  CHECK(look({"status"}).find("away") != std::string::npos);
  CHECK(Contains(look({"inspect", "--backend", "away", "--lines"}), "cpu v=6 6"));
  CHECK(Contains(look({"inspect", "--backend", "here", "--dead"}), "unable to parse"));
  CHECK(Contains(look({"export", "--backend", "away", "--format", "lp"}),
                 "poison v=3 3\ncpu v=4 4\ncpu v=5 5\ncpu v=6 6\n"));
  CHECK(Contains(look({"dead", "list", "--backend", "here"}), "unable to parse"));
  CHECK(Contains(look({"dead", "show", "--backend", "here", "1"}), "poison v=3 3"));
  CHECK(Contains(look({"gaps", "--backend", "away"}), "bad data"));
  CHECK(Contains(look({"audit"}), "make a checkpoint in " + copy));
  CHECK(Contains(look({"backend", "list"}), "away"));
  CHECK(look({"verify"}).ends_with("sound\n"));
  // The inspections have changed nothing.
  eventful.relay.Kill();
  PutInPlace(eventful.relay, "copy");
  eventful.relay.Start();
  CHECK_EQ(BackendIn(eventful.relay.Status(), "away").figures.owed.points, 4);
}

TEST_CASE("checkpoint: listed, deleted, and refused where it must not be") {
  Eventful eventful;
  const RelayProcess& relay = eventful.relay;
  const std::string copy = PlaceOf(relay, "copy");
  CHECK_EQ(Command(relay, {"checkpoint", "copy", "--dry-run"}).output,
           "would make a checkpoint in " + copy + "\n");
  CHECK_FALSE(fs::exists(copy));
  const RunResult made = Command(relay, {"checkpoint", copy, "--json"});
  CHECK_EQ(made.exit_code, 0);
  CHECK_EQ(json::parse(made.output).at("path"), copy);
  CHECK(fs::status(copy).permissions() == fs::perms::owner_all);

  struct Wrong {
    std::vector<std::string> arguments;
    int exit_code;
    std::string words;
  };
  for (const Wrong& wrong : std::vector<Wrong>{
           {{"copy"}, 2, "already exists"},
           {{eventful.directory.File("elsewhere")}, 2, "(log.checkpoint_dir): give a name"},
           {{relay.log_path() + "/db/copy"}, 2, "(log.checkpoint_dir): give a name"},
           {{"../copy"}, 2, "(log.checkpoint_dir): give a name"},
           {{"copy.incomplete"}, 2, "is not a valid checkpoint name"},
           {{}, 2, "specify DIR"},
           {{"--drop"}, 2, "requires"},
           {{"none", "--drop", "--yes"}, 1, "no checkpoint"},
           {{"copy", "--drop"}, 2, "Pass --yes to confirm."},
       }) {
    std::vector<std::string> arguments = wrong.arguments;
    arguments.insert(arguments.begin(), "checkpoint");
    const RunResult run = Command(relay, arguments);
    CAPTURE(run.output);
    CHECK_EQ(run.exit_code, wrong.exit_code);
    CHECK(Contains(run.output, wrong.words));
  }
  const json list = json::parse(Command(relay, {"checkpoint", "--list", "--json"}).output);
  REQUIRE_EQ(list.at("checkpoints").size(), 1);
  CHECK_EQ(list.at("checkpoints").at(0).at("path"), copy);
  CHECK(Contains(Command(relay, {"checkpoint", "--list"}).output, "UNSHARED"));
  CHECK_EQ(Command(relay, {"checkpoint", "copy", "--drop", "--yes"}).exit_code, 0);
  CHECK_FALSE(fs::exists(copy));
}

TEST_CASE("checkpoint: a relay started on one is degraded until somebody takes note of it") {
  FakeBackend backend;
  const TempDir directory;
  RelayProcess relay(directory.path(), {.backends = {{"a", backend.Url()}}});
  REQUIRE_EQ(relay.Write("metrics", "cpu v=1 1").status, 204);
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(Command(relay, {"acknowledge", "--yes"}).exit_code, 1);
  MustCopy(relay, "copy");
  const std::string lost = relay.Write("metrics", "cpu v=2 2").Header("x-relay-position");
  REQUIRE(relay.WaitDrained());
  const auto at = [&relay](const std::string& path) { return Get(relay.admin(), path).body; };
  CHECK(Contains(at("/api/v1/positions/" + lost), "passed"));
  relay.Kill();
  PutInPlace(relay, "copy");
  for (int start = 1; start <= 2; ++start) {
    relay.Start();
    CHECK(Contains(at("/readyz"), "degraded"));
    CHECK(Contains(at("/readyz"), "may be missing"));
    CHECK(Contains(relay.Output(), "log started on a checkpoint"));
    if (start == 1) relay.Kill();
  }
  REQUIRE_EQ(relay.Write("metrics", "cpu v=3 3").status, 204);
  REQUIRE(relay.WaitDrained());
  CHECK(Contains(at("/api/v1/positions/" + lost), "unknown"));
  CHECK(Contains(Command(relay, {"status"}).output, "acknowledge"));
  CHECK(Contains(Command(relay, {"gaps", "--backend", "a"}).output, "other copy"));
  CHECK(Contains(Command(relay, {"audit"}).output, "started on a checkpoint"));
  const RunResult done = Command(relay, {"acknowledge", "--note", "looked at it", "--yes"});
  INFO(done.output);
  CHECK_EQ(done.exit_code, 0);
  CHECK(Contains(at("/readyz"), "ready"));
  CHECK_FALSE(Contains(at("/readyz"), "degraded"));
  CHECK(Contains(Command(relay, {"audit"}).output, "looked at it"));
}

TEST_CASE("checkpoint: an unfinished one is deleted when the relay starts") {
  Eventful eventful;
  const std::string half = PlaceOf(eventful.relay, "copy.incomplete");
  fs::create_directories(half);
  WriteFile(half + "/identity", "influxdb-relay checkpoint, not finished\n");
  const RunResult run = Command({"status", "--data", half});
  CHECK_EQ(run.exit_code, 2);
  CHECK(Contains(run.output, "an unfinished checkpoint"));
  eventful.relay.Kill();
  eventful.relay.Start();
  CHECK(Eventually(kPatience, [&] { return !fs::exists(half); }));
}

TEST_CASE("checkpoint: if the relay is stopped a plain copy is one, and the command says so") {
  Eventful eventful;
  CHECK_EQ(eventful.relay.Stop().exit_code, 0);
  const RunResult run = Command(eventful.relay, {"checkpoint", "copy"});
  CHECK_EQ(run.exit_code, 1);
  CHECK(Contains(run.output, "no relay answers at 127.0.0.1:"));
  CHECK(Contains(run.output, fmt::format("`cp -a {} DIR`", eventful.relay.log_path())));
  const std::string copy = eventful.directory.File("copy");
  CHECK_EQ(Run({"cp", "-a", eventful.relay.log_path(), copy}).exit_code, 0);
  CHECK_EQ(Command({"verify", "--data", copy}).exit_code, 0);
  fs::remove_all(eventful.relay.log_path());
  fs::rename(copy, eventful.relay.log_path());
  eventful.relay.Start();
  CHECK(Contains(Get(eventful.relay.admin(), "/readyz").body, "\"ready\""));
  CHECK_EQ(StatusOf(eventful.relay, "away").figures.owed.points, 4);
}

// A relay whose log keeps nothing delivered; it got ten records, and a
// checkpoint that was made while they were owed.
struct Forgetful {
  TempDir directory;
  FakeBackend here;
  FakeBackend elsewhere;
  RelayProcess relay{directory.path(),
                     {.backends = {{"here", here.Url()}},
                      .log = {"keep_delivered: { for: 0s }"},
                      .admin = {"replay_targets: [" + elsewhere.Url() + "]"}}};

  Forgetful() {
    here.Refuse();
    for (int i = 1; i <= 10; ++i) {
      REQUIRE_EQ(relay.Write("metrics", fmt::format("cpu v={} {}", i, i)).status, 204);
    }
    MustCopy(relay, "copy");
    here.Listen();
    REQUIRE(relay.WaitDrained());
    REQUIRE(
        Eventually(kPatience, [this] { return StatusOf(relay, "here").figures.kept.points == 0; }));
    here.Forget();
  }
};

std::string LinesFrom(int first, int last) {
  std::string lines;
  for (int i = first; i <= last; ++i) lines += fmt::format("cpu v={} {}\n", i, i);
  return lines;
}

TEST_CASE("checkpoint: a replay sends from it records that the log no longer keeps") {
  Forgetful forgetful;
  const auto replay = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"replay", "--backend", "here"});
    return Command(forgetful.relay, std::move(arguments));
  };
  const RunResult kept = replay({"--yes"});
  CHECK_EQ(kept.exit_code, 2);
  CHECK(Contains(kept.output, "no records of that range are kept"));
  const RunResult planned = replay({"--from-checkpoint", "copy", "--from", "2", "--dry-run"});
  CHECK(Contains(planned.output, "would replay records 2 to 10 of here: 9 records ("));
  CHECK(Contains(planned.output, ", from checkpoint copy to here"));

  const RunResult back = replay({"--from-checkpoint", "copy", "--from", "2", "--to", "4", "--yes"});
  CHECK_EQ(back.exit_code, 0);
  CHECK(Contains(back.output, "is done: 3 points sent"));
  CHECK_EQ(forgetful.here.Bodies(), LinesFrom(2, 4));
  const RunResult away = replay({"--from-checkpoint", PlaceOf(forgetful.relay, "copy"), "--to-url",
                                 forgetful.elsewhere.Url(), "--yes"});
  CHECK_EQ(away.exit_code, 0);
  CHECK_EQ(forgetful.elsewhere.Bodies(), LinesFrom(1, 10));
  CHECK_EQ(StatusOf(forgetful.relay, "here").figures.delivered, 10);

  for (const std::string wrong : {"none", "../copy", "/etc"}) {
    const RunResult refused = replay({"--from-checkpoint", wrong, "--yes"});
    CAPTURE(refused.output);
    CHECK_EQ(refused.exit_code, wrong == "none" ? 1 : 2);
    CHECK(Contains(refused.output, "checkpoint"));
  }
}

TEST_CASE("checkpoint: a replay from it goes on after a restart, where it was") {
  Forgetful forgetful;
  forgetful.elsewhere.Refuse();
  CHECK_EQ(Command(forgetful.relay, {"replay", "--backend", "here", "--from-checkpoint", "copy",
                                     "--to-url", forgetful.elsewhere.Url(), "--yes", "--detach"})
               .output,
           "replay 1 started\n");
  forgetful.relay.Kill();
  forgetful.relay.Start();
  forgetful.elsewhere.Listen();
  const RunResult followed = Command(forgetful.relay, {"replay", "--follow", "1", "--json"});
  CHECK_EQ(followed.exit_code, 0);
  CHECK_EQ(json::parse(followed.output).at("checkpoint"), "copy");
  CHECK_EQ(json::parse(followed.output).at("points_sent"), 10);
  CHECK_EQ(forgetful.elsewhere.Bodies(), LinesFrom(1, 10));
}

}  // namespace
}  // namespace relay::test::integration_operators_checkpoint_test
