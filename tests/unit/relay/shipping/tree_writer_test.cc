#include "relay/shipping/tree_writer.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::relay_shipping_tree_writer_test {
namespace {

namespace fs = std::filesystem;

constexpr int kFiles = 40;

// A directory of files, one of them in a folder.
struct Tree {
  TempDir directory;
  std::string source = directory.File("source");
  std::string target = directory.File("copy");

  Tree() {
    fs::create_directories(source + "/folder");
    for (int i = 0; i < kFiles; ++i) {
      WriteFile(fmt::format("{}/{}", source, i),
                std::string(100'000, static_cast<char>('a' + i % 26)));
    }
    WriteFile(source + "/folder/empty", "");
  }
  bool IsWhole() const {
    for (int i = 0; i < kFiles; ++i) {
      const std::string name = fmt::format("/{}", i);
      if (ReadFile(target + name) != ReadFile(source + name)) return false;
    }
    return fs::exists(target + "/folder/empty");
  }
};

TEST_CASE("tree writer: a copy has the same files, for its owner alone") {
  const Tree tree;
  REQUIRE(CopyTree(tree.source, tree.target).ok());
  CHECK(tree.IsWhole());
  CHECK_FALSE(fs::exists(tree.target + ".incomplete"));
  CHECK_EQ(fs::status(tree.target).permissions(), fs::perms::owner_all);
  CHECK_EQ(fs::status(tree.target + "/0").permissions(),
           fs::perms::owner_read | fs::perms::owner_write);
}

TEST_CASE("tree writer: nothing is overwritten, and what fails leaves nothing behind") {
  const Tree tree;
  WriteFile(tree.target, "mine");
  CHECK_EQ(CopyTree(tree.source, tree.target).error().code(), ErrorCode::kInvalidInput);
  CHECK_EQ(ReadFile(tree.target), "mine");
  const std::string nowhere = tree.directory.File("nowhere") + "/copy";
  CHECK_EQ(CopyTree(tree.source, nowhere).error().code(), ErrorCode::kIo);
  fs::remove(tree.target);
  std::stop_source stopped;
  stopped.request_stop();
  CHECK_EQ(CopyTree(tree.source, tree.target, stopped.get_token()).error().code(),
           ErrorCode::kUnavailable);
  CHECK_FALSE(fs::exists(tree.target));
  CHECK_FALSE(fs::exists(tree.target + ".incomplete"));
}

TEST_CASE("tree writer: killed at any time, what has the name of a copy is whole") {
  const Tree tree;
  bool was_cut = false;
  for (int after = 0; after < kFiles; after += 3) {
    fs::remove_all(tree.target);
    const pid_t child = fork();
    if (child == 0) {
      const bool is_done = CopyTree(tree.source, tree.target).ok();
      _exit(is_done ? 0 : 1);
    }
    const std::string file = fmt::format("{}.incomplete/{}", tree.target, after);
    REQUIRE(Eventually(kPatience, [&] { return fs::exists(file) || fs::exists(tree.target); }));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    if (fs::exists(tree.target)) {
      CHECK(tree.IsWhole());
    } else {
      was_cut = true;
    }
  }
  CHECK(was_cut);
  fs::remove_all(tree.target);
  REQUIRE(CopyTree(tree.source, tree.target).ok());  // Leftovers are no obstacle.
  CHECK(tree.IsWhole());
}

}  // namespace
}  // namespace relay::test::relay_shipping_tree_writer_test
