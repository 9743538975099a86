// Every operator command, in the same ways: as a table and as JSON, for an
// unknown name, with no relay running, for an invalid range, without the
// permission; and those that change something as a dry run, with and without
// confirmation.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/terminal.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_command_matrix_test {
namespace {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Words With(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string Text(const Words& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// A relay with something for each command: "here" has three points and a dead
// letter; "away" is owed them, has a gap and holds a database; "gone" is no
// longer configured, but is owed a point.
struct World {
  TempDir directory;
  FakeBackend here;
  FakeBackend away;
  RelayProcess relay;

  World() : relay(directory.path(), Settings(true)) {
    here.Follow([](const FakeRequest& request) {
      return Contains(request.body, "poison") ? Answering(400, R"({"error":"unable to parse"})")
                                              : Answering(204);
    });
    away.Refuse();
    WriteFile(directory.File("token"), "open sesame\n");
    Write("cpu v=1 1\npoison v=2 2");
    relay.Stop();
    relay.Configure(Settings(false));
    relay.Start();
    for (int i = 2; i <= 4; ++i) Write(fmt::format("cpu v={0} {0}", i));
    REQUIRE(Eventually(kPatience, [this] {
      const QueueStats figures = StatusOf(relay, "here").figures;
      return figures.delivered == 4 && figures.dead == 1;
    }));
    REQUIRE_EQ(Do({"hold", "--backend", "away", "--database", "other", "--yes"}).exit_code, 0);
    // The delivery checks operators' holds once a second.
    REQUIRE(Eventually(kPatience, [this] {
      const auto lanes = StatusOf(relay, "away").lanes;
      return lanes.size() == 1 && !lanes.front().why.empty();
    }));
    REQUIRE_EQ(Do({"skip", "--backend", "away", "--to", "1", "--yes"}).exit_code, 0);
  }

  RelayProcess::Settings Settings(bool with_gone) const {
    RelayProcess::Settings settings{.backends = {{"here", here.Url()}, {"away", away.Url()}},
                                    .admin = {"token_file: " + directory.File("token")}};
    if (with_gone) settings.backends.push_back({"gone", away.Url()});
    return settings;
  }
  void Write(const std::string& lines) const {
    REQUIRE_EQ(relay.Write("metrics", lines).status, 204);
  }
  Words Command(const Words& words) const {
    return With(With({RelayBinary()}, words), {"--config", relay.config_path()});
  }
  RunResult Do(const Words& words) const { return Run(Command(words)); }
  RunResult DoWithToken(const Words& words, const std::string& token) const {
    return Run(With({"env", "INFLUXDB_RELAY_TOKEN=" + token}, Command(words)));
  }
  Json Listed(const Words& words) const {
    const RunResult run = Do(With(words, {"--json"}));
    CAPTURE(run.output);
    CHECK_EQ(run.exit_code, 0);
    return Json::parse(run.output);
  }
  // Returns everything that a change could change, and the audit trail.
  std::string Everything() const {
    Json all = Json::parse(relay.Status()).at("backends");
    for (Json& backend : all) {
      for (const char* moving : {"oldest_pending_seconds", "oldest_undelivered_seconds", "flow",
                                 "retry_in_ms", "drain_eta_seconds", "reason", "last_answer",
                                 "stuck", "drain_seconds_at_last_rate", "watermarks"}) {
        backend.erase(moving);
      }
    }
    return all.dump() + Listed({"audit"}).dump() + Listed({"replay", "--list"}).dump();
  }
};

// ----------------------------------------------------------- commands that only read

struct Reader {
  Words words;
  std::string shows;  // Expected in its table.
  std::string key;    // A key of its JSON; empty: one object a line.
  bool names_backend = true;
};

const std::vector<Reader>& Readers() {
  static const std::vector<Reader> all = {
      {{"status"}, "away     ", "backends", false},
      {{"backend", "list"}, "gone     not configured", "backends", false},
      {{"inspect", "--backend", "away"}, "SEQUENCE", ""},
      {{"inspect", "--backend", "here", "--dead"}, "unable to parse", ""},
      {{"inspect", "--backend", "away", "--gaps"}, "skipped", ""},
      {{"gaps", "--backend", "away"}, "skipped", "gaps"},
      {{"dead", "list", "--backend", "here"}, "unable to parse", "letters"},
      {{"dead", "show", "--backend", "here", "1"}, "poison v=2", "letters"},
      {{"audit"}, "hold database \"other\" for away", "entries", false},
      {{"export", "--backend", "away"}, "# CONTEXT-DATABASE: metrics", "lines"},
      {{"verify"}, "sound", "sound", false},
  };
  return all;
}

TEST_CASE("matrix: read commands show a table and JSON, while the relay runs and after") {
  World world;
  for (const bool running : {true, false}) {
    if (!running) world.relay.Stop();
    for (const Reader& reader : Readers()) {
      CAPTURE(running);
      CAPTURE(Text(reader.words));
      const RunResult table = world.Do(reader.words);
      INFO(table.output);
      CHECK_EQ(table.exit_code, 0);
      if (running || reader.words.front() != "backend") CHECK(Contains(table.output, reader.shows));
      const RunResult json = world.Do(With(reader.words, {"--json"}));
      INFO(json.output);
      CHECK_EQ(json.exit_code, 0);
      // Besides the JSON, standard error may say that no relay runs.
      const std::string object = json.output.substr(json.output.find('{'));
      const Json parsed = Json::parse(object.substr(0, object.find('\n')));
      if (!reader.key.empty()) CHECK(parsed.contains(reader.key));
    }
  }
}

TEST_CASE("matrix: read commands name the known backends when asked for another") {
  World world;
  for (const Reader& reader : Readers()) {
    if (!reader.names_backend) continue;
    CAPTURE(Text(reader.words));
    Words words = reader.words;
    *(std::find(words.begin(), words.end(), "--backend") + 1) = "nobody";
    const RunResult run = world.Do(words);
    INFO(run.output);
    CHECK_EQ(run.exit_code, 1);
    CHECK(Contains(run.output, "no backend 'nobody'"));
    CHECK(Contains(run.output, "away"));
  }
}

TEST_CASE("matrix: read commands report a log that is missing or not readable") {
  World world;
  world.relay.Stop();
  const TempDir elsewhere;
  for (const Reader& reader : Readers()) {
    CAPTURE(Text(reader.words));
    const RunResult none =
        Run(With(With({RelayBinary()}, reader.words), {"--data", elsewhere.File("none")}));
    INFO(none.output);
    CHECK_EQ(none.exit_code, 1);
    CHECK(Contains(none.output, elsewhere.File("none")));
    if (geteuid() != 0) continue;
    const RunResult forbidden = Run(
        With(With({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", RelayBinary()},
                  reader.words),
             {"--data", world.relay.log_path()}));
    INFO(forbidden.output);
    CHECK_EQ(forbidden.exit_code, 1);
    CHECK(Contains(forbidden.output, "ermission denied"));
  }
}

TEST_CASE("matrix: an invalid range is a usage error") {
  World world;
  for (const Words& words : std::vector<Words>{
           {"inspect", "--backend", "away", "--from", "soon"},
           {"inspect", "--backend", "away", "--to", "2026-13-01T00:00:00Z"},
           {"inspect", "--backend", "away", "--limit", "none"},
           {"inspect", "--backend", "away", "--from", "2026-11-23T20:15:00.Z"},
           {"export", "--backend", "away", "--from", "-1"},
           {"export", "--backend", "away", "--to", "1h1h"},
           {"gaps", "--backend", "away", "--after", "many"},
           {"dead", "list", "--backend", "here", "--limit", "0"},
           {"dead", "show", "--backend", "here", "first"},
           {"rewind", "--backend", "here", "--to", "9", "--yes"},
           {"rewind", "--backend", "here", "--to", "soon", "--yes"},
           {"rewind", "--backend", "here", "--yes"},
           {"skip", "--backend", "away", "--to", "1", "--yes"},
           {"skip", "--backend", "away", "--to", "someday", "--yes"},
           {"skip", "--backend", "away", "--yes"},
           {"hold", "--backend", "here"},
           {"release", "--backend", "away"},
           {"dead", "drop", "--backend", "here", "--yes"},
           {"dead", "give-up", "--backend", "here", "--yes"},
           {"dead", "redrive", "--backend", "here", "--yes", "one"},
           {"replay", "--backend", "here", "--from", "7", "--yes"},
           {"replay", "--backend", "here", "--to", "soon", "--yes"},
           {"replay", "--backend", "here", "--rate", "fast", "--yes"},
           {"replay", "--yes"},
           {"status", "--timeout", "1"},
       }) {
    CAPTURE(Text(words));
    const std::string before = world.Everything();
    const RunResult run = world.Do(words);
    INFO(run.output);
    CHECK_EQ(run.exit_code, 2);
    CHECK_FALSE(run.output.empty());
    CHECK_EQ(world.Everything(), before);
  }
}

// ------------------------------------------------------ commands that change something

struct Changer {
  Words words;
  std::string says;  // Expected in its message.
  bool asks = false;
};

// Ordered so that all can be done, one after the other.
const std::vector<Changer>& Changers() {
  static const std::vector<Changer> all = {
      {{"pause", "--backend", "here"}, "pause the delivery to here"},
      {{"resume", "--backend", "here"}, "resume the delivery to here"},
      {{"hold", "--backend", "here", "--database", "quiet"},
       "hold database \"quiet\" for here",
       true},
      {{"release", "--backend", "away", "--database", "other"},
       "release database \"other\" for away: 0 points are delivered"},
      {{"rewind", "--backend", "here", "--to", "2"},
       "rewind here to 2: 2 records (2 points, 20 B, accepted from ",
       true},
      {{"skip", "--backend", "away", "--to", "3"},
       "skip what away is owed up to 3: 2 records (2 points, 20 B, accepted from ",
       true},
      {{"replay", "--backend", "here", "--from", "2", "--to", "3", "--rate", "50000/s"},
       "replay records 2 to 3 of here",
       true},
      {{"dead", "redrive", "--backend", "here", "1"},
       "deliver 1 dead letter (1 points) to here again",
       true},
      {{"dead", "drop", "--backend", "here", "2"},
       "permanently delete 1 dead letter (1 points) of here",
       true},
      {{"backend", "forget", "gone"},
       "forget gone and permanently delete its 2 points owed, 0 points on hold and 0 dead letters",
       true},
      {{"checkpoint", "nightly"}, "make a checkpoint in "},
      {{"checkpoint", "nightly", "--drop"}, "delete the checkpoint ", true},
  };
  return all;
}

bool OfBackend(const Changer& changer) {
  return changer.words.front() != "checkpoint";
}

// Returns whether it can be done before the others: the letter of the redrive above is refused
// again and gets the next number; the checkpoint must be made first.
bool IsThereYet(const Changer& changer) {
  const bool second_letter = changer.words.front() == "dead" && changer.words.back() == "2";
  return !second_letter && changer.words.back() != "--drop";
}

TEST_CASE("matrix: a dry run says what would be done, in words and in JSON, and does nothing") {
  World world;
  const std::string before = world.Everything();
  for (const Changer& changer : Changers()) {
    if (!IsThereYet(changer)) continue;
    CAPTURE(Text(changer.words));
    const RunResult dry = world.Do(With(changer.words, {"--dry-run"}));
    INFO(dry.output);
    CHECK_EQ(dry.exit_code, 0);
    CHECK(dry.output.starts_with("would " + changer.says));
    const Json json = world.Listed(With(changer.words, {"--dry-run"}));
    CHECK_EQ(json.at("done"), false);
    CHECK(json.at("message").get<std::string>().starts_with(changer.says));
  }
  CHECK_EQ(world.Everything(), before);
}

TEST_CASE("matrix: an irreversible change needs --yes, or asks at a terminal") {
  World world;
  const std::string before = world.Everything();
  for (const Changer& changer : Changers()) {
    if (!changer.asks || !IsThereYet(changer)) continue;
    CAPTURE(Text(changer.words));
    const RunResult unasked = world.Do(changer.words);
    CHECK_EQ(unasked.exit_code, 2);
    CHECK(Contains(unasked.output, "would " + changer.says));
    CHECK(Contains(unasked.output, "Pass --yes to confirm."));
    Terminal terminal(world.Command(changer.words), {.columns = 200});
    CHECK(terminal.Shows("This will " + changer.says));
    CHECK(terminal.Shows("Continue? [y/N] "));
    terminal.Type("n\n");
    CHECK_EQ(terminal.WaitFor(), 1);
    CHECK(terminal.Shows("nothing was changed"));
  }
  CHECK_EQ(world.Everything(), before);
}

TEST_CASE("matrix: a change of an unknown backend is refused by its name") {
  World world;
  for (const Changer& changer : Changers()) {
    CAPTURE(Text(changer.words));
    if (!OfBackend(changer)) continue;
    Words words = changer.words;
    const auto option = std::find(words.begin(), words.end(), "--backend");
    (option == words.end() ? words.back() : *(option + 1)) = "nobody";
    const RunResult run = world.Do(With(words, {"--yes"}));
    INFO(run.output);
    CHECK_EQ(run.exit_code, 1);
    CHECK(Contains(run.output, "nobody"));
  }
}

TEST_CASE("matrix: a change needs the operators' token, and a relay that runs") {
  World world;
  const std::string before = world.Everything();
  std::vector<Changer> all = Changers();
  all.push_back({{"replay", "--cancel", "1"}, ""});
  for (const Changer& changer : all) {
    CAPTURE(Text(changer.words));
    const RunResult refused = world.DoWithToken(With(changer.words, {"--yes"}), "wrong");
    INFO(refused.output);
    CHECK_EQ(refused.exit_code, 2);
    CHECK(Contains(refused.output, "the operators' token is required"));
  }
  CHECK_EQ(world.Everything(), before);
  world.relay.Stop();
  for (const Changer& changer : all) {
    CAPTURE(Text(changer.words));
    const RunResult away = world.Do(With(changer.words, {"--yes"}));
    INFO(away.output);
    CHECK_EQ(away.exit_code, 1);
    CHECK(Contains(away.output, "no relay answers at 127.0.0.1:"));
  }
}

TEST_CASE("matrix: each change is done, reported, and in the audit trail") {
  World world;
  for (const Changer& changer : Changers()) {
    CAPTURE(Text(changer.words));
    if (changer.words.front() == "dead") {
      REQUIRE(Eventually(kPatience,
                         [&] { return StatusOf(world.relay, "here").figures.dead_letters == 1; }));
    }
    const RunResult done = world.Do(With(changer.words, {"--yes"}));
    INFO(done.output);
    CHECK_EQ(done.exit_code, 0);
    const bool replay = changer.words.front() == "replay";
    // "paused the delivery to here" for "pause the delivery to here".
    const std::string_view adverb = "permanently ";
    const std::size_t verb = changer.says.starts_with(adverb) ? adverb.size() : 0;
    const std::string object = changer.says.substr(changer.says.find(' ', verb));
    CHECK_NE(done.output.find(replay ? "replay 1 is done: 2 points sent" : object),
             std::string::npos);
    CHECK_EQ(done.output.find("done: " + changer.says), std::string::npos);
    const Json entry = world.Listed({"audit", "--limit", "1"}).at("entries").at(0);
    CHECK(entry.at("what").get<std::string>().starts_with(changer.says));
    CHECK_EQ(entry.at("outcome"), "done");
  }
  CHECK_FALSE(Contains(world.relay.Status(), "gone"));
}

}  // namespace
}  // namespace relay::test::integration_operators_command_matrix_test
