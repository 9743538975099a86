#include "wal/commit/disk_budget.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temp_dir.h"
#include "wal/default_limits.h"
#include "wal/offline.h"

namespace relay::test::wal_commit_disk_budget_test {
namespace {

constexpr Bytes kMore = 1_GiB;

void Write(const std::string& path, std::size_t size) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << std::string(size, 'x');
}

LogLimits Limits(Bytes size_max) {
  return {.keep = {}, .size_max = size_max, .free_min = 0_B};
}

TEST_CASE("disk budget: the directory counts, checkpoints in it do not") {
  const TempDir directory;
  Write(directory.path() + "/db/1.sst", 1000);
  Write(directory.path() + "/identity", 24);
  Write(CheckpointsDirectory(directory.path()) + "/first/1.sst", 5000);
  DiskBudget budget(directory.path(), Limits(kMore));
  REQUIRE(budget.Measure().ok());
  CHECK_EQ(budget.use().used, Bytes(1024));
  CHECK_EQ(budget.use().max, kMore);
}

TEST_CASE("disk budget: there is room up to the limit and none at it") {
  const TempDir directory;
  DiskBudget budget(directory.path(), Limits(Bytes(1000)));
  REQUIRE(budget.Measure().ok());
  budget.CountAppended(Bytes(999));
  CHECK(budget.CheckRoom().ok());
  budget.CountAppended(Bytes(1));
  REQUIRE(!budget.CheckRoom().ok());
  CHECK_EQ(budget.CheckRoom().error().code(), ErrorCode::kFull);
  CHECK_EQ(budget.CheckRoom().error().message(),
           "the log is full: 1000 B of 1000 B (log.max_size) are used");
  CHECK(budget.use().full());
}

TEST_CASE("disk budget: a measurement takes over what was appended before it") {
  const TempDir directory;
  DiskBudget budget(directory.path(), Limits(Bytes(1000)));
  budget.CountAppended(Bytes(1000));
  CHECK(!budget.CheckRoom().ok());
  Write(directory.path() + "/1.sst", 400);
  REQUIRE(budget.Measure().ok());
  CHECK_EQ(budget.use().used, Bytes(400));
  CHECK(budget.CheckRoom().ok());
}

TEST_CASE("disk budget: before the first measurement only the appends count") {
  const DiskBudget budget("/nowhere", {.keep = {}, .size_max = kMore, .free_min = kMore});
  CHECK(budget.CheckRoom().ok());
}

TEST_CASE("disk budget: a full file system refuses appends and checkpoints") {
  const TempDir directory;
  DiskBudget budget(directory.path(), Limits(kMore));
  REQUIRE(budget.Measure().ok());
  CHECK(budget.CheckRoomForCheckpoint().ok());
  LogLimits limits = Limits(kMore);
  limits.free_min = budget.use().free + Bytes(1);
  budget.SetLimits(limits);
  REQUIRE(!budget.CheckRoom().ok());
  CHECK_EQ(budget.CheckRoom().error().code(), ErrorCode::kFull);
  REQUIRE(!budget.CheckRoomForCheckpoint().ok());
  CHECK_EQ(budget.CheckRoomForCheckpoint().error().code(), ErrorCode::kFull);
}

TEST_CASE("disk budget: without settings the limits follow the file system") {
  const TempDir directory;
  DiskBudget budget(directory.path(), {.size_max = Bytes(1ULL << 60U)});
  REQUIRE(budget.Measure().ok());
  const Bytes capacity(std::filesystem::space(directory.path()).capacity);
  CHECK_EQ(budget.use().min_free, DefaultMinFree(capacity));
  CHECK_EQ(budget.use().dead_max, Bytes(capacity.count() / 10));
  budget.SetLimits({.size_max = Bytes(1000), .free_min = Bytes(7), .dead = {.size = Bytes(9)}});
  CHECK_EQ(budget.use().min_free, Bytes(7));
  CHECK_EQ(budget.use().dead_max, Bytes(9));
}

TEST_CASE("disk budget: the default to leave free is a tenth of a small volume, at most 2 GiB") {
  CHECK_EQ(DefaultMinFree(1_GiB), Bytes((1ULL << 30U) / 10));
  CHECK_EQ(DefaultMinFree(20_GiB), 2_GiB);
  CHECK_EQ(DefaultMinFree(500_GiB), 2_GiB);
  CHECK_EQ(DefaultDeadLetters(100_GiB, 500_GiB), 10_GiB);
  CHECK_EQ(DefaultDeadLetters(64_GiB, 10_GiB), 1_GiB);
}

TEST_CASE("disk budget: a full disk is refused with the setting that decides") {
  const TempDir directory;
  DiskBudget budget(directory.path(), {.size_max = kMore, .free_min = Bytes(1ULL << 60U)});
  REQUIRE(budget.Measure().ok());
  CHECK_NE(budget.CheckRoom().error().message().find("log.min_free"), std::string::npos);
}

TEST_CASE("disk budget: a log that reached its own limit may still be copied") {
  const TempDir directory;
  DiskBudget budget(directory.path(), Limits(Bytes(1000)));
  REQUIRE(budget.Measure().ok());
  budget.CountAppended(Bytes(1000));
  CHECK(budget.CheckRoomForCheckpoint().ok());
}

TEST_CASE("disk budget: limits hold from when they are set") {
  const TempDir directory;
  DiskBudget budget(directory.path(), Limits(Bytes(1000)));
  REQUIRE(budget.Measure().ok());
  budget.CountAppended(Bytes(1000));
  budget.SetLimits(Limits(Bytes(1001)));
  CHECK(budget.CheckRoom().ok());
  CHECK(!budget.use().full());
  CHECK_EQ(budget.limits().size_max, Bytes(1001));
}

TEST_CASE("disk budget: a full log gives up what is kept by halves, the last file at once") {
  const TempDir directory;
  LogLimits limits = Limits(Bytes(1000));
  limits.keep.size = Bytes(800);
  DiskBudget budget(directory.path(), limits);
  REQUIRE(budget.Measure().ok());
  CHECK_EQ(budget.KeepNow(Bytes(700), Bytes(100)).size, Bytes(800));  // The log is not full.
  budget.CountAppended(Bytes(1000));
  CHECK_EQ(budget.KeepNow(Bytes(700), Bytes(100)).size, Bytes(350));
  CHECK_EQ(budget.KeepNow(Bytes(101), Bytes(100)).size, Bytes(50));
  CHECK_EQ(budget.KeepNow(Bytes(100), Bytes(100)).size, 0_B);
  CHECK_EQ(budget.KeepNow(Bytes(9000), Bytes(100)).size,
           Bytes(800));  // Never more than configured.
}

TEST_CASE("disk budget: a directory that is gone cannot be measured, and says so") {
  DiskBudget budget("/nowhere/at/all", Limits(kMore));
  const Status measured = budget.Measure();
  REQUIRE(!measured.ok());
  CHECK_EQ(measured.error().code(), ErrorCode::kIo);
  CHECK(measured.error().message().starts_with("measuring /nowhere/at/all: "));
}

}  // namespace
}  // namespace relay::test::wal_commit_disk_budget_test
