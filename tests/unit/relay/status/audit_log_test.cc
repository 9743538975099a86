#include "relay/status/audit_log.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::relay_status_audit_log_test {
namespace {

AuditEntry Entry(int second, const std::string& what) {
  return {WallTime(std::chrono::seconds(second)), "alice", what, "done"};
}

TEST_CASE("audit: entries are listed newest first, after a restart too") {
  const TempDir directory;
  {
    Audit audit(directory.path());
    CHECK(audit.Note(Entry(1, "pause a")).ok());
    CHECK(audit.Note(Entry(2, "resume \"a\"\n")).ok());
    CHECK_EQ(audit.Recent(1).at(0).what, "resume \"a\"\n");
  }
  const Audit again(directory.path());
  REQUIRE_EQ(again.Recent(10).size(), 2);
  CHECK_EQ(again.Recent(10).at(1).what, "pause a");
  const auto read = ReadAudit(directory.path(), 10);
  REQUIRE(read.ok());
  CHECK_EQ(read.value().at(0).when, WallTime(std::chrono::seconds(2)));
  CHECK_EQ(read.value().at(0).who, "alice");
}

TEST_CASE("audit: if a power loss cuts a line short, only that line is lost") {
  const TempDir directory;
  CHECK(Audit(directory.path()).Note(Entry(1, "pause a")).ok());
  const std::string path = directory.path() + "/audit.jsonl";
  WriteFile(path, ReadFile(path) + R"({"when_ns":2,"who":"al)");
  Audit audit(directory.path());
  CHECK(audit.Note(Entry(3, "resume a")).ok());
  const auto entries = ReadAudit(directory.path(), 10);
  REQUIRE_EQ(entries.value().size(), 2);
  CHECK_EQ(entries.value().at(0).what, "resume a");
  CHECK_EQ(entries.value().at(1).what, "pause a");
}

TEST_CASE("audit: a full file is put aside, and what it holds is still read") {
  const TempDir directory;
  const std::string path = directory.path() + "/audit.jsonl";
  CHECK(Audit(directory.path()).Note(Entry(1, "pause a")).ok());
  const std::string line = ReadFile(path);
  std::filesystem::resize_file(path, Audit::kFileMax.count());
  CHECK(Audit(directory.path()).Note(Entry(2, "resume a")).ok());
  CHECK(std::filesystem::exists(path + ".1"));
  CHECK_EQ(ReadAudit(directory.path(), 10).value().size(), 2);
}

TEST_CASE("audit: nobody else may read it") {
  const TempDir directory;
  CHECK(Audit(directory.path()).Note(Entry(1, "pause a")).ok());
  const auto permissions = std::filesystem::status(directory.path() + "/audit.jsonl").permissions();
  CHECK_EQ(permissions, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_CASE("audit: a failed write is reported") {
  Audit audit("/nowhere");
  CHECK_EQ(audit.Note(Entry(1, "pause a")).error().code(), ErrorCode::kIo);
}

}  // namespace
}  // namespace relay::test::relay_status_audit_log_test
