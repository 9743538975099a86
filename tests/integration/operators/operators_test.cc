// The operators' commands, as a person or a script uses them.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_operators_test {
namespace {

using nlohmann::json;

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A relay that owes "away" three records of a point each, and whose "here" has them.
struct Owing {
  TempDir directory;
  FakeBackend here;
  FakeBackend away;
  RelayProcess relay;

  explicit Owing(const std::string& top = "")
      : relay(directory.path(),
              {.backends = {{"here", here.Url()}, {"away", away.Url()}}, .top = top}) {
    away.Refuse();
    for (int i = 1; i <= 3; ++i) {
      REQUIRE_EQ(relay.Write("metrics", fmt::format("cpu v={} {}", i, i)).status, 204);
    }
    REQUIRE(WaitForState(relay, "away", "retrying"));
    REQUIRE(
        Eventually(kPatience, [this] { return StatusOf(relay, "here").figures.delivered == 3; }));
  }

  RunResult Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), RelayBinary());
    arguments.insert(arguments.end(), {"--config", relay.config_path()});
    return test::Run(arguments);
  }
};

TEST_CASE("operators: pause and resume need no confirmation and survive a restart") {
  Owing owing;
  const RunResult paused = owing.Run({"pause", "--backend", "away"});
  CHECK_EQ(paused.output, "paused the delivery to away\n");
  CHECK_EQ(paused.exit_code, 0);
  CHECK(WaitForState(owing.relay, "away", "paused"));
  owing.relay.Kill();
  owing.relay.Start();
  CHECK(WaitForState(owing.relay, "away", "paused"));
  owing.away.Listen();
  CHECK_EQ(owing.Run({"resume", "--backend", "away"}).exit_code, 0);
  CHECK(owing.relay.WaitDrained());
}

TEST_CASE("operators: a rewind says what it will do, wants --yes, and delivers again") {
  Owing owing;
  const std::vector<std::string> rewind = {"rewind", "--backend", "here", "--to", "1"};
  std::vector<std::string> dry = rewind;
  dry.push_back("--dry-run");
  const std::string said = owing.Run(dry).output;
  CHECK(said.starts_with("would rewind here to 1: 2 records (2 points, 20 B, accepted from 20"));
  CHECK(said.ends_with("Z) are delivered again\n"));
  const RunResult unasked = owing.Run(rewind);
  CHECK_EQ(unasked.exit_code, 2);
  CHECK(Contains(unasked.output, "Pass --yes to confirm."));
  CHECK_EQ(StatusOf(owing.relay, "here").figures.rewound, 0);

  std::vector<std::string> sure = rewind;
  sure.insert(sure.end(), {"--yes", "--json"});
  const RunResult done = owing.Run(sure);
  CHECK_EQ(done.exit_code, 0);
  CHECK_EQ(json::parse(done.output).at("done"), true);
  CHECK(
      Eventually(kPatience, [&] { return StatusOf(owing.relay, "here").figures.delivered == 5; }));
  CHECK_EQ(StatusOf(owing.relay, "here").figures.unaccounted(), 0);
}

TEST_CASE(
    "operators: a skip goes to the gap ledger, which shows it while the relay runs and after") {
  Owing owing;
  CHECK_EQ(owing.Run({"skip", "--backend", "away", "--to", "2", "--note", "bad data", "--yes"})
               .exit_code,
           0);
  const RunResult table = owing.Run({"gaps", "--backend", "away"});
  CHECK(table.output.starts_with("NUMBER"));
  CHECK(Contains(table.output, "skipped"));
  CHECK(Contains(table.output, "bad data"));
  owing.relay.Stop();
  const RunResult listed = owing.Run({"gaps", "--backend", "away", "--json"});
  const json gaps = json::parse(listed.output).at("gaps");
  REQUIRE_EQ(gaps.size(), 1);
  CHECK_EQ(gaps[0].at("points"), 2);
  CHECK_EQ(gaps[0].at("databases"), json::array({"metrics"}));
}

TEST_CASE("operators: a database is held aside, and delivered when it is released") {
  Owing owing;
  CHECK_EQ(owing.Run({"hold", "--backend", "here", "--database", "metrics"}).exit_code, 0);
  // The delivery checks operators' holds once a second.
  CHECK(Eventually(kPatience, [&] {
    const auto lanes = StatusOf(owing.relay, "here").lanes;
    return lanes.size() == 1 && !lanes.front().why.empty();
  }));
  CHECK_EQ(owing.relay.Write("metrics", "cpu v=4 4").status, 204);
  CHECK(Eventually(kPatience,
                   [&] { return StatusOf(owing.relay, "here").figures.held.points == 1; }));
  CHECK(Contains(owing.Run({"status"}).output, "here: metrics is on hold by an operator"));
  CHECK_EQ(owing.Run({"release", "--backend", "here", "--database", "metrics"}).exit_code, 0);
  CHECK(
      Eventually(kPatience, [&] { return StatusOf(owing.relay, "here").figures.delivered == 4; }));
}

TEST_CASE("operators: a mistake is reported, and nothing is changed") {
  Owing owing;
  struct Wrong {
    std::vector<std::string> command;
    int exit_code;
    std::string words;
  };
  for (const Wrong& wrong : std::vector<Wrong>{
           {{"pause", "--backend", "nobody"}, 1, "no backend \"nobody\""},
           {{"rewind", "--backend", "here", "--to", "9", "--yes"}, 2, "at the latest"},
           {{"rewind", "--backend", "here", "--to", "soon", "--yes"}, 2, "is not a position"},
           {{"skip", "--backend", "here", "--to", "head", "--yes"}, 2, "nothing is owed to here"},
           {{"release", "--backend", "here", "--database", "metrics"}, 1, "is not on hold"},
           {{"dead", "drop", "--backend", "here", "--yes", "7"}, 1, "no dead letter 7"},
           {{"dead", "show", "--backend", "here", "7"}, 1, "no dead letter 7"},
           {{"backend", "forget", "here", "--yes"}, 2, "is configured"},
           {{"gaps", "--backend", "nobody"}, 1, "nobody"},
       }) {
    const RunResult run = owing.Run(wrong.command);
    CAPTURE(run.output);
    CHECK_EQ(run.exit_code, wrong.exit_code);
    CHECK(Contains(run.output, wrong.words));
  }
  owing.relay.Stop();
  const RunResult stopped = owing.Run({"pause", "--backend", "away"});
  CHECK_EQ(stopped.exit_code, 1);
  CHECK(Contains(stopped.output, "no relay answers at 127.0.0.1:"));
}

TEST_CASE("operators: dead letters are listed, shown, exported, redriven and dropped") {
  TempDir directory;
  FakeBackend backend;
  backend.Follow([](const FakeRequest& request) {
    const bool bad = request.body.find("poison") != std::string::npos;
    return bad ? Answering(400, R"({"error":"unable to parse 'poison'"})") : Answering(204);
  });
  RelayProcess relay(directory.path(), {.backends = {{"here", backend.Url()}}});
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), RelayBinary());
    arguments.insert(arguments.end(), {"--config", relay.config_path()});
    return Run(arguments);
  };
  REQUIRE_EQ(relay.Write("metrics", "cpu v=1 1\npoison v=2 2\npoison v=3 3").status, 204);
  REQUIRE(relay.WaitDrained());
  const json letters = json::parse(run({"dead", "list", "--json"}).output).at("letters");
  REQUIRE_EQ(letters.size(), 2);
  CHECK(Contains(run({"dead", "list"}).output, "refused"));
  CHECK(Contains(run({"dead", "show", "1"}).output, "poison v=2"));
  CHECK(Contains(run({"dead", "export"}).output, "poison v=3"));
  const std::string file = directory.File("dead.lp");
  CHECK_EQ(run({"dead", "export", "--output", file}).exit_code, 0);
  CHECK(Contains(ReadFile(file), "poison v=2"));
  CHECK_EQ(run({"dead", "export", "--output", file}).exit_code, 1);
  CHECK_EQ(run({"dead", "drop", "--backend", "here", "--yes", "1"}).exit_code, 0);
  backend.Follow([](const FakeRequest&) { return Answering(204); });
  CHECK_EQ(run({"dead", "redrive", "--backend", "here", "--all", "--yes"}).exit_code, 0);
  CHECK(relay.WaitDrained());
  CHECK_EQ(StatusOf(relay, "here").figures.delivered, 2);
  CHECK_EQ(StatusOf(relay, "here").figures.dead_letters, 0);
}

TEST_CASE("operators: lines that a backend refuses for an unknown reason are given up by hand") {
  TempDir directory;
  FakeBackend backend;
  backend.Follow([](const FakeRequest& request) {
    const bool odd = request.body.find("odd") != std::string::npos;
    return odd ? Answering(418, R"({"error":"I do not like it"})") : Answering(204);
  });
  RelayProcess relay(directory.path(), {.backends = {{"here", backend.Url()}}});
  const auto give_up = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {RelayBinary(),       "dead",      "give-up", "--config",
                                          relay.config_path(), "--backend", "here"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  };
  REQUIRE_EQ(relay.Write("metrics", "cpu v=1 1\nodd v=2 2\ncpu v=3 3").status, 204);
  REQUIRE(WaitForState(relay, "here", "held"));
  const RunResult status = Run({RelayBinary(), "status", "--config", relay.config_path()});
  CHECK(
      Contains(status.output, "influxdb-relay dead give-up --backend 'here' --database 'metrics'"));
  CHECK_EQ(give_up({"--database", "other", "--yes"}).exit_code, 1);
  CHECK_EQ(give_up({"--database", "metrics"}).exit_code,
           2);  // It is not undone: --yes is asked for.
  CHECK_EQ(StatusOf(relay, "here").figures.dead, 0);

  const RunResult done = give_up({"--database", "metrics", "--yes"});
  INFO(done.output);
  CHECK_EQ(done.exit_code, 0);
  CHECK(Contains(done.output, "made dead letters of the lines that here refuses among the 3"));
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(StatusOf(relay, "here").figures.dead, 1);
  CHECK_EQ(StatusOf(relay, "here").figures.delivered, 2);
  CHECK_EQ(StatusOf(relay, "here").figures.unaccounted(), 0);
}

TEST_CASE("operators: a backend that left the configuration is listed until it is forgotten") {
  Owing owing;
  owing.relay.Stop();
  owing.relay.Configure({.backends = {{"here", owing.here.Url()}}});
  owing.relay.Start();
  CHECK(Contains(owing.Run({"backend", "list"}).output, "away     not configured"));
  CHECK_EQ(owing.Run({"backend", "forget", "away", "--yes"}).exit_code, 0);
  CHECK_FALSE(Contains(owing.Run({"backend", "list"}).output, "away"));
}

TEST_CASE("operators: a change is in the audit trail with who asked") {
  Owing owing;
  CHECK_EQ(owing.Run({"pause", "--backend", "away"}).exit_code, 0);
  const RunResult trail = owing.Run({"audit"});
  CHECK(Contains(trail.output, "pause the delivery to away"));
  CHECK(Contains(trail.output, "done"));
  const json entries = json::parse(owing.Run({"audit", "--json"}).output).at("entries");
  CHECK_EQ(entries.size(), 2);
  CHECK_FALSE(entries[0].at("who").get<std::string>().empty());
}

TEST_CASE("operators: a range is replayed elsewhere, and what was sent is summed up") {
  TempDir directory;
  FakeBackend here;
  FakeBackend elsewhere;
  RelayProcess relay(directory.path(), {.backends = {{"here", here.Url()}},
                                        .admin = {"replay_targets: [" + elsewhere.Url() + "]"}});
  for (int i = 1; i <= 5; ++i) {
    REQUIRE_EQ(relay.Write("metrics", fmt::format("cpu v={0} {0}\nmem v={0} {0}", i)).status, 204);
  }
  REQUIRE(relay.WaitDrained());
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {RelayBinary(), "replay", "--config", relay.config_path()});
    return Run(arguments);
  };
  const std::vector<std::string> replay = {"--backend",     "here", "--from",   "2",
                                           "--to",          "4",    "--to-url", elsewhere.Url(),
                                           "--measurement", "cpu"};
  std::vector<std::string> dry = replay;
  dry.push_back("--dry-run");
  const std::string plan = run(dry).output;
  CHECK(plan.starts_with("would replay records 2 to 4 of here: 3 records (6 points, 60 B, "));
  CHECK(Contains(plan, ", measurement \"cpu\" to http"));
  CHECK_EQ(elsewhere.RequestCount(), 0);
  std::vector<std::string> sure = replay;
  sure.push_back("--yes");
  const RunResult done = run(sure);
  CHECK_EQ(done.exit_code, 0);
  CHECK(Contains(done.output, "replay 1 is done: 3 points sent"));
  CHECK_EQ(elsewhere.Bodies(), "cpu v=2 2\ncpu v=3 3\ncpu v=4 4\n");
  CHECK_EQ(StatusOf(relay, "here").figures.delivered, 10);
  const RunResult forbidden = run({"--backend", "here", "--to-url", "http://127.0.0.1:1", "--yes"});
  CHECK_EQ(forbidden.exit_code, 2);
  CHECK(Contains(forbidden.output, "is neither the url of a backend nor one of admin"));
}

// Earlier builds wrote the reason of a replay's state as `why`.
void WriteAsEarlierBuild(const std::string& replay_file) {
  std::string text = ReadFile(replay_file);
  const std::size_t at = text.find("\"reason\"");
  REQUIRE_NE(at, std::string::npos);
  WriteFile(replay_file, text.replace(at, 8, "\"why\""));
}

TEST_CASE("operators: a replay goes on after the relay was killed, and can be cancelled") {
  TempDir directory;
  FakeBackend here;
  FakeBackend elsewhere;
  RelayProcess relay(directory.path(), {.backends = {{"here", here.Url()}},
                                        .admin = {"replay_targets: [" + elsewhere.Url() + "]"}});
  REQUIRE_EQ(relay.Write("metrics", "cpu v=1 1").status, 204);
  REQUIRE(relay.WaitDrained());
  elsewhere.Refuse();
  const std::vector<std::string> command = {RelayBinary(), "replay", "--config",
                                            relay.config_path()};
  std::vector<std::string> start = command;
  start.insert(start.end(),
               {"--backend", "here", "--to-url", elsewhere.Url(), "--yes", "--detach"});
  CHECK_EQ(Run(start).output, "replay 1 started\n");
  CHECK_EQ(Run(start).output, "replay 2 started\n");
  relay.Kill();
  WriteAsEarlierBuild(relay.log_path() + "/jobs/1.json");
  relay.Start();
  std::vector<std::string> cancel = command;
  cancel.insert(cancel.end(), {"--cancel", "2"});
  CHECK_EQ(Run(cancel).exit_code, 0);
  elsewhere.Listen();
  std::vector<std::string> follow = command;
  follow.insert(follow.end(), {"--follow", "1"});
  CHECK(Contains(Run(follow, 2 * kPatience).output, "replay 1 is done: 1 points sent"));
  CHECK_EQ(elsewhere.Bodies(), "cpu v=1 1\n");
}

TEST_CASE("operators: changes need the token") {
  TempDir directory;
  FakeBackend backend;
  WriteFile(directory.File("token"), "open sesame\n");
  RelayProcess relay(directory.path(), {.backends = {{"here", backend.Url()}},
                                        .admin = {"token_file: " + directory.File("token")}});
  const std::vector<std::string> pause = {RelayBinary(), "pause",    "--backend",
                                          "here",        "--config", relay.config_path()};
  std::vector<std::string> without = {"env", "INFLUXDB_RELAY_TOKEN=wrong"};
  without.insert(without.end(), pause.begin(), pause.end());
  const RunResult refused = Run(without);
  CHECK_EQ(refused.exit_code, 2);
  CHECK(Contains(refused.output, "the operators' token is required"));
  CHECK_EQ(Run(pause).exit_code, 0);
}

}  // namespace
}  // namespace relay::test::integration_operators_operators_test
