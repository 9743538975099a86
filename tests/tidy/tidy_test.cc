// Rules of this tree that no compiler checks. Each case names one rule; a
// failure says FILE:LINE, what is wrong there and what to do instead.
//
// The files are those that git tracks or would track: what .gitignore names is
// not looked at.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.h"

namespace relay::test {
namespace {

struct File {
  std::string path;  // From the root: "wal/log.h".
  std::vector<std::string> lines;
};

// ---------------------------------------------------------------- the rules

// A folder may include itself and every folder before it; tests include all.
constexpr std::array<std::string_view, 5> kLayers = {"wal", "replay", "config", "relay", "tests"};

constexpr std::array<std::string_view, 11> kTopLevel = {
    "CMakeLists.txt", "relay",     "wal",          "replay",          "config",  "tests",
    "deploy",         "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
};

// Text that may stand only in files whose path starts with one of `homes`.
struct Ban {
  std::string_view text;
  std::vector<std::string_view> homes;
  std::string_view instead;
};

const std::vector<Ban>& Bans() {
  static const std::vector<Ban> bans = {
      {"#include <rocksdb/", {"wal/rocks_", "tests/"}, "wal/store.h"},
      {"#include <zstd", {"wal/codec.cc"}, "wal/codec.h"},
      {"#include <httplib.h>",
       {"relay/admin_client.cc", "tests/support/http_client.cc"},
       "relay::Transport, or tests/support/http_client.h in a test"},
      {"#include <toml++/", {"config/original.cc"}, "config/original.h"},
      {"#include <yaml-cpp/", {"config/section."}, "config/section.h"},
      {"#include <boost/", {"relay/http_"}, "relay/http.h"},
      {"#include <CLI/", {"relay/main"}, "what main parsed"},
      {"#include <zlib.h>", {"relay/text_file.cc", "tests/"}, "relay/text_file.h"},
      {"#include <libdeflate.h>",
       {"relay/inflate.cc", "replay/gzip.cc", "tests/"},
       "relay/inflate.h or replay/gzip.h"},
      {"#include <openssl/", {"replay/tls.cc", "relay/", "tests/"}, "replay/connection.h"},
      {"#include <doctest/", {"tests/"}, "nothing: tests are in tests/"},
      {"sleep_for(", {"replay/system_clock.cc", "tests/support/eventually.h"}, "relay::Clock"},
      {"sleep_until(", {"replay/system_clock.cc"}, "relay::Clock"},
      {"usleep(", {"tests/faults/failing_calls.cc"}, "relay::Clock"},
      {"_clock::now(", {"replay/system_clock.cc", "tests/"}, "relay::Clock"},
      {"clock_gettime(", {"replay/system_clock.cc", "tests/"}, "relay::Clock"},
      {"gettimeofday(", {}, "relay::Clock"},
      // Where secrets and clients' credentials are sent, stored or compared in a
      // time that tells nothing.
      {"Reveal()",
       {"wal/client_credentials.h", "wal/record.cc", "wal/format.cc", "replay/secret.h",
        "replay/http_transport.cc", "relay/access.cc", "relay/users.cc", "relay/admin_client.cc",
        "tests/"},
       "the secret as it is, unseen"},
      {"memcmp(", {"relay/users.cc"}, "SameSecret for secrets, == for what is none"},
  };
  return bans;
}

bool StartsWithOneOf(std::string_view text, const std::vector<std::string_view>& starts) {
  return std::any_of(starts.begin(), starts.end(),
                     [&](std::string_view start) { return text.starts_with(start); });
}

std::size_t LayerOf(std::string_view path) {
  const std::string_view folder = path.substr(0, path.find('/'));
  return static_cast<std::size_t>(std::find(kLayers.begin(), kLayers.end(), folder) -
                                  kLayers.begin());
}

bool IsOfLayers(std::string_view path) {
  return LayerOf(path) < LayerOf("tests");
}

bool IsHeader(std::string_view path) {
  return path.ends_with(".h");
}

bool IsSource(std::string_view path) {
  return IsHeader(path) || path.ends_with(".cc");
}

// Multi-byte characters count as one.
std::size_t Columns(std::string_view line) {
  return static_cast<std::size_t>(std::count_if(
      line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) >> 6U) != 2; }));
}

// A line without its strings and its comment.
std::string CodeOf(std::string_view line) {
  std::string code;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (!quoted && line.substr(i).starts_with("//")) break;
    if (quoted && line[i] == '\\') ++i;
    if (line[i] == '"') quoted = !quoted;
    if (!quoted) code += line[i];
  }
  return code;
}

// An include where it takes effect, anything else where it is code.
bool Has(const Ban& ban, std::string_view line) {
  if (ban.text.starts_with('#')) return line.starts_with(ban.text);
  return CodeOf(line).find(ban.text) != std::string::npos;
}

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool HasWord(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool starts = at == 0 || !IsWordCharacter(text[at - 1]);
    if (starts && (end == text.size() || !IsWordCharacter(text[end]))) return true;
  }
  return false;
}

// Each rule looks at one line of one file and says what is wrong with it.
using Finding = std::optional<std::string>;

Finding WrongLayer(std::string_view path, std::string_view line) {
  constexpr std::string_view kInclude = "#include \"";
  if (!line.starts_with(kInclude)) return std::nullopt;
  const std::string_view included = line.substr(kInclude.size());
  if (LayerOf(included) == kLayers.size()) return "includes are written from the root: \"wal/x.h\"";
  if (LayerOf(included) <= LayerOf(path)) return std::nullopt;
  return "a folder on the left must not know one on the right (wal < replay < config < relay): "
         "declare an interface here and implement it there";
}

Finding BannedText(std::string_view path, std::string_view line) {
  for (const Ban& ban : Bans()) {
    if (!Has(ban, line)) continue;
    if (StartsWithOneOf(path, ban.homes)) continue;
    return "\"" + std::string(ban.text) + "\" has one home, and it is not this; use " +
           std::string(ban.instead);
  }
  return std::nullopt;
}

Finding JsonOutsideRelay(std::string_view path, std::string_view line) {
  if (line.find("#include <nlohmann/") == std::string_view::npos) return std::nullopt;
  const bool home = path.starts_with("relay/") || path.starts_with("tests/");
  if (home && !IsHeader(path)) return std::nullopt;
  return "nlohmann/json belongs into the .cc files of relay/: keep it out of headers";
}

Finding TooLong(std::string_view /*path*/, std::string_view line) {
  if (Columns(line) <= 100) return std::nullopt;
  return "longer than 100 columns: break the line";
}

Finding Unfinished(std::string_view /*path*/, std::string_view line) {
  // In two parts, so that this file may be looked at as well.
  for (const std::string_view word : {"TO"
                                      "DO",
                                      "FIX"
                                      "ME",
                                      "XX"
                                      "X"}) {
    if (HasWord(line, word)) return std::string(word) + ": do it, or open an issue";
  }
  return std::nullopt;
}

Finding Throws(std::string_view path, std::string_view line) {
  if (!IsOfLayers(path) || !HasWord(CodeOf(line), "throw")) return std::nullopt;
  return "this code does not throw: return an Error (wal/result.h)";
}

// The first words of a header are a comment: at its very beginning, or before
// the first thing it declares.
bool LeadsWithContract(const File& header) {
  const std::vector<std::string_view> before = {"#", "namespace ", "using "};
  for (const std::string& line : header.lines) {
    if (line.empty() || StartsWithOneOf(line, before)) continue;
    return line.starts_with("//");
  }
  return false;
}

bool BelongsToTopLevel(std::string_view path) {
  const std::string_view name = path.substr(0, path.find('/'));
  return name.starts_with('.') ||
         std::find(kTopLevel.begin(), kTopLevel.end(), name) != kTopLevel.end();
}

// ----------------------------------------------------------------- the tree

const std::string kRoot = RELAY_SOURCE_ROOT;

// The tree may belong to somebody else than who runs the test.
std::vector<std::string> ListFiles() {
  const RunResult listed = Run({"git", "-c", "safe.directory=*", "-C", kRoot, "ls-files",
                                "--cached", "--others", "--exclude-standard"});
  if (listed.exit_code != 0) throw std::runtime_error("git ls-files: " + listed.output);
  std::vector<std::string> paths;
  std::istringstream lines(listed.output);
  for (std::string path; std::getline(lines, path);) {
    // Deleted, and not yet said to git.
    if (std::filesystem::exists(std::filesystem::path(kRoot) / path)) paths.push_back(path);
  }
  return paths;
}

const std::vector<std::string>& Paths() {
  static const std::vector<std::string> paths = ListFiles();
  return paths;
}

File ReadLines(const std::string& path) {
  File file{.path = path, .lines = {}};
  std::istringstream content(ReadFile(kRoot + "/" + path));
  for (std::string line; std::getline(content, line);) file.lines.push_back(line);
  return file;
}

std::vector<File> ReadAll(bool (*wanted)(std::string_view path)) {
  std::vector<File> files;
  for (const std::string& path : Paths()) {
    if (wanted(path)) files.push_back(ReadLines(path));
  }
  return files;
}

const std::vector<File>& Sources() {
  static const std::vector<File> sources = ReadAll(IsSource);
  return sources;
}

void ReportFindings(const File& file, Finding (*rule)(std::string_view, std::string_view)) {
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const Finding finding = rule(file.path, file.lines[i]);
    if (finding) FAIL_CHECK(file.path, ":", i + 1, ": ", *finding);
  }
}

void CheckSources(Finding (*rule)(std::string_view, std::string_view)) {
  REQUIRE_FALSE(Sources().empty());
  for (const File& file : Sources()) ReportFindings(file, rule);
}

TEST_CASE("tidy: a folder includes only itself and the folders on its left") {
  CheckSources(WrongLayer);
}

TEST_CASE("tidy: each library, the time, the sleep and what shows secrets are in their place") {
  CheckSources(BannedText);
  CheckSources(JsonOutsideRelay);
}

TEST_CASE("tidy: no line is longer than 100 columns") {
  CheckSources(TooLong);
}

TEST_CASE("tidy: nothing is left for later") {
  for (const File& file : ReadAll([](std::string_view) { return true; })) {
    ReportFindings(file, Unfinished);
  }
}

TEST_CASE("tidy: errors are returned, not thrown") {
  CheckSources(Throws);
}

TEST_CASE("tidy: every header leads with its contract") {
  for (const File& file : Sources()) {
    if (!IsHeader(file.path) || LeadsWithContract(file)) continue;
    FAIL_CHECK(file.path, ":1: begin with a comment: what it is for, then what holds ",
               "(durability, threads, errors)");
  }
}

TEST_CASE("tidy: the top level holds what everybody expects there, and nothing else") {
  for (const std::string& path : Paths()) {
    if (BelongsToTopLevel(path)) continue;
    FAIL_CHECK(path, ":1: move it into the folder of what it describes or builds");
  }
}

TEST_CASE("tidy: every test is in a folder that is built") {
  const std::string build = ReadFile(kRoot + "/tests/CMakeLists.txt");
  for (const std::string& path : Paths()) {
    if (!path.ends_with("_test.cc")) continue;
    const std::string below = path.starts_with("tests/") ? path.substr(6) : "";
    const std::string folder = below.substr(0, below.find('/'));
    const bool built = build.find("\nrelay_tests(" + folder + " ") != std::string::npos;
    if (!built) FAIL_CHECK(path, ":1: no relay_tests() in tests/CMakeLists.txt names its folder");
  }
}

// ------------------------------------------------- the rules find something

TEST_CASE("tidy: an include to the right or from nowhere is found") {
  CHECK(WrongLayer("wal/a.h", "#include \"replay/b.h\""));
  CHECK(WrongLayer("wal/a.h", "#include \"b.h\""));
  CHECK(WrongLayer("relay/a.cc", "#include \"tests/support/b.h\""));
  CHECK_FALSE(WrongLayer("relay/a.cc", "#include \"wal/b.h\""));
  CHECK_FALSE(WrongLayer("wal/a.cc", "#include <map>"));
}

TEST_CASE("tidy: a library outside its home is found") {
  CHECK(BannedText("wal/log.h", "#include <rocksdb/db.h>"));
  CHECK_FALSE(BannedText("wal/rocks_store.cc", "#include <rocksdb/db.h>"));
  CHECK(BannedText("relay/a.cc", "  auto now = std::chrono::steady_clock::now();"));
  CHECK_FALSE(BannedText("relay/a.cc", "  // not steady_clock::now()"));
  CHECK(JsonOutsideRelay("relay/status.h", "#include <nlohmann/json.hpp>"));
  CHECK(JsonOutsideRelay("wal/a.cc", "#include <nlohmann/json.hpp>"));
  CHECK_FALSE(JsonOutsideRelay("relay/status.cc", "#include <nlohmann/json.hpp>"));
}

TEST_CASE("tidy: a header that does not say what it is for is found") {
  CHECK(LeadsWithContract({"a.h", {"// A log.", "#pragma once", "class A;"}}));
  CHECK(LeadsWithContract({"a.h", {"#pragma once", "", "#include <map>", "", "// A log."}}));
  CHECK_FALSE(LeadsWithContract({"a.h", {"#pragma once", "class A;", "// A log."}}));
}

TEST_CASE("tidy: columns are characters, not bytes") {
  std::string line;
  for (int i = 0; i < 100; ++i) line += "\xc3\xa4";
  CHECK_FALSE(TooLong("wal/a.cc", line));
  CHECK(TooLong("wal/a.cc", line + "a"));
}

TEST_CASE("tidy: a throw is found in code, not in words about it") {
  CHECK(Throws("wal/a.cc", "  if (bad) throw Error();"));
  CHECK_FALSE(Throws("wal/a.cc", "  Say(\"we throw\");  // never throw"));
  CHECK_FALSE(Throws("wal/a.cc", "  bool throws = false;"));
  CHECK_FALSE(Throws("tests/a.cc", "  throw 1;"));
}

TEST_CASE("tidy: the words for unfinished work are found whole") {
  CHECK(Unfinished("wal/a.cc",
                   "// TO"
                   "DO: later"));
  CHECK_FALSE(Unfinished("wal/a.cc", "mkdtemp(\"a-XXXXXX\")"));
}

}  // namespace
}  // namespace relay::test
