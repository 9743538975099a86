// Every answer of the admin port and every --json of a command, of a relay with two real servers,
// against the schemas that are documented.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/answer_schema.h"
#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/two_servers.h"

namespace relay::test::integration_operators_answers_test {
namespace {

using nlohmann::json;

// A relay that has one of everything: dead letters, gaps, a lane on hold, a checkpoint, a job, a
// comparison, a paused backend that is owed points.
struct Eventful : TwoServers {
  Eventful() {
    MustWrite("metrics", "cpu,host=a v=1 1000000000\nmem v=2 1000000000");
    MustWrite("metrics", "cpu,host=a v=\"text\" 2000000000");
    MustWrite("nowhere", "cpu v=1 1000000000");
    REQUIRE(Eventually(kPatience, [this] { return HasTroubleWith("a") && HasTroubleWith("b"); }));
    MustDo({"pause", "a", "--note", "an example"});
    MustWrite("metrics", "cpu,host=a v=3 3000000000");
    MustDo({"skip", "a", "--to", "head", "--yes"});
    MustWrite("metrics", "cpu,host=a v=4 4000000000");
    MustDo({"checkpoint", "copy"});
    MustDo({"replay", "--backend", "b", "--yes", "--detach"});
    Do({"compare", "a", "b", "--patience", "1"});
  }

  void MustWrite(const std::string& database, const std::string& lines) const {
    REQUIRE_EQ(relay.Write(database, lines).status, 204);
  }
  bool HasTroubleWith(const std::string& backend) const {
    const BackendStatus status = StatusOf(relay, backend);
    return status.figures.dead_letters > 0 && status.figures.held_records > 0;
  }
  RunResult Do(std::vector<std::string> words) const {
    words.insert(words.begin(), RelayBinary());
    words.insert(words.end(), {"--config", relay.config_path()});
    return Run(words, 2 * kPatience);
  }
  void MustDo(const std::vector<std::string>& words) const {
    const RunResult run = Do(words);
    REQUIRE_MESSAGE(run.exit_code == 0, run.output);
  }
};

std::string Filled(std::string path) {
  using Pair = std::pair<std::string, std::string>;
  for (const auto& [hole, value] :
       {Pair("{backend}", "a"), Pair("{id}", "1"), Pair("{name}", "copy")}) {
    if (const auto at = path.find(hole); at != std::string::npos) {
      path.replace(at, hole.size(), value);
    }
  }
  return path;
}

// Values for the fields that requests require.
const json& Example() {
  static const json values = {{"backend", "a"},  {"database", "nowhere"}, {"to", "head"},
                              {"kind", "drill"}, {"source", "b"},         {"path", "identity"},
                              {"from", "1h"},    {"numbers", {1}}};
  return values;
}

json BodyFor(const json& operation, const std::string& path) {
  json body = {{"dry_run", true}};
  const json& schema =
      operation.at("requestBody").at("content").at("application/json").at("schema");
  for (const json& name : schema.value("required", json::array())) {
    if (Example().contains(name)) body[name] = Example().at(name);
  }
  if (path.ends_with("/skip")) body["to"] = "head";
  if (path.ends_with("/rewind")) body["to"] = "1";
  if (schema.at("properties").contains("numbers")) body["numbers"] = Example().at("numbers");
  if (schema.at("properties").contains("name")) {
    body["name"] = path.ends_with("/drop") ? "copy" : "another";
  }
  return body;
}

std::string QueryFor(const json& operation) {
  std::string query;
  for (const json& parameter : operation.at("parameters")) {
    if (parameter.at("in") != "query" || !parameter.at("required").get<bool>()) continue;
    const std::string name = parameter.at("name");
    query += fmt::format("{}{}={}", query.empty() ? "?" : "&", name,
                         Example().at(name).get<std::string>());
  }
  return query;
}

// Returns what is wrong with the answer; empty: it is as described.
std::string WrongWith(const HttpAnswer& answer, const json& operation, const json& document) {
  const json& responses = operation.at("responses");
  const std::string status = std::to_string(answer.status);
  if (!responses.contains(status)) return status + " is not described";
  const json& content = responses.at(status).at("content");
  std::string type = answer.Header("content-type");
  type.resize(std::min(type.size(), type.find(';')));
  if (!content.contains(type)) return type + " is not described";
  if (type != "application/json") return "";
  return WrongIn(json::parse(answer.body), content.at(type).at("schema"), document);
}

TEST_CASE("answers: each answer of the admin port is as its OpenAPI document says") {
  const Eventful place;
  const json document =
      json::parse(Get(place.relay.admin(), "/api/v1/openapi.json").body, nullptr, false);
  std::set<std::string> refused;
  for (const auto& [path, methods] : document.at("paths").items()) {
    for (const auto& [method, operation] : methods.items()) {
      const std::string target = Filled(path);
      const HttpAnswer answer =
          method == "get" ? Get(place.relay.admin(), target + QueryFor(operation))
                          : Post(place.relay.admin(), target, BodyFor(operation, path).dump(),
                                 {.headers = {{"Content-Type", "application/json"}}});
      CAPTURE(path);
      CAPTURE(answer.body);
      CHECK_EQ(WrongWith(answer, operation, document), "");
      if (answer.status != 200) refused.insert(path);
    }
  }
  // This relay is in no state for these.
  const std::set<std::string> expected = {"/api/v1/log/found",
                                          "/api/v1/log/acknowledge",
                                          "/api/v1/backends/{backend}/ready",
                                          "/api/v1/backends/{backend}/forget",
                                          "/api/v1/backends/{backend}/seed",
                                          "/api/v1/backends/{backend}/release",
                                          "/api/v1/replays/{id}/cancel"};
  for (const std::string& path : refused) {
    CAPTURE(path);
    CHECK(expected.contains(path));
  }
  const json& history = document.at("paths").at("/api/v1/history").at("get");
  CHECK_EQ(WrongWith(Get(place.relay.admin(), "/api/v1/history?from=1h"), history, document), "");
}

struct Printed {
  std::vector<std::string> command;
  std::string object;
};

// Checks each line.
void CheckPrinted(const Eventful& place, const Printed& printed) {
  const RunResult run = place.Do(printed.command);
  CAPTURE(fmt::format("{}", fmt::join(printed.command, " ")));
  CAPTURE(run.output);
  CHECK_FALSE(run.output.empty());
  std::istringstream lines(run.output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("no relay answers at ")) continue;  // To standard error.
    CHECK_EQ(WrongInAnswer(line, printed.object), "");
  }
}

TEST_CASE("answers: what commands print with --json is as documented, with a relay and without") {
  Eventful place;
  const std::string file = place.relay_directory.File("lines");
  const std::vector<Printed> of_running = {
      {{"checkpoint", "--list", "--json"}, "Checkpoints"},
      {{"checkpoint", "other", "--json"}, "CheckpointChange"},
      {{"replay", "--list", "--json"}, "Jobs"},
      {{"pause", "b", "--json"}, "OperatorChange"},
      {{"resume", "b", "--json"}, "OperatorChange"},
      {{"compare", "a", "b", "--json", "--no-fence"}, "Comparison"},
      {{"compare", "a", "b", "--json", "--patience", "1"}, "Comparison"},
      {{"check-config", "--probe", "--json"}, "Probes"},
  };
  const std::vector<Printed> of_any = {
      {{"status", "--json"}, "Status"},
      {{"backend", "list", "--json"}, "BackendList"},
      {{"dead", "list", "--backend", "a", "--json"}, "DeadLetters"},
      {{"dead", "show", "1", "--backend", "a", "--json"}, "DeadLetters"},
      {{"gaps", "--backend", "a", "--json"}, "Gaps"},
      {{"audit", "--json"}, "AuditTrail"},
      {{"report", "--format", "json"}, "Report"},
      {{"inspect", "--backend", "a", "--json"}, "Record"},
      {{"inspect", "--backend", "a", "--dead", "--json"}, "DeadLetter"},
      {{"inspect", "--backend", "a", "--gaps", "--json"}, "Gap"},
  };
  for (const Printed& printed : of_running) CheckPrinted(place, printed);
  for (const Printed& printed : of_any) CheckPrinted(place, printed);
  place.relay.Stop();
  for (const Printed& printed : of_any) CheckPrinted(place, printed);
  CheckPrinted(place, {{"verify", "--json"}, "Verification"});
  CheckPrinted(place,
               {{"export", "--backend", "a", "--from", "1", "--output", file, "--json"}, "Export"});
}

TEST_CASE("answers: a command with --json that fails says so as the admin port does") {
  const TempDir directory;
  const std::vector<std::vector<std::string>> commands = {
      {"status"},     {"backend", "list"},  {"dead", "list"}, {"gaps"},
      {"audit"},      {"inspect"},          {"verify"},       {"checkpoint", "--list"},
      {"pause", "a"}, {"replay", "--list"}, {"found"},        {"acknowledge"},
  };
  for (std::vector<std::string> command : commands) {
    command.insert(command.begin(), RelayBinary());
    command.insert(command.end(), {"--json", "--config", directory.File("none.yaml")});
    const RunResult run = Run(command);
    CAPTURE(fmt::format("{}", fmt::join(command, " ")));
    CHECK_NE(run.exit_code, 0);
    CHECK_EQ(WrongInAnswer(run.output, "Error"), "");
  }
}

}  // namespace
}  // namespace relay::test::integration_operators_answers_test
