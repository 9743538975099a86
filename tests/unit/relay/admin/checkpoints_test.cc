#include "relay/admin/checkpoints.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <filesystem>

#include "tests/support/log_fixture.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test::relay_admin_checkpoints_test {
namespace {

namespace fs = std::filesystem;

struct Kept {
  TempDir directory;
  std::string log_path = directory.File("log");
  std::unique_ptr<DurableLog> log =
      DurableLog::Open({.directory = log_path, .limits = {.free_min = 0_B}}, {kWest}).value();
  Checkpoints checkpoints = Over("");

  Checkpoints Over(const std::string& checkpoint_dir) {
    return {log_path, checkpoint_dir,
            [this](const CheckpointRequest& request) { return log->Checkpoint(request); }};
  }
};

bool IsRefused(const Result<std::string>& result) {
  return !result.ok() && result.error().code() == ErrorCode::kInvalidInput;
}

TEST_CASE("checkpoints: a name, and the path it has, are the same place") {
  Kept kept;
  const std::string place = kept.log_path + "/checkpoints/nightly-2026.11_25";
  CHECK_EQ(kept.checkpoints.PathOf("nightly-2026.11_25").value(), place);
  CHECK_EQ(kept.checkpoints.PathOf(place).value(), place);
  CHECK_EQ(kept.checkpoints.PathOf(place + "/").value(), place);
  const std::string elsewhere = kept.directory.File("copies");
  CHECK_EQ(kept.Over(elsewhere + "/").PathOf("a").value(), elsewhere + "/a");
}

TEST_CASE("checkpoints: no name leads out of their directory") {
  Kept kept;
  const std::string inside = kept.log_path + "/checkpoints/";
  for (const std::string& name : {std::string(),
                                  std::string("."),
                                  std::string(".."),
                                  std::string("../db"),
                                  std::string("a/b"),
                                  std::string("/"),
                                  std::string("/etc/passwd"),
                                  std::string("/tmp/a"),
                                  std::string("-rf"),
                                  std::string(".hidden"),
                                  std::string("a b"),
                                  std::string("a\nb"),
                                  std::string("a\0b", 3),
                                  std::string("\xc3\xa4"),
                                  std::string("a.incomplete"),
                                  std::string(65, 'a'),
                                  kept.log_path,
                                  kept.log_path + "/db",
                                  inside,
                                  inside + "..",
                                  inside + "a/b",
                                  inside + "../../../a",
                                  inside + ".incomplete"}) {
    CAPTURE(name);
    CHECK(IsRefused(kept.checkpoints.PathOf(name)));
    CHECK(IsRefused(kept.checkpoints.DescribeMaking(name)));
    CHECK(IsRefused(kept.checkpoints.DescribeDropping(name)));
    CHECK_FALSE(kept.checkpoints.Make(name).ok());
    CHECK_FALSE(kept.checkpoints.Drop(name).ok());
    CHECK_FALSE(kept.checkpoints.Open(name).ok());
  }
  CHECK_FALSE(fs::exists(inside));
  CHECK(kept.checkpoints.PathOf(std::string(64, 'a')).ok());
}

TEST_CASE("checkpoints: they may lie anywhere but in the log's own directories") {
  Kept kept;
  for (const std::string wrong : {"/db", "/jobs", "/checkpoints/deeper"}) {
    CHECK(IsRefused(kept.Over(kept.log_path + wrong).DescribeMaking("a")));
  }
  CHECK(IsRefused(kept.Over(kept.log_path).DescribeMaking("a")));
  CHECK(kept.Over(kept.log_path + "/checkpoints").DescribeMaking("a").ok());
  CHECK(kept.Over(kept.directory.path()).DescribeMaking("a").ok());
  CHECK(kept.Over(kept.log_path + "-copies").Make("a").ok());
}

TEST_CASE("checkpoints: made, listed, read and deleted") {
  Kept kept;
  REQUIRE(AppendAndWait(*kept.log, NumberedRecord(7)).ok());
  WriteFile(kept.log_path + "/audit.jsonl", "{}\n");
  CHECK_EQ(kept.checkpoints.DescribeMaking("a").value(),
           "make a checkpoint in " + kept.log_path + "/checkpoints/a");
  CHECK_FALSE(fs::exists(kept.log_path + "/checkpoints"));
  REQUIRE(kept.checkpoints.Make("a").ok());
  REQUIRE(kept.checkpoints.Make("b").ok());
  CHECK(IsRefused(kept.checkpoints.DescribeMaking("a")));
  CHECK_EQ(ReadFile(kept.log_path + "/checkpoints/a/audit.jsonl"), "{}\n");
  CHECK_EQ(ReadAll(*kept.checkpoints.Open("a").value(), kWest).size(), 1);

  const auto list = kept.checkpoints.List();
  REQUIRE_EQ(list.size(), 2);
  CHECK_EQ(list[0].name, "a");
  CHECK_EQ(list[0].path, kept.log_path + "/checkpoints/a");
  CHECK(list[0].made.ends_with("Z"));
  CHECK_GT(list[0].size.count(), 0);
  const auto json = nlohmann::json::parse(CheckpointsJson(list));
  CHECK_EQ(json.at("checkpoints").at(1).at("name"), "b");

  CHECK(kept.checkpoints.DescribeDropping("a").value().starts_with("delete the checkpoint "));
  REQUIRE(kept.checkpoints.Drop("a").ok());
  CHECK_EQ(kept.checkpoints.List().size(), 1);
  CHECK(kept.checkpoints.Drop("a").error().code() == ErrorCode::kNotFound);
  CHECK(kept.checkpoints.Open("a").error().code() == ErrorCode::kNotFound);
}

TEST_CASE("checkpoints: an unfinished one does not count, and is deleted at the next start") {
  Kept kept;
  REQUIRE(kept.checkpoints.Make("a").ok());
  const std::string half = kept.log_path + "/checkpoints/b" + std::string(kUnfinishedCheckpoint);
  fs::copy(kept.log_path + "/checkpoints/a", half, fs::copy_options::recursive);
  CHECK_EQ(kept.checkpoints.List().size(), 1);
  kept.checkpoints.DeleteUnfinished();
  CHECK_FALSE(fs::exists(half));
  CHECK_EQ(kept.checkpoints.List().size(), 1);
}

}  // namespace
}  // namespace relay::test::relay_admin_checkpoints_test
