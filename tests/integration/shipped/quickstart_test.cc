// deploy/quickstart, the first program that a user runs.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/terminal.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_shipped_quickstart_test {
namespace {

const std::string kQuickstart = SourceRoot() + "/deploy/quickstart";

// Returns the final counts: "in the database on influx-a      7210".
std::vector<std::string> CountsIn(const std::string& output) {
  static const std::regex count(R"((?:writer \(204\)|relay counts|on influx-[ab]) +([0-9]+)\n)");
  std::vector<std::string> counts;
  for (std::sregex_iterator at(output.begin(), output.end(), count), end; at != end; ++at) {
    counts.push_back((*at)[1]);
  }
  return counts;
}

// The demo at a terminal; its files are below `directory`.
struct Demo {
  TempDir directory;
  Terminal terminal;

  explicit Demo(const std::string& outage)
      : terminal({"/usr/bin/env", "TMPDIR=" + directory.path(), "NO_COLOR=1", kQuickstart,
                  "--outage", outage, "--binary", RelayBinary()},
                 {.columns = 120, .rows = 40}) {}

  // Returns whether nothing of it is left.
  bool IsGone() const { return std::filesystem::is_empty(directory.path()) && Pids("").empty(); }
  // Returns those of its programs whose command line contains these words.
  std::vector<std::string> Pids(const std::string& words) const {
    const std::string found =
        Run({"pgrep", "-f", fmt::format("{}.*{}", words, directory.path())}).output;
    std::vector<std::string> pids;
    for (std::size_t at = 0; at < found.size(); at = found.find('\n', at) + 1) {
      pids.push_back(found.substr(at, found.find('\n', at) - at));
    }
    return pids;
  }
};

// Tools that a build finds before the real ones: cmake does nothing, ninja does
// `steps` of 20 and fails.
struct BrokenTools {
  TempDir directory;

  explicit BrokenTools(int steps) {
    Write("cmake", "exit 0");
    Write("ninja", fmt::format("for i in $(seq {}); do echo \"@$i/20 $i.5@Building $i.o\"; done\n"
                               "echo 'a.cc:1: error: no such thing'; exit 1",
                               steps));
  }
  std::string Path() const {
    const char* path = std::getenv("PATH");
    return fmt::format("PATH={}:{}", directory.path(), path == nullptr ? "" : path);
  }
  void Write(const std::string& name, const std::string& script) const {
    WriteFile(directory.File(name), "#!/bin/sh\n" + script + "\n");
    std::filesystem::permissions(directory.File(name), std::filesystem::perms::owner_all);
  }
};

TEST_CASE("quickstart: after an outage, both servers hold what the relay acknowledged") {
  const RunResult run = Run({kQuickstart, "--once", "--outage", "2", "--binary", RelayBinary()},
                            milliseconds{90'000});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
  const std::vector<std::string> counts = CountsIn(run.output);
  REQUIRE_EQ(counts.size(), 4);
  CHECK_NE(counts.front(), "0");
  for (const std::string& count : counts) CHECK_EQ(count, counts.front());
}

TEST_CASE("quickstart: an argument it does not know ends it with 2") {
  const RunResult run = Run({kQuickstart, "--outrage", "2"});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 2);
  CHECK_NE(run.output.find("--outrage"), std::string::npos);
}

TEST_CASE("quickstart: it says how far the build is, and what broke it") {
  const BrokenTools tools(12);
  const RunResult run = Run({"/usr/bin/env", tools.Path(), kQuickstart, "--once", "--build-dir",
                             tools.directory.File("build")});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 1);
  CHECK_NE(run.output.find("building  10 % (about 18 s left)\n"), std::string::npos);
  CHECK_NE(run.output.find("60 % (about 8 s left)\n"), std::string::npos);
  CHECK_NE(run.output.find("building failed"), std::string::npos);
  CHECK_NE(run.output.find("a.cc:1: error: no such thing"), std::string::npos);
}

TEST_CASE("quickstart: at a terminal it shows `status --watch`, and keys act until q") {
  Demo demo("3");
  CHECK(demo.terminal.Shows("influx-b was killed"));
  CHECK(demo.terminal.Shows("accepting writes"));
  CHECK(demo.terminal.Shows("connection refused"));
  CHECK(demo.terminal.Shows("influx-b has caught up"));
  CHECK(demo.terminal.Shows("EQUAL: "));
  CHECK(demo.terminal.Shows("keys: a b s q"));
  demo.terminal.Forget();
  demo.terminal.Type("a");
  CHECK(demo.terminal.Shows("influx-a is down"));
  demo.terminal.Type("a");
  CHECK(demo.terminal.Shows("influx-a is back"));
  demo.terminal.Type("q");
  CHECK_EQ(demo.terminal.WaitFor(), 0);
  CHECK(demo.IsGone());
}

TEST_CASE("quickstart: a killed relay is reported, and Ctrl-C leaves nothing behind") {
  Demo demo("600");
  Demo other("600");
  CHECK(demo.terminal.Shows("influx-b has"));
  for (const std::string& pid : demo.Pids("serve")) kill(std::stoi(pid), SIGKILL);
  CHECK(demo.terminal.Shows("the relay has ended"));
  CHECK_EQ(demo.terminal.WaitFor(), 1);
  CHECK(demo.IsGone());

  CHECK(other.terminal.Shows("influx-b is down"));
  other.terminal.Type("\x03");
  CHECK_EQ(other.terminal.WaitFor(), 130);
  CHECK(other.IsGone());
}

}  // namespace
}  // namespace relay::test::integration_shipped_quickstart_test
