#include "wal/record/identity.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>

#include "tests/support/log_fixture.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"
#include "wal/base/files.h"
#include "wal/log/durable_log.h"

namespace relay::test::wal_record_identity_test {
namespace {

namespace fs = std::filesystem;

const Identity kIdentity{2, "0123-id", "2026-11-24T03:00:00Z"};

Result<std::unique_ptr<DurableLog>> OpenIn(const TempDir& directory) {
  return DurableLog::Open({.directory = directory.path()}, {kWest});
}

// Returns content and modification time of every file.
std::map<std::string, std::pair<std::string, fs::file_time_type>> Everything(
    const std::string& directory) {
  std::map<std::string, std::pair<std::string, fs::file_time_type>> files;
  for (const auto& file : fs::recursive_directory_iterator(directory)) {
    const std::string path = file.path().string();
    const std::string content = file.is_regular_file() ? ReadFile(path) : "";
    files[path] = {content, file.last_write_time()};
  }
  return files;
}

TEST_CASE("identity: what was written is read") {
  const FoundIdentity found = DecodeIdentity(EncodeIdentity(kIdentity), 2).value();
  CHECK(found.state == IdentityState::kKnown);
  CHECK(found.identity == kIdentity);
}

TEST_CASE("identity: a checkpoint says of which log it is, and an unfinished one is refused") {
  Identity identity = kIdentity;
  identity.origin = "another-id";
  CHECK(DecodeIdentity(EncodeIdentity(identity), 2).value().identity == identity);
  identity.newest_write = "2026-11-24T02:59:59Z";
  identity.first_start = "2026-11-24T03:10:00Z";
  CHECK(DecodeIdentity(EncodeIdentity(identity), 2).value().identity == identity);
  identity.acknowledged = "2026-11-24T03:20:00Z";
  CHECK(DecodeIdentity(EncodeIdentity(identity), 2).value().identity == identity);
  const TempDir directory;
  REQUIRE(WriteUnfinished(directory.path()).ok());
  const Result<FoundIdentity> refused = ReadIdentity(directory.path(), 2);
  REQUIRE_FALSE(refused.ok());
  CHECK_EQ(refused.error().code(), ErrorCode::kInvalidInput);
}

TEST_CASE("identity: a newer format is refused with both versions") {
  const auto found = DecodeIdentity(EncodeIdentity(kIdentity), 1);
  REQUIRE(!found.ok());
  CHECK_EQ(found.error().code(), ErrorCode::kInvalidInput);
  CHECK(found.error().message().find("format 2") != std::string::npos);
  CHECK(found.error().message().find("up to 1") != std::string::npos);
}

TEST_CASE("identity: every flipped bit and every cut is seen") {
  const std::string text = EncodeIdentity(kIdentity);
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto found = DecodeIdentity(flipped, 9);
    REQUIRE(found.ok());
    // A hexadecimal digit of the checksum may turn into its own capital.
    if (found.value().state == IdentityState::kKnown) CHECK(found.value().identity == kIdentity);
  }
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK(DecodeIdentity(text.substr(0, size), 9).value().state == IdentityState::kDamaged);
  }
}

TEST_CASE("identity: a log gets one when it is made, and keeps it") {
  TempDir directory;
  { REQUIRE(OpenIn(directory).ok()); }
  const FoundIdentity first = ReadIdentity(directory.path(), 99).value();
  REQUIRE(first.state == IdentityState::kKnown);
  CHECK_EQ(first.identity.format, kFormatVersion);
  CHECK_EQ(first.identity.id.size(), 36);
  CHECK_EQ(first.identity.created.size(), 20);
  { REQUIRE(OpenIn(directory).ok()); }
  CHECK(ReadIdentity(directory.path(), 99).value().identity == first.identity);
}

TEST_CASE("identity: a log of a newer format is refused, not a byte or a time of it changes") {
  TempDir directory;
  {
    const auto log = OpenIn(directory).value();
    REQUIRE(AppendAndWait(*log, NumberedRecord(1)).ok());
  }
  Identity newer = ReadIdentity(directory.path(), 99).value().identity;
  newer.format = kFormatVersion + 1;
  REQUIRE(WriteIdentity(directory.path(), newer).ok());
  const auto before = Everything(directory.path());
  const auto opened = OpenIn(directory);
  REQUIRE(!opened.ok());
  CHECK_EQ(opened.error().code(), ErrorCode::kInvalidInput);
  CHECK(Everything(directory.path()) == before);
}

TEST_CASE("identity: a damaged one does not keep the log from opening, and is made anew") {
  TempDir directory;
  {
    const auto log = OpenIn(directory).value();
    REQUIRE(AppendAndWait(*log, NumberedRecord(1)).ok());
  }
  WriteFile(directory.File("identity"), "nonsense");
  CHECK_EQ(ReadAll(*OpenIn(directory).value(), kWest).size(), 1);
  CHECK(ReadIdentity(directory.path(), 99).value().state == IdentityState::kKnown);
}

TEST_CASE("directory lock: one at a time, free again when it goes") {
  TempDir directory;
  {
    const auto lock = DirectoryLock::Take(directory.path());
    REQUIRE(lock.ok());
    const auto second = DirectoryLock::Take(directory.path());
    REQUIRE(!second.ok());
    CHECK_EQ(second.error().code(), ErrorCode::kUnavailable);
  }
  CHECK(DirectoryLock::Take(directory.path()).ok());
}

}  // namespace
}  // namespace relay::test::wal_record_identity_test
