// The examples in the documents: every configuration is checked, every command
// is run against a relay that has a bit of everything; for commands that would
// take too long, the script or program is checked for what they name.
//
// A fenced block says what it is: sh, yaml (a relay's configuration), toml (the
// original's), json, or text (to look at).
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_shipped_documents_test {
namespace {

const std::string kRoot = SourceRoot() + "/";

struct Block {
  std::string where;  // "README.md:12"
  std::string kind;
  std::string text;
};

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The runbook has a test of its own, with its backups and hosts.
std::vector<std::string> Documents() {
  const RunResult listed = Run({"git", "-C", kRoot, "ls-files", "*.md", ":!deploy/RUNBOOK.md"});
  REQUIRE_EQ(listed.exit_code, 0);
  return LinesOf(listed.output);
}

void ReadBlocks(const std::string& document, std::vector<Block>& blocks) {
  bool inside = false;
  int number = 0;
  for (const std::string& line : LinesOf(ReadFile(kRoot + document))) {
    ++number;
    if (line.starts_with("```")) {
      if (!inside) blocks.push_back({fmt::format("{}:{}", document, number), line.substr(3), ""});
      inside = !inside;
    } else if (inside) {
      blocks.back().text += line + '\n';
    }
  }
}

const std::vector<Block>& Blocks() {
  static const std::vector<Block> blocks = [] {
    std::vector<Block> all;
    for (const std::string& document : Documents()) ReadBlocks(document, all);
    return all;
  }();
  return blocks;
}

void CheckConfiguration(const Block& block, const std::string& name) {
  const TempDir directory;
  WriteFile(directory.File(name), block.text);
  const RunResult run = Run({RelayBinary(), "check-config", "--file-only", directory.File(name)});
  if (run.exit_code != 0) FAIL_CHECK(block.where, ": ", run.output);
}

void ReplaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// Returns the commands of a block without comments: "cd x; y --z" is two.
std::vector<std::string> CommandsIn(const std::string& text) {
  std::vector<std::string> commands;
  std::string whole;
  for (std::string line : LinesOf(text)) {
    const std::size_t comment = line.starts_with('#') ? 0 : line.find(" #");
    if (comment != std::string::npos) line.resize(comment);
    if (line.ends_with('\\')) {
      whole += line.substr(0, line.size() - 1);
      continue;
    }
    whole += line;
    ReplaceAll(whole, "&&", ";");
    std::istringstream parts(std::exchange(whole, ""));
    for (std::string part; std::getline(parts, part, ';');) {
      const std::size_t begin = part.find_first_not_of(' ');
      if (begin != std::string::npos) {
        commands.push_back(part.substr(begin, part.find_last_not_of(' ') + 1 - begin));
      }
    }
  }
  return commands;
}

std::vector<std::string> WordsOf(const std::string& command) {
  std::vector<std::string> words;
  std::istringstream stream(command);
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// A relay as in the documents: influx-a takes everything, influx-b is owed some
// points, and has refused two.
class World {
 public:
  World() {
    b_.Follow([](const FakeRequest& request) {
      return request.body.find("refused") == std::string::npos
                 ? FakeAnswer{.status = 204}
                 : FakeAnswer{.status = 400, .body = "{\"error\":\"unable to parse\"}"};
    });
    for (const char* line : {"refused v=1 1\n", "refused v=2 2\n"}) {
      relay_.Write("metrics", line);
      REQUIRE(relay_.WaitDrained());  // Otherwise the two would be one letter.
    }
    b_.Refuse();
    for (int n = 0; n < 5; ++n) relay_.Write("metrics", fmt::format("cpu v={0} {0}\n", n + 1));
    WriteFile(directory_.File("points.txt"), "cpu v=1 1\n");
    std::filesystem::create_directory(directory_.File("deploy"));
  }

  // Runs one, in a directory of its own.
  RunResult Try(const std::string& command) const {
    return Run({"bash", "-uc", "cd " + directory_.path() + "; " + Filled(command)}, kAWhile);
  }

 private:
  static constexpr milliseconds kAWhile{3'000};  // The time for commands that would run for ever.

  std::string Filled(std::string command) const {
    const std::vector<std::string> words = WordsOf(command);
    const bool asks_relay = words.at(0) == "influxdb-relay";
    if (asks_relay) command.replace(0, words.at(0).size(), RelayBinary());
    ReplaceAll(command, "relay.toml", kRoot + "tests/original/plain.toml");
    ReplaceAll(command, "check-config FILE", "check-config " + relay_.config_path());
    ReplaceAll(command, "import FILE", "import " + directory_.File("points.txt"));
    ReplaceAll(command, " FILE", " " + relay_.config_path());
    ReplaceAll(command, " DIR", " " + relay_.log_path());
    ReplaceAll(command, "127.0.0.1:9096", Place(relay_.endpoint()));
    ReplaceAll(command, "127.0.0.1:9097", Place(relay_.admin()));
    const bool says_where = command.find("--config") != std::string::npos ||
                            command.find("--data ") != std::string::npos;
    constexpr std::array<std::string_view, 5> kAlone = {"import", "check-config", "describe",
                                                        "-config", "--version"};
    const bool alone = words.size() > 1 && std::count(kAlone.begin(), kAlone.end(), words[1]) > 0;
    if (asks_relay && words.at(1) == "import") {
      command += " --to http://" + Place(relay_.endpoint());
    } else if (asks_relay && !says_where && !alone) {
      command += " --config " + relay_.config_path();
    }
    // Nobody is there to confirm.
    constexpr std::array<std::string_view, 2> kAsks = {"rewind", "replay"};
    const bool asks = words.size() > 1 && std::count(kAsks.begin(), kAsks.end(), words[1]) > 0;
    if (asks_relay && asks) command += " --yes";
    // Serving would take ports: a right configuration is enough.
    ReplaceAll(command, " -config ", " check-config --file-only ");
    return command;
  }

  static std::string Place(const HostPort& endpoint) {
    return "127.0.0.1:" + std::to_string(endpoint.port);
  }

  TempDir directory_;
  FakeBackend a_;
  FakeBackend b_;
  RelayProcess relay_{
      directory_.path(),
      {.backends = {{"influx-a", a_.Url()}, {"influx-b", b_.Url()}}, .top = "unrouted: count\n"}};
};

bool IsOfRelay(const std::string& command) {
  return command.starts_with("influxdb-relay ") || command.starts_with("curl ");
}

// Checks a script or a file in this tree: it exists, and it has these options.
void CheckScript(const std::string& where, const std::vector<std::string>& words) {
  const std::string path = kRoot + words.at(0);
  const auto permissions = std::filesystem::status(path).permissions();
  const bool runs = (permissions & std::filesystem::perms::owner_exec) != std::filesystem::perms{};
  if (!std::filesystem::is_regular_file(path) || !runs) FAIL_CHECK(where, ": no ", words.at(0));
  const std::string script = ReadFile(path);
  for (std::size_t i = 1; i < words.size(); ++i) {
    const bool word = words[i].starts_with("--") || i == 1;
    const std::string name = words[i].substr(0, words[i].find('='));
    if (word && script.find(name) == std::string::npos) {
      FAIL_CHECK(where, ": ", words.at(0), " knows nothing of ", name);
    }
  }
}

// Checks a measurement, which is built on demand.
void CheckBench(const std::string& where, const std::vector<std::string>& words) {
  const std::string name = words.at(0).substr(words.at(0).rfind('/') + 1);
  const std::string source = ReadFile(kRoot + "tests/bench/" + name + ".cc");
  if (source.empty()) FAIL_CHECK(where, ": there is no ", name);
  for (const std::string& word : words) {
    if (!word.starts_with("--")) continue;
    const std::string option = word.substr(2, word.find('=') - 2);
    if (source.find('"' + option + '"') != std::string::npos) continue;
    FAIL_CHECK(where, ": ", name, " knows nothing of ", word);
  }
}

// Checks a system program: the files and units of ours that it is given.
void CheckGiven(const std::string& where, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word.starts_with("deploy/") && !std::filesystem::exists(kRoot + word)) {
      FAIL_CHECK(where, ": there is no ", word);
    }
    if (!word.starts_with("influxdb-relay") || words.at(0).find("ctl") == std::string::npos) {
      continue;
    }
    const std::string unit = word.find('.') == std::string::npos ? word + ".service" : word;
    if (!std::filesystem::exists(kRoot + "deploy/systemd/" + unit)) {
      FAIL_CHECK(where, ": there is no unit ", unit);
    }
  }
}

void CheckElsewhere(const std::string& where, const std::string& command) {
  constexpr std::array<std::string_view, 10> kOfSystem = {
      "cmake",      "ninja",  "cpack",   "apt-get", "systemctl",
      "journalctl", "docker", "kubectl", "git",     "perf"};
  const std::vector<std::string> words = WordsOf(command);
  const bool ours = words.at(0).starts_with("tests/") || words.at(0).starts_with("deploy/");
  if (ours) return CheckScript(where, words);
  if (words.at(0).starts_with("build/tests/bench/")) return CheckBench(where, words);
  if (std::count(kOfSystem.begin(), kOfSystem.end(), words.at(0)) == 0) {
    FAIL_CHECK(where, ": documents_test.cc does not know how to try: ", command);
  }
  CheckGiven(where, words);
}

TEST_CASE("documents: every block says what it is") {
  constexpr std::array<std::string_view, 5> kKinds = {"sh", "yaml", "toml", "json", "text"};
  CHECK_GT(Blocks().size(), 10);
  for (const Block& block : Blocks()) {
    const bool known = std::count(kKinds.begin(), kKinds.end(), block.kind) > 0;
    if (!known) FAIL_CHECK(block.where, ": write ```text, or sh, yaml, toml or json");
  }
}

TEST_CASE("documents: every configuration in them is valid") {
  for (const Block& block : Blocks()) {
    if (block.kind == "yaml") CheckConfiguration(block, "relay.yaml");
    if (block.kind == "toml") CheckConfiguration(block, "relay.toml");
  }
}

TEST_CASE("documents: every command in them works") {
  const World world;
  for (const Block& block : Blocks()) {
    if (block.kind != "sh") continue;
    for (const std::string& command : CommandsIn(block.text)) {
      if (!IsOfRelay(command)) {
        CheckElsewhere(block.where, command);
        continue;
      }
      const RunResult run = world.Try(command);
      const bool goes_on = command.find("--watch") != std::string::npos;
      if (run.exit_code != 0 && !(goes_on && run.exit_code == 137)) {
        FAIL_CHECK(block.where, ": ", command, "\n", run.exit_code, ": ", run.output);
      }
    }
  }
}

// Follows [words](path#part), to a file of this tree.
TEST_CASE("documents: every file they link to exists") {
  for (const std::string& document : Documents()) {
    const std::string text = ReadFile(kRoot + document);
    const std::filesystem::path folder = std::filesystem::path(kRoot + document).parent_path();
    for (std::size_t at = 0; (at = text.find("](", at)) != std::string::npos; ++at) {
      const std::string link = text.substr(at + 2, text.find(')', at) - at - 2);
      const std::string path = link.substr(0, link.find('#'));
      if (path.empty() || path.find("://") != std::string::npos) continue;
      if (!std::filesystem::exists(folder / path)) FAIL_CHECK(document, ": there is no ", path);
    }
  }
}

// Checks that a test such as `tests/integration/x_test.cc`, which shows a promise, exists.
TEST_CASE("documents: every test they name exists") {
  for (const std::string& document : Documents()) {
    const std::string text = ReadFile(kRoot + document);
    for (std::size_t at = 0; (at = text.find("`tests/", at)) != std::string::npos; ++at) {
      const std::string name = text.substr(at + 1, text.find_first_of("` ", at + 1) - at - 1);
      if (!std::filesystem::exists(kRoot + name)) FAIL_CHECK(document, ": there is no ", name);
    }
  }
}

}  // namespace
}  // namespace relay::test::integration_shipped_documents_test
