// A damaged store opens as far as it can.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/models/crash_copy.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"
#include "wal/record/rows.h"
#include "wal/store/rocks_table_check.h"
#include "wal/store/store.h"

namespace relay::test::wal_store_rocks_repair_test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kRows = 400;

std::string ValueOf(std::uint64_t number) {
  return fmt::format("{:0>2000}", number);
}

// A store with rows in tables and, behind them, in the write-ahead log, as a
// crash leaves it: a copy of one that is open.
struct Crashed {
  TempDir directory;
  std::vector<std::string> alarms;
  StoreMending mending;

  Crashed() {
    TempDir live;
    const auto store = OpenStore({.directory = live.File("db"), .file_size = 128_KiB}).value();
    const auto batch = store->NewBatch();
    for (std::uint64_t number = 1; number <= kRows; ++number) {
      batch->Clear();
      batch->Put(Family::kPayloads, PayloadKey(PayloadId(number)), ValueOf(number));
      REQUIRE(store->Write(*batch, Durability::kSynced).ok());
    }
    CopyAsCrashed(live.File("db"), directory.File("db"));
    mending.kept = directory.File("before-open");
    mending.quarantine = directory.File("quarantine");
    mending.alarms = &alarms;
  }

  Result<std::unique_ptr<Store>> Open() {
    return OpenStore(
        {.directory = directory.File("db"), .file_size = 128_KiB, .mending = &mending});
  }

  std::vector<std::string> Files(const std::string& ending) const {
    std::vector<std::string> files;
    for (const auto& file : fs::directory_iterator(directory.File("db"))) {
      const std::string name = file.path().filename().string();
      if (name.ends_with(ending) || name.starts_with(ending)) files.push_back(file.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
};

void Flip(const std::string& path, std::size_t at) {
  std::string text = ReadFile(path);
  REQUIRE_LT(at, text.size());
  text[at] = static_cast<char>(text[at] ^ 1);
  WriteFile(path, text);
}

// Counts the rows that are there, and checks their values.
std::size_t Intact(const Store& store) {
  std::size_t count = 0;
  for (std::uint64_t number = 1; number <= kRows; ++number) {
    const auto value = store.Get(Family::kPayloads, PayloadKey(PayloadId(number)));
    if (!value.ok() || !value.value()) continue;
    CHECK_EQ(*value.value(), ValueOf(number));
    ++count;
  }
  return count;
}

TEST_CASE("mending: after a crash nothing is alarmed, and nothing is kept") {
  Crashed crashed;
  CHECK_EQ(Intact(*crashed.Open().value()), kRows);
  CHECK(crashed.alarms.empty());
  CHECK(fs::is_empty(crashed.directory.File("before-open")));
}

TEST_CASE("mending: a flipped bit in the write-ahead log costs one write, not those behind it") {
  Crashed crashed;
  const std::vector<std::string> wals = crashed.Files(".log");
  REQUIRE(!wals.empty());
  Flip(wals.back(), 5'000);
  const auto store = crashed.Open();
  REQUIRE(store.ok());
  CHECK_GE(Intact(*store.value()), kRows - 1);
  REQUIRE_EQ(crashed.alarms.size(), 1);
  CHECK(crashed.alarms[0].find("damaged in 1 places") != std::string::npos);
  CHECK(!fs::is_empty(crashed.directory.File("before-open")));
}

TEST_CASE("mending: a missing CURRENT is made anew") {
  Crashed crashed;
  fs::remove(crashed.directory.File("db/CURRENT"));
  CHECK_EQ(Intact(*crashed.Open().value()), kRows);
  CHECK_EQ(crashed.alarms.size(), 1);
}

TEST_CASE("mending: an empty CURRENT is made anew") {
  Crashed crashed;
  WriteFile(crashed.directory.File("db/CURRENT"), "");
  CHECK_EQ(Intact(*crashed.Open().value()), kRows);
}

TEST_CASE("mending: a missing MANIFEST is made anew from the tables") {
  Crashed crashed;
  for (const std::string& file : crashed.Files("MANIFEST")) fs::remove(file);
  CHECK_EQ(Intact(*crashed.Open().value()), kRows);
  CHECK(!crashed.alarms.empty());
}

TEST_CASE("mending: a MANIFEST with a torn end loses that end alone") {
  Crashed crashed;
  const std::string path = crashed.Files("MANIFEST").back();
  WriteFile(path, ReadFile(path) + std::string(500, '~'));
  CHECK_EQ(Intact(*crashed.Open().value()), kRows);
}

TEST_CASE("mending: a flipped bit in the MANIFEST costs no row") {
  Crashed crashed;
  const std::string path = crashed.Files("MANIFEST").back();
  Flip(path, ReadFile(path).size() / 2);
  CHECK_EQ(Intact(*crashed.Open().value()), kRows);
  CHECK(!crashed.alarms.empty());
}

TEST_CASE("mending: a missing table costs its rows, not the store") {
  Crashed crashed;
  const std::vector<std::string> tables = crashed.Files(".sst");
  REQUIRE_GT(tables.size(), 2);
  fs::remove(tables[1]);
  const auto store = crashed.Open();
  REQUIRE(store.ok());
  CHECK_GT(Intact(*store.value()), kRows / 3);
  CHECK(!crashed.alarms.empty());
}

TEST_CASE("mending: an emptied table costs its rows, not the store") {
  Crashed crashed;
  WriteFile(crashed.Files(".sst")[1], "");
  const auto store = crashed.Open();
  REQUIRE(store.ok());
  CHECK_GT(Intact(*store.value()), kRows / 3);
}

TEST_CASE("mending: a block that cannot be read costs its rows; the rest of its table is kept") {
  Crashed crashed;
  const std::string table = crashed.Files(".sst")[1];
  Flip(table, ReadFile(table).size() / 2);
  {
    const auto store = crashed.Open();
    REQUIRE(store.ok());
    CHECK_LT(Intact(*store.value()), kRows);
  }
  // The error that a reader got from the block.
  crashed.mending.because =
      fmt::format("Corruption: block checksum mismatch in {} offset 1", table);
  const auto store = crashed.Open();
  REQUIRE(store.ok());
  const std::size_t intact = Intact(*store.value());
  CHECK_LT(intact, kRows);
  CHECK_GT(intact, kRows - 100);
  const auto cursor = store.value()->NewCursor(Family::kPayloads);
  std::size_t rows = 0;
  for (cursor->Seek(""); cursor->Valid(); cursor->Next()) ++rows;
  CHECK(cursor->Health().ok());
  CHECK_EQ(rows, intact);
}

TEST_CASE("mending: a bit that RocksDB would end the process for is cleared, and nothing is lost") {
  Crashed crashed;
  for (const std::string& table : crashed.Files(".sst")) {
    REQUIRE(IsSafeToOpen(table));
    const std::optional<std::uint64_t> word = PropertiesWordAt(table);
    REQUIRE(word);
    std::string text = ReadFile(table);
    text[*word + 3] = static_cast<char>(text[*word + 3] ^ 0x80);
    WriteFile(table, text);
    CHECK_FALSE(IsSafeToOpen(table));
  }
  const auto reader = OpenStoreReadOnly({.directory = crashed.directory.File("db")});
  REQUIRE_FALSE(reader.ok());
  CHECK_EQ(reader.error().code(), ErrorCode::kCorruption);
  CHECK_EQ(Intact(*crashed.Open().value()), kRows);
  CHECK_GE(crashed.alarms.size(), 3);
  CHECK(OpenStoreReadOnly({.directory = crashed.directory.File("db")}).ok());
}

TEST_CASE("mending: a cut or invalid table is left to RocksDB's own checks") {
  Crashed crashed;
  const std::string table = crashed.Files(".sst")[0];
  const std::string whole = ReadFile(table);
  for (const std::size_t size : {std::size_t{0}, std::size_t{52}, whole.size() / 2}) {
    WriteFile(table, whole.substr(0, size));
    CHECK_FALSE(PropertiesWordAt(table));
    CHECK(IsSafeToOpen(table));
  }
  // Changing any byte on the way to the block ends the search.
  for (std::size_t at = whole.size() - 400; at < whole.size(); ++at) {
    std::string text = whole;
    text[at] = static_cast<char>(text[at] ^ 0xff);
    WriteFile(table, text);
    const std::optional<std::uint64_t> word = PropertiesWordAt(table);
    if (word) CHECK_LT(*word, whole.size());
  }
}

}  // namespace
}  // namespace relay::test::wal_store_rocks_repair_test
