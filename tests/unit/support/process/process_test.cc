#include "tests/support/process/process.h"

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <set>

#include "tests/support/process/ports.h"
#include "tests/support/temp_dir.h"

namespace relay::test::support_process_process_test {
namespace {

Program Shell(const TempDir& directory, const std::string& script) {
  return {.argv = {"sh", "-c", script},
          .environment = {"GREETING=good evening"},
          .output_path = directory.File("output")};
}

TEST_CASE("process: tells the exit code and everything that was printed") {
  const RunResult result = Run({"sh", "-c", "echo out; echo err >&2; exit 3"});
  CHECK_EQ(result.exit_code, 3);
  CHECK_EQ(result.output, "out\nerr\n");
}

TEST_CASE("process: a program that is not there exits with 127 and its name") {
  const RunResult result = Run({"/no/such/program"});
  CHECK_EQ(result.exit_code, 127);
  CHECK_EQ(result.output, "cannot execute /no/such/program: No such file or directory\n");
}

TEST_CASE("process: one that does not end in time is killed") {
  CHECK_EQ(Run({"sleep", "60"}, milliseconds{20}).exit_code, 128 + SIGKILL);
}

TEST_CASE("process: has the environment that was given, before that of the test") {
  const TempDir directory;
  Process process(Shell(directory, "echo $GREETING"));
  CHECK_EQ(process.WaitFor(kPatience), 0);
  CHECK_EQ(process.Output(), "good evening\n");
}

TEST_CASE("process: runs until it is killed, and then says by which signal") {
  const TempDir directory;
  Process process(Shell(directory, "exec sleep 60"));
  CHECK(process.IsRunning());
  process.Kill(SIGTERM);
  CHECK_EQ(process.WaitFor(kPatience), 128 + SIGTERM);
  CHECK_FALSE(process.IsRunning());
}

TEST_CASE("process: is gone once its object is") {
  const TempDir directory;
  pid_t pid = 0;
  {
    const Process process(Shell(directory, "exec sleep 60"));
    pid = process.pid();
    CHECK_EQ(kill(pid, 0), 0);
  }
  CHECK_EQ(kill(pid, 0), -1);
}

TEST_CASE("temporary directory: is there, then gone with what was in it") {
  std::string path;
  {
    const TempDir directory;
    path = directory.path();
    WriteFile(directory.File("file"), "content");
    CHECK_EQ(ReadFile(directory.File("file")), "content");
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("ports: each is handed out once, and can be listened on") {
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 20; ++i) {
    const std::uint16_t port = FreePort();
    CHECK(ListenOn(port).open());
    CHECK(ports.insert(port).second);
  }
}

}  // namespace
}  // namespace relay::test::support_process_process_test
