#include "wal/store/rocks_log_reader.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <vector>

#include "tests/support/log_fixture.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test::wal_store_rocks_log_reader_test {
namespace {

namespace fs = std::filesystem;

std::vector<EngineRecord> RecordsOf(std::string_view file) {
  std::vector<EngineRecord> records;
  RocksLogReader reader(file);
  while (std::optional<EngineRecord> record = reader.Next()) records.push_back(*record);
  return records;
}

std::string Noise(std::uint64_t seed, std::size_t size) {
  std::string text;
  while (text.size() < size)
    text.push_back(static_cast<char>(seed = seed * 6364136223846793005U + 1));
  return text;
}

// Returns RocksDB's WAL for a log of records of very different sizes.
std::string WrittenWal() {
  TempDir directory;
  const auto log = DurableLog::Open({.directory = directory.path()}, {kWest}).value();
  for (std::uint64_t n = 1; n <= 60; ++n) {
    Record record = NumberedRecord(n, n % 7 == 0 ? 20'000 : 1 + n);
    REQUIRE(AppendAndWait(*log, record).ok());
  }
  std::string longest;
  for (const auto& file : fs::directory_iterator(directory.File("db"))) {
    if (file.path().extension() != ".log") continue;
    const std::string text = ReadFile(file.path().string());
    if (text.size() > longest.size()) longest = text;
  }
  return longest;
}

TEST_CASE("engine log: reads what RocksDB wrote, to its end") {
  const std::string wal = WrittenWal();
  REQUIRE_GT(wal.size(), 2U * 32U * 1024U);
  RocksLogReader reader(wal);
  std::size_t count = 0;
  while (std::optional<EngineRecord> record = reader.Next()) {
    ++count;
    CHECK(!record->after_damage);
  }
  CHECK_GE(count, 60);
  CHECK(!reader.ends_in_damage());
}

TEST_CASE("engine log: a flipped bit costs the record that holds it, those behind it are found") {
  const std::string wal = WrittenWal();
  const std::vector<EngineRecord> whole = RecordsOf(wal);
  for (std::size_t at = 0; at < wal.size(); at += 97) {
    std::string flipped = wal;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    const std::vector<EngineRecord> found = RecordsOf(flipped);
    // A damaged length hides the rest of its block.
    REQUIRE_LE(found.size(), whole.size());
    if (at + 40'000 < wal.size()) CHECK_EQ(found.back().data, whole.back().data);
    std::size_t known = 0;
    for (const EngineRecord& record : found) {
      while (known < whole.size() && whole[known].data != record.data) ++known;
      REQUIRE_LT(known, whole.size());
    }
  }
}

TEST_CASE("engine log: a file cut anywhere gives the records before the cut") {
  const std::string wal = WrittenWal();
  const std::vector<EngineRecord> whole = RecordsOf(wal);
  for (std::size_t size = 0; size < wal.size(); size += 101) {
    RocksLogReader reader(std::string_view(wal).substr(0, size));
    std::size_t count = 0;
    while (reader.Next()) ++count;
    const auto before = static_cast<std::size_t>(
        std::count_if(whole.begin(), whole.end(),
                      [size](const EngineRecord& record) { return record.end <= size; }));
    CHECK_EQ(count, before);
  }
}

TEST_CASE("engine log: room that was set aside and never written is no damage") {
  std::string wal = WrittenWal();
  const std::size_t count = RecordsOf(wal).size();
  wal.append(100'000, '\0');
  RocksLogReader reader(wal);
  std::size_t found = 0;
  while (reader.Next()) ++found;
  CHECK_EQ(found, count);
  CHECK(!reader.ends_in_damage());
}

TEST_CASE("engine log: noise has no records") {
  for (std::uint64_t seed = 1; seed < 50; ++seed) {
    CHECK(RecordsOf(Noise(seed, 50'000)).empty());
  }
}

}  // namespace
}  // namespace relay::test::wal_store_rocks_log_reader_test
