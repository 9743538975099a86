// Rules of this tree that no compiler checks. Each case names one rule; a
// failure says FILE:LINE, what is wrong there and what to do instead.
//
// The files are those that git tracks or would track, without those that
// .gitignore names.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process/places.h"
#include "tests/support/process/process.h"

namespace relay::test::tidy_tidy_test {
namespace {

struct File {
  std::string path;  // Starts at the root: "wal/log.h".
  std::vector<std::string> lines;
};

// ---------------------------------------------------------------- the rules

// The floors of the tree, low to high; tests include all.
constexpr std::array<std::string_view, 5> kLayers = {"wal", "replay", "config", "relay", "tests"};

// A folder with more files cannot be seen at a glance: it is several rooms.
constexpr std::size_t kFilesMax = 30;

// The floor plan: each room with the rooms that it names in CMakeLists.txt.
using Rooms = std::map<std::string, std::set<std::string>>;

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
      {"#include <rocksdb/", {"wal/store/rocks_", "tests/"}, "wal/store/store.h"},
      {"#include <nats/", {"wal/order/nats_library.h"}, "wal/order/order.h"},
      {"#include <zstd", {"wal/compression/zstd.cc"}, "wal/compression/zstd.h"},
      {"#include <httplib.h>",
       {"relay/cli/admin_session.cc", "tests/support/process/http_client.cc"},
       "relay::Transport, or tests/support/process/http_client.h in a test"},
      {"#include <toml++/", {"config/legacy/toml.cc"}, "config/legacy/toml.h"},
      {"#include <yaml-cpp/", {"config/schema/section."}, "config/schema/section.h"},
      {"#include <boost/",
       {"relay/http/", "relay/stream/listener_thread.", "relay/stream/tcp_listener.cc",
        "relay/stream/udp_listener.cc"},
       "relay/http/server.h or relay/stream/listener.h"},
      {"#include <CLI/", {"relay/cli/main.cc", "relay/cli/options."}, "what main parsed"},
      {"#include <zlib.h>",
       {"relay/transfer/input_file.cc", "tests/"},
       "relay/transfer/input_file.h"},
      {"#include <libdeflate.h>",
       {"relay/ingest/gunzip_body.cc", "replay/transport/gzip.cc", "tests/"},
       "relay/ingest/gunzip_body.h or replay/transport/gzip.h"},
      {"#include <snappy.h>",
       {"relay/ingest/remote_write_body.cc", "replay/transport/remote_write.cc", "tests/"},
       "relay/ingest/remote_write_body.h or replay/transport/remote_write.h"},
      {"#include <protozero/",
       {"relay/ingest/remote_write_body.cc", "replay/transport/remote_write.cc", "tests/"},
       "relay/ingest/remote_write_body.h or replay/transport/remote_write.h"},
      {"#include <re2/", {"config/schema/name_pattern.cc"}, "config/schema/name_pattern.h"},
      {"#include <openssl/",
       {"replay/net/tls.cc", "replay/transport/base64.cc", "relay/", "tests/"},
       "replay/net/connection.h or replay/transport/base64.h"},
      {"#include <doctest/", {"tests/"}, "nothing: tests are in tests/"},
      {"sleep_for(", {"wal/base/clock.cc", "tests/support/eventually.h"}, "relay::Clock"},
      {"sleep_until(", {"wal/base/clock.cc"}, "relay::Clock"},
      {"usleep(", {"tests/faults/failing_calls.cc"}, "relay::Clock"},
      {"_clock::now(", {"wal/base/clock.cc", "tests/"}, "relay::Clock"},
      {"clock_gettime(", {"wal/base/clock.cc", "tests/"}, "relay::Clock"},
      {"gettimeofday(", {}, "relay::Clock"},
      // Files where secrets and clients' credentials are sent, stored or
      // compared in constant time.
      {"Reveal()",
       {"wal/base/client_credentials.h", "wal/record/record.cc", "wal/record/rows.cc",
        "wal/base/secret.h", "wal/order/nats_connection.cc", "replay/transport/authorization.cc",
        "replay/transport/http_transport.cc", "relay/admin/access.cc", "relay/ingest/users.cc",
        "relay/cli/admin_session.cc", "relay/webhook/webhook.cc", "config/model/webhook.cc",
        "tests/"},
       "the secret as it is, unseen"},
      {"memcmp(", {"relay/ingest/users.cc"}, "SameSecret for secrets, == for what is none"},
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

// Finds an include where it takes effect, anything else where it is code.
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

std::string FolderOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

// Reads the calls of relay_room(ROOM USES ROOM... LINKS LIBRARY...).
Rooms ReadRooms(const std::string& build) {
  constexpr std::string_view kCall = "\nrelay_room(";
  Rooms rooms;
  for (std::size_t at = build.find(kCall); at != std::string::npos; at = build.find(kCall, at)) {
    at += kCall.size();
    std::istringstream words(build.substr(at, build.find(')', at) - at));
    std::string room;
    words >> room;
    std::set<std::string>& used = rooms[room];
    bool uses = false;
    for (std::string word; words >> word;) {
      if (word == "USES" || word == "LINKS") {
        uses = word == "USES";
      } else if (uses) {
        used.insert(word);
      }
    }
  }
  return rooms;
}

Finding WrongRoom(const Rooms& rooms, std::string_view path, std::string_view line) {
  constexpr std::string_view kInclude = "#include \"";
  if (!line.starts_with(kInclude)) return std::nullopt;
  const std::string_view included = line.substr(kInclude.size());
  if (LayerOf(included) == kLayers.size()) return "includes are written from the root: \"wal/x.h\"";
  if (!IsOfLayers(path)) return std::nullopt;
  const std::string here = FolderOf(path);
  const std::string there = FolderOf(included.substr(0, included.find('"')));
  if (here == there) return std::nullopt;
  const auto room = rooms.find(here);
  if (room == rooms.end()) {
    return here + " is no room: declare it in CMakeLists.txt with relay_room(" + here +
           " USES ...)";
  }
  if (room->second.contains(there)) return std::nullopt;
  return here + " does not use " + there + ": name it in relay_room(" + here +
         " USES ...) in CMakeLists.txt if it is declared above, else declare an interface here and "
         "implement it there";
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
  const bool declares = line.find("#include <nlohmann/json_fwd.hpp>") != std::string_view::npos;
  if (home && (declares || !IsHeader(path))) return std::nullopt;
  return "nlohmann/json belongs into the .cc files of relay/: keep it out of headers, which "
         "may include nlohmann/json_fwd.hpp";
}

Finding TooLong(std::string_view /*path*/, std::string_view line) {
  if (Columns(line) <= 100) return std::nullopt;
  return "longer than 100 columns: break the line";
}

Finding Unfinished(std::string_view /*path*/, std::string_view line) {
  // Written in two parts, so that this file may be checked as well.
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
  return "this code does not throw: return an Error (wal/base/result.h)";
}

// Returns the first word of the comment that opens in `lines[at]`; empty: none opens there.
std::string_view OpeningWord(const std::vector<std::string>& lines, std::size_t at) {
  const std::string_view line = lines[at];
  const std::string code = CodeOf(line);
  std::size_t begin = line.find("// ");
  while (begin != std::string_view::npos && CodeOf(line.substr(0, begin)) != code) {
    begin = line.find("// ", begin + 1);
  }
  if (begin == std::string_view::npos) return {};
  const bool alone = line.find_first_not_of(' ') == begin;
  if (alone && at > 0) {
    const std::size_t above = lines[at - 1].find_first_not_of(' ');
    if (above != std::string::npos && lines[at - 1].compare(above, 3, "// ") == 0) return {};
  }
  const std::string_view words = line.substr(begin + 3);
  return words.substr(0, words.find_first_of(" .,:;"));
}

Finding OpensWithFragment(const File& file, std::size_t at) {
  constexpr std::array<std::string_view, 8> kFragments = {"Of",      "What", "Who", "Whether",
                                                          "Nothing", "None", "As",  "So"};
  const std::string_view word = OpeningWord(file.lines, at);
  if (std::find(kFragments.begin(), kFragments.end(), word) == kFragments.end()) {
    return std::nullopt;
  }
  return "a comment opens with '" + std::string(word) + "': begin with a subject or a verb";
}

// Returns whether a header begins with a comment: at its very beginning, or
// before the first thing it declares.
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

const std::string kRoot = SourceRoot();

// The tree may belong to another user than the one who runs the test.
std::vector<std::string> ListFiles() {
  const RunResult listed = Run({"git", "-c", "safe.directory=*", "-C", kRoot, "ls-files",
                                "--cached", "--others", "--exclude-standard"});
  if (listed.exit_code != 0) throw std::runtime_error("git ls-files: " + listed.output);
  std::vector<std::string> paths;
  std::istringstream lines(listed.output);
  for (std::string path; std::getline(lines, path);) {
    // Skips files that are deleted and not yet staged.
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

const Rooms& FloorPlan() {
  static const Rooms rooms = ReadRooms("\n" + ReadFile(kRoot + "/CMakeLists.txt"));
  return rooms;
}

TEST_CASE("tidy: a room includes only itself and the rooms that it names") {
  REQUIRE_GT(FloorPlan().size(), 20U);
  for (const File& file : Sources()) {
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const Finding finding = WrongRoom(FloorPlan(), file.path, file.lines[i]);
      if (finding) FAIL_CHECK(file.path, ":", i + 1, ": ", *finding);
    }
  }
}

TEST_CASE("tidy: a room names only what it includes") {
  std::map<std::string, std::set<std::string>> included;
  for (const File& file : Sources()) {
    for (const std::string& line : file.lines) {
      if (!line.starts_with("#include \"")) continue;
      included[FolderOf(file.path)].insert(FolderOf(line.substr(10, line.rfind('"') - 10)));
    }
  }
  for (const auto& [room, uses] : FloorPlan()) {
    for (const std::string& used : uses) {
      if (included[room].contains(used)) continue;
      FAIL_CHECK("CMakeLists.txt:1: ", room, " names ", used, " and includes nothing of it");
    }
  }
}

TEST_CASE("tidy: no folder holds more than can be seen at a glance") {
  std::map<std::string, std::size_t> counts;
  for (const File& file : Sources()) {
    if (IsOfLayers(file.path)) ++counts[FolderOf(file.path)];
  }
  for (const auto& [folder, count] : counts) {
    if (count <= kFilesMax) continue;
    FAIL_CHECK(folder, ": holds ", count, " sources, more than ", kFilesMax,
               ": it is several rooms");
  }
}

TEST_CASE("tidy: each library, the time, the sleep and what shows secrets are in their place") {
  CheckSources(BannedText);
  CheckSources(JsonOutsideRelay);
}

TEST_CASE("tidy: no line is longer than 100 columns") {
  CheckSources(TooLong);
}

TEST_CASE("tidy: no unfinished work is left") {
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

TEST_CASE("tidy: a comment begins with a subject or a verb") {
  for (const File& file : Sources()) {
    for (std::size_t at = 0; at < file.lines.size(); ++at) {
      if (const Finding found = OpensWithFragment(file, at)) {
        FAIL_CHECK(file.path, ":", at + 1, ": ", *found);
      }
    }
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

// The bugs are planted by `tests/run mutants`; here they only have to fit the sources.
TEST_CASE("tidy: every bug of tests/mutants can be planted, and names a test that there is") {
  std::size_t bugs = 0;
  for (const std::string& path : Paths()) {
    if (!path.starts_with("tests/mutants/") || !path.ends_with(".patch")) continue;
    ++bugs;
    const std::string patch = ReadFile(kRoot + "/" + path);
    const auto field = [&patch](std::string_view name) {
      const std::size_t at = patch.find(name);
      const std::size_t begin = at == std::string::npos ? patch.size() : at + name.size();
      return patch.substr(begin, patch.find('\n', begin) - begin);
    };
    if (field("Promise: ").empty()) FAIL_CHECK(path, ":1: begin with the promise that it breaks");
    const std::string test = "tests/" + field("Caught by: ") + "_test.cc";
    if (!std::filesystem::exists(kRoot + "/" + test)) {
      FAIL_CHECK(path, ":2: there is no ", test, ": name a test as ctest does");
    }
    const RunResult applies =
        Run({"git", "-c", "safe.directory=*", "-C", kRoot, "apply", "--check", kRoot + "/" + path});
    if (applies.exit_code != 0) {
      FAIL_CHECK(path, ":1: plant it in the sources as they are now: ", applies.output);
    }
  }
  CHECK_GE(bugs, 60U);
}

// ------------------------------------------------- the rules find something

TEST_CASE("tidy: an include that a room does not name, or from nowhere, is found") {
  const Rooms rooms = ReadRooms(
      "\nrelay_room(wal/base)\nrelay_room(wal/store USES wal/base LINKS x)\n"
      "relay_room(wal USES wal/base\n           wal/store)\n");
  CHECK_EQ(rooms.size(), 3U);
  CHECK(WrongRoom(rooms, "wal/base/a.h", "#include \"wal/store/b.h\""));
  CHECK(WrongRoom(rooms, "wal/store/a.h", "#include \"wal/log.h\""));
  CHECK(WrongRoom(rooms, "wal/store/a.h", "#include \"b.h\""));
  CHECK(WrongRoom(rooms, "wal/cellar/a.h", "#include \"wal/base/b.h\""));
  CHECK_FALSE(WrongRoom(rooms, "wal/log.h", "#include \"wal/store/b.h\""));
  CHECK_FALSE(WrongRoom(rooms, "wal/store/a.cc", "#include \"wal/base/b.h\""));
  CHECK_FALSE(WrongRoom(rooms, "wal/store/a.cc", "#include \"wal/store/b.h\""));
  CHECK_FALSE(WrongRoom(rooms, "wal/base/a.cc", "#include <map>"));
  CHECK_FALSE(WrongRoom(rooms, "tests/support/a.cc", "#include \"wal/store/b.h\""));
}

TEST_CASE("tidy: a library outside its home is found") {
  CHECK(BannedText("wal/log.h", "#include <rocksdb/db.h>"));
  CHECK_FALSE(BannedText("wal/store/rocks_store.cc", "#include <rocksdb/db.h>"));
  CHECK(BannedText("relay/a.cc", "  auto now = std::chrono::steady_clock::now();"));
  CHECK_FALSE(BannedText("relay/a.cc", "  // not steady_clock::now()"));
  CHECK(JsonOutsideRelay("relay/status/relay_status.h", "#include <nlohmann/json.hpp>"));
  CHECK(JsonOutsideRelay("wal/a.cc", "#include <nlohmann/json.hpp>"));
  CHECK(JsonOutsideRelay("wal/a.h", "#include <nlohmann/json_fwd.hpp>"));
  CHECK_FALSE(JsonOutsideRelay("relay/base/json_text.h", "#include <nlohmann/json_fwd.hpp>"));
  CHECK_FALSE(JsonOutsideRelay("relay/status/relay_status.cc", "#include <nlohmann/json.hpp>"));
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

TEST_CASE("tidy: a fragment is found where a comment opens, not further down") {
  const File file{"wal/a.h",
                  {"// Whether it is there.", "// A log.", "// What follows is prose.",
                   "int a;  // Of the log.", "// Offsets and whatever else.", "Say(\"// What\");"}};
  CHECK(OpensWithFragment(file, 0));
  CHECK_FALSE(OpensWithFragment(file, 1));
  CHECK_FALSE(OpensWithFragment(file, 2));
  CHECK(OpensWithFragment(file, 3));
  CHECK_FALSE(OpensWithFragment(file, 4));
  CHECK_FALSE(OpensWithFragment(file, 5));
  CHECK(OpensWithFragment({"tests/a.h", {"// What it is."}}, 0));
}

TEST_CASE("tidy: the words for unfinished work are found whole") {
  CHECK(Unfinished("wal/a.cc",
                   "// TO"
                   "DO: later"));
  CHECK_FALSE(Unfinished("wal/a.cc", "mkdtemp(\"a-XXXXXX\")"));
}

}  // namespace
}  // namespace relay::test::tidy_tidy_test
