#include "wal/durable_log.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/log_bench.h"
#include "tests/support/temp_dir.h"
#include "wal/log_reader.h"
#include "wal/store.h"

namespace relay::test {
namespace {

std::unique_ptr<DurableLog> OpenIn(const TempDir& directory,
                                   const std::vector<BackendId>& backends = {kWest}) {
  return DurableLog::Open({.directory = directory.path()}, backends).value();
}

std::unique_ptr<Store> StoreIn(const TempDir& directory) {
  return OpenStore({.directory = StoreDirectory(directory.path())}).value();
}

TEST_CASE("durable log: records, cursor and dead letters are there after reopening") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 4; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
    const auto records = ReadAll(*log, kWest);
    REQUIRE(log->Advance(kWest, records[0].entry.position, 1).ok());
    DeadLetter letter;
    letter.sequence = Sequence(2);
    letter.points = 1;
    REQUIRE(log->SetAside(kWest, records[1].entry.position, 0, {letter}).ok());
    REQUIRE(log->Advance(kWest, records[2].entry.position, 1).ok());
  }
  const auto log = OpenIn(directory);
  CHECK_EQ(log->MarksOf(kWest).cursor, Sequence(3));
  CHECK_EQ(log->MarksOf(kWest).head, Sequence(4));
  const Figures figures = log->FiguresOf(kWest).value();
  CHECK_EQ(figures.delivered, 2);
  CHECK_EQ(figures.dead, 1);
  CHECK_EQ(figures.unaccounted(), 0);
  CHECK_EQ(log->ReadDead(kWest, 0, 9).value().size(), 1);
  const auto owed = ReadAll(*log, kWest, Sequence(3));
  REQUIRE_EQ(owed.size(), 1);
  CHECK(*owed[0].record.value() == NumberedRecord(4));
}

TEST_CASE(
    "durable log: a new backend begins empty, a known one keeps its number when names change") {
  TempDir directory;
  { REQUIRE(AppendAndWait(*OpenIn(directory, {kWest}), NumberedRecord(1)).ok()); }
  {
    const auto log = OpenIn(directory, {kEast});
    CHECK_EQ(log->MarksOf(kEast).head, Sequence(0));
    REQUIRE(AppendAndWait(*log, NumberedRecord(2), {kEast}).ok());
  }
  const auto log = OpenIn(directory, {kEast, kWest});
  CHECK(*ReadAll(*log, kWest)[0].record.value() == NumberedRecord(1));
  CHECK(*ReadAll(*log, kEast)[0].record.value() == NumberedRecord(2));
}

TEST_CASE("durable log: a second process is told that the directory is in use") {
  TempDir directory;
  const auto log = OpenIn(directory);
  const auto second = DurableLog::Open({.directory = directory.path()}, {kWest});
  REQUIRE(!second.ok());
  CHECK_EQ(second.error().code(), ErrorCode::kUnavailable);
  CHECK_EQ(second.error().message(),
           "data directory " + directory.path() + " is in use by another process");
}

TEST_CASE("durable log: nobody else may read its directory") {
  TempDir directory;
  const auto log = OpenIn(directory);
  struct stat info {};
  REQUIRE_EQ(stat(StoreDirectory(directory.path()).c_str(), &info), 0);
  CHECK_EQ(info.st_mode & 0777U, 0700U);
}

TEST_CASE("durable log: a damaged record says so, its neighbours are read") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
  }
  {
    const auto store = StoreIn(directory);
    std::string value = store->Get(Family::kPayloads, PayloadKey(PayloadId(2))).value().value();
    value.back() = static_cast<char>(value.back() ^ 1);
    const auto batch = store->NewBatch();
    batch->Put(Family::kPayloads, PayloadKey(PayloadId(2)), value);
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const auto records = ReadAll(*OpenIn(directory), kWest);
  REQUIRE_EQ(records.size(), 3);
  CHECK(records[0].record.ok());
  CHECK_EQ(records[1].record.error().code(), ErrorCode::kCorruption);
  CHECK_EQ(records[1].record.error().message(), "payload 2: checksum does not match");
  CHECK(*records[2].record.value() == NumberedRecord(3));
}

TEST_CASE("durable log: a payload found under another record's key is damage") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 2; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
  }
  {
    const auto store = StoreIn(directory);
    const std::string first =
        store->Get(Family::kPayloads, PayloadKey(PayloadId(1))).value().value();
    const auto batch = store->NewBatch();
    batch->Put(Family::kPayloads, PayloadKey(PayloadId(2)), first);
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const auto records = ReadAll(*OpenIn(directory), kWest);
  CHECK(records[0].record.ok());
  CHECK(!records[1].record.ok());
}

TEST_CASE("durable log: the running totals say how many points a damaged entry had") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 4; ++n) {
      REQUIRE(AppendAndWait(*log, NumberedRecord(n, 10 * n)).ok());
    }
  }
  {
    const auto store = StoreIn(directory);
    const auto batch = store->NewBatch();
    batch->Put(Family::kEntries, EntryKey(BackendNumber(1), Sequence(2)), "nonsense");
    batch->Put(Family::kEntries, EntryKey(BackendNumber(1), Sequence(3)), "");
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const auto records = ReadAll(*OpenIn(directory), kWest);
  REQUIRE_EQ(records.size(), 3);
  CHECK_EQ(records[1].record.error().code(), ErrorCode::kCorruption);
  CHECK_EQ(records[1].entry.position.sequence, Sequence(3));
  CHECK_EQ(records[1].entry.size.points, 20 + 30);
  CHECK_EQ(records[2].entry.position.sequence, Sequence(4));
  CHECK(*records[2].record.value() == NumberedRecord(4, 40));
}

TEST_CASE("durable log: a damaged newest entry keeps its number, and the log opens") {
  TempDir directory;
  {
    const auto log = OpenIn(directory);
    for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());
  }
  {
    const auto store = StoreIn(directory);
    const auto batch = store->NewBatch();
    batch->Put(Family::kEntries, EntryKey(BackendNumber(1), Sequence(3)), "nonsense");
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const auto log = OpenIn(directory);
  REQUIRE(AppendAndWait(*log, NumberedRecord(4)).ok());
  const auto records = ReadAll(*log, kWest);
  REQUIRE_EQ(records.size(), 4);
  CHECK(!records[2].record.ok());
  CHECK(*records[3].record.value() == NumberedRecord(4));
  CHECK_EQ(records[3].entry.position.sequence, Sequence(4));
}

TEST_CASE("durable log: a log of another format is refused") {
  TempDir directory;
  { const auto log = OpenIn(directory); }
  {
    const auto store = StoreIn(directory);
    const auto batch = store->NewBatch();
    batch->Put(Family::kState, kFormatKey, EncodeNumber(kFormatKey, 9));
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  const auto opened = DurableLog::Open({.directory = directory.path()}, {kWest});
  REQUIRE(!opened.ok());
  CHECK_EQ(opened.error().code(), ErrorCode::kInvalidInput);
  CHECK(opened.error().message().find("format 9") != std::string::npos);
}

TEST_CASE("log view: shows a log that a relay has open, without a trace in its directory") {
  TempDir directory;
  const auto log = OpenIn(directory);
  for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(*log, NumberedRecord(n)).ok());

  const auto files = [&directory] {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::recursive_directory_iterator(directory.path())) {
      names.insert(file.path().string());
    }
    return names;
  };
  const auto before = files();
  const auto view = OpenLogView(directory.path()).value();
  CHECK_EQ(view->Backends(), std::vector<BackendId>{kWest});
  CHECK_EQ(ReadAll(*view, kWest).size(), 3);
  CHECK_EQ(view->FiguresOf(kWest).value().marks.lag(), 3);
  CHECK_EQ(files(), before);
  REQUIRE(AppendAndWait(*log, NumberedRecord(4)).ok());
}

TEST_CASE("log view: a directory without a log is not found") {
  TempDir directory;
  const auto view = OpenLogView(directory.path());
  REQUIRE(!view.ok());
  CHECK_EQ(view.error().code(), ErrorCode::kNotFound);
}

TEST_CASE("durable log: a copy of the directory opens on its own") {
  TempDir directory;
  TempDir copy;
  {
    const auto log = OpenIn(directory);
    REQUIRE(AppendAndWait(*log, NumberedRecord(1)).ok());
  }
  std::filesystem::copy(directory.path(), copy.path(), std::filesystem::copy_options::recursive);
  CHECK_EQ(ReadAll(*OpenLogView(copy.path()).value(), kWest).size(), 1);
}

}  // namespace
}  // namespace relay::test
