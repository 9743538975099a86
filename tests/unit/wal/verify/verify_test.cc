#include "wal/verify/verify.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/log_fixture.h"
#include "tests/support/models/compacted_log.h"
#include "tests/support/process/process.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"
#include "wal/reading/load.h"
#include "wal/record/rows.h"
#include "wal/store/store.h"

namespace relay::test::wal_verify_verify_test {
namespace {

struct Verified {
  VerifySummary summary;
  std::vector<LogFinding> findings;
};

Verified Verify(const std::string& directory) {
  Verified verified;
  VerifyObserver observer;
  observer.on_finding = [&verified](const LogFinding& finding) {
    verified.findings.push_back(finding);
  };
  Result<VerifySummary> summary = VerifyLog(directory, observer);
  if (!summary.ok()) FAIL(summary.error().message());
  verified.summary = summary.value();
  CHECK_EQ(verified.summary.findings, verified.findings.size());
  return verified;
}

std::string ToText(const std::vector<LogFinding>& findings) {
  std::string text;
  for (const LogFinding& finding : findings) {
    text += fmt::format("{}: {}: expected {}, found {}\n", finding.family, finding.key,
                        finding.expected, finding.found);
  }
  return text;
}

Record InLane(const std::string& database, std::uint64_t number, PointCount points) {
  Record record = NumberedRecord(number, points);
  record.params.database = database;
  return record;
}

void MustResolve(Log& log, const Position& through, PointCount delivered,
                 std::vector<DeadLetter> letters = {}, std::vector<Sequence> held = {}) {
  REQUIRE(log.Resolve(kWest, {.after = log.MarksOf(kWest).cursor,
                              .through = through,
                              .delivered = delivered,
                              .letters = std::move(letters),
                              .gaps = {},
                              .held = std::move(held)})
              .ok());
}

// A log with something of everything. West has taken 1 and 2, refused a line of
// 3, holds 4 and 5, has a gap for 6, was rewound to 1 once, and is owed 7 to 10;
// east is owed all.
void FillLog(Log& log) {
  for (std::uint64_t n = 1; n <= 10; ++n) {
    const Record record = InLane(n == 4 || n == 5 ? "held" : "db", n, n);
    REQUIRE(AppendAndWait(log, record, {kWest, kEast}, At(static_cast<std::int64_t>(n))).ok());
  }
  const auto records = ReadAll(log, kWest);
  const auto position = [&records](std::size_t n) { return records[n - 1].entry.position; };
  MustResolve(log, position(2), 3);
  REQUIRE(log.Execute(kWest, Rewind{Sequence(1)}).ok());
  MustResolve(log, position(2), 2);
  DeadLetter letter;
  letter.sequence = Sequence(3);
  letter.points = 1;
  letter.lines = "m v=1 1\n";
  MustResolve(log, position(3), 2, {letter});
  MustResolve(log, position(5), 0, {}, {Sequence(4), Sequence(5)});
  REQUIRE(log.Execute(kWest, Skip{Sequence(6), {.by = "me", .note = "why", .when = At(99)}}).ok());
}

// Made once; each case damages a copy.
const TempDir& FilledLog() {
  static const TempDir directory;
  static const bool filled = [] {
    FillLog(*DurableLog::Open({.directory = directory.path()}, {kWest, kEast}).value());
    return true;
  }();
  REQUIRE(filled);
  return directory;
}

struct Filled {
  TempDir directory;

  Filled() {
    std::filesystem::copy(FilledLog().path(), directory.path(),
                          std::filesystem::copy_options::recursive);
  }
  std::unique_ptr<Store> OpenForDamage() const {
    return OpenStore({.directory = StoreDirectory(directory.path())}).value();
  }
};

TEST_CASE("verify: a log is sound, in use, stopped and copied") {
  const TempDir directory;
  {
    auto log = DurableLog::Open({.directory = directory.path()}, {kWest, kEast}).value();
    FillLog(*log);
    const Verified in_use = Verify(directory.path());
    CHECK_EQ(ToText(in_use.findings), "");
  }
  {
    auto log = DurableLog::Open({.directory = directory.path()}, {kWest}).value();
    REQUIRE(log->Execute(kEast, Forget{}).ok());
  }
  const Verified stopped = Verify(directory.path());
  CHECK_EQ(ToText(stopped.findings), "");
  REQUIRE_EQ(stopped.summary.backends.size(), 1);
  CHECK_EQ(stopped.summary.backends[0].name, "west");
  CHECK_EQ(stopped.summary.backends[0].marks.cursor, Sequence(6));
  CHECK_EQ(stopped.summary.backends[0].unaccounted, 0);
  CHECK_EQ(stopped.summary.entries, 10);
  CHECK_EQ(stopped.summary.payloads, 10);
  CHECK_EQ(stopped.summary.held, 2);
  CHECK_EQ(stopped.summary.dead_letters, 1);
  CHECK_EQ(stopped.summary.gaps, 1);
  const TempDir copy;
  std::filesystem::copy(directory.path(), copy.path(), std::filesystem::copy_options::recursive);
  CHECK_EQ(ToText(Verify(copy.path()).findings), "");
}

TEST_CASE("verify: an empty log and one that was never written to are sound") {
  const TempDir directory;
  { REQUIRE(DurableLog::Open({.directory = directory.path()}, {}).ok()); }
  CHECK(Verify(directory.path()).summary.sound());
  { REQUIRE(DurableLog::Open({.directory = directory.path()}, {kWest}).ok()); }
  CHECK(Verify(directory.path()).summary.sound());
}

TEST_CASE("verify: where there is no log, it says so") {
  const TempDir directory;
  const Result<VerifySummary> none = VerifyLog(directory.path(), {});
  REQUIRE_FALSE(none.ok());
  CHECK_EQ(none.error().code(), ErrorCode::kNotFound);
}

// ---- Planted damage is found, by its name, and nothing else

const BackendNumber kWestNumber(1);

struct Planted {
  std::string what;
  std::function<void(Store&, StoreBatch&)> plant;
  std::vector<std::string> found;  // "family: key" of each finding.
};

std::string Get(const Store& store, Family family, const std::string& key) {
  return store.Get(family, key).value().value();
}

void Flip(Store& store, StoreBatch& batch, Family family, const std::string& key) {
  std::string value = Get(store, family, key);
  value.back() = static_cast<char>(value.back() ^ 1);
  batch.Put(family, key, value);
}

std::string WestEntry(std::uint64_t sequence) {
  return EntryKey(kWestNumber, Sequence(sequence));
}

template <typename Change>
void ChangeEntry(Store& store, StoreBatch& batch, std::uint64_t sequence, const Change& change) {
  const std::string key = WestEntry(sequence);
  Entry entry = DecodeEntry(key, Get(store, Family::kEntries, key)).value();
  change(entry);
  batch.Put(Family::kEntries, key, EncodeEntry(key, entry));
}

template <typename Change>
void ChangeRun(Store& store, StoreBatch& batch, const Change& change) {
  const std::string key = QueueKey(kWestNumber);
  QueueState state = DecodeQueueState(key, Get(store, Family::kState, key)).value();
  change(state);
  batch.Put(Family::kState, key, EncodeQueueState(key, state));
}

const Lane kHeldLane{"held", ""};

std::vector<Planted> AllPlanted() {
  return {
      {"a payload with a flipped bit",
       [](Store& store, StoreBatch& batch) {
         Flip(store, batch, Family::kPayloads, PayloadKey(PayloadId(8)));
       },
       {"payloads: payload 8 (backend east, sequence 8; backend west, sequence 8)"}},
      {"a payload that is gone",
       [](Store&, StoreBatch& batch) { batch.Delete(Family::kPayloads, PayloadKey(PayloadId(9))); },
       {"payloads: backend east, sequence 9", "payloads: backend west, sequence 9"}},
      {"the last payload is gone",
       [](Store&, StoreBatch& batch) {
         batch.Delete(Family::kPayloads, PayloadKey(PayloadId(10)));
       },
       {"payloads: backend east, sequence 10", "payloads: backend west, sequence 10"}},
      {"a payload under another's key",
       [](Store& store, StoreBatch& batch) {
         batch.Put(Family::kPayloads, PayloadKey(PayloadId(8)),
                   Get(store, Family::kPayloads, PayloadKey(PayloadId(7))));
       },
       {"payloads: payload 8 (backend east, sequence 8; backend west, sequence 8)"}},
      {"an entry with a flipped bit",
       [](Store& store, StoreBatch& batch) { Flip(store, batch, Family::kEntries, WestEntry(8)); },
       {"entries: backend west, sequence 8"}},
      {"entries that are gone",
       [](Store&, StoreBatch& batch) {
         batch.Delete(Family::kEntries, WestEntry(7));
         batch.Delete(Family::kEntries, WestEntry(8));
       },
       {"entries: backend west, sequence 7"}},
      {"the end is gone, and the cursor beyond it",
       [](Store&, StoreBatch& batch) {
         for (std::uint64_t n = 4; n <= 10; ++n) batch.Delete(Family::kEntries, WestEntry(n));
       },
       {"entries: backend west, sequence 4", "entries: backend west"}},
      {"the end is gone, and all of it was owed",
       [](Store&, StoreBatch& batch) {
         for (std::uint64_t n = 8; n <= 10; ++n) batch.Delete(Family::kEntries, WestEntry(n));
       },
       {"entries: backend west"}},
      {"running totals that are not the sum",
       [](Store& store, StoreBatch& batch) {
         ChangeEntry(store, batch, 10, [](Entry& entry) { ++entry.position.totals.points; });
       },
       {"entries: backend west, sequence 10, running totals"}},
      {"a size that is not the payload's",
       [](Store& store, StoreBatch& batch) {
         ChangeEntry(store, batch, 9, [](Entry& entry) { entry.size.bytes += 1_B; });
       },
       {"entries: backend west, sequence 9, running totals", "entries: backend west, sequence 9"}},
      {"an entry that refers to an older payload",
       [](Store& store, StoreBatch& batch) {
         ChangeEntry(store, batch, 9, [](Entry& entry) { entry.payload = PayloadId(2); });
       },
       {"entries: backend west, sequence 9"}},
      {"an entry accepted before the one before it",
       [](Store& store, StoreBatch& batch) {
         ChangeEntry(store, batch, 9, [](Entry& entry) { entry.accepted_at = At(1); });
       },
       {"entries: backend west, sequence 9"}},
      {"a run with a flipped bit",
       [](Store& store, StoreBatch& batch) {
         Flip(store, batch, Family::kState, QueueKey(kWestNumber));
       },
       {"state: queue of backend west"}},
      {"a point delivered too many",
       [](Store& store, StoreBatch& batch) {
         ChangeRun(store, batch, [](QueueState& state) { ++state.delivered; });
       },
       {"state: queue of backend west"}},
      {"a cursor with other sums than its entry",
       [](Store& store, StoreBatch& batch) {
         ChangeRun(store, batch, [](QueueState& state) { state.cursor.totals.bytes += 1_B; });
       },
       {"state: cursor of backend west"}},
      {"marks out of order",
       [](Store& store, StoreBatch& batch) {
         ChangeRun(store, batch, [](QueueState& state) {
           state.trimmed = state.cursor;
           state.cursor = Position();
         });
       },
       {"state: queue of backend west"}},
      {"a held record with a flipped bit in its payload",
       [](Store& store, StoreBatch& batch) {
         Flip(store, batch, Family::kHeld, HeldKey(kWestNumber, kHeldLane, Sequence(5)));
       },
       {"held: backend west, lane held, sequence 5"}},
      {"a held record that is gone",
       [](Store&, StoreBatch& batch) {
         batch.Delete(Family::kHeld, HeldKey(kWestNumber, kHeldLane, Sequence(4)));
       },
       {"held: backend west, lane held"}},
      {"a lane that the state forgot",
       [](Store&, StoreBatch& batch) {
         batch.Delete(Family::kState, LaneKey(kWestNumber, kHeldLane));
       },
       {"held: backend west, lane held", "held: backend west"}},
      {"a dead letter with a flipped bit",
       [](Store& store, StoreBatch& batch) {
         Flip(store, batch, Family::kDead, DeadKey(kWestNumber, 1));
       },
       {"dead: backend west, dead letter 1"}},
      {"a dead letter that is gone",
       [](Store&, StoreBatch& batch) { batch.Delete(Family::kDead, DeadKey(kWestNumber, 1)); },
       {"dead: backend west"}},
      {"a gap with a flipped bit",
       [](Store& store, StoreBatch& batch) {
         Flip(store, batch, Family::kGaps, GapKey(kWestNumber, 1));
       },
       {"gaps: backend west, gap 1"}},
      {"a gap that is gone",
       [](Store&, StoreBatch& batch) { batch.Delete(Family::kGaps, GapKey(kWestNumber, 1)); },
       {"gaps: backend west"}},
      {"a backend with another's number",
       [](Store&, StoreBatch& batch) {
         const std::string key = BackendKey(kEast);
         batch.Put(Family::kState, key, EncodeNumber(key, 1));
       },
       {"state: backend/west"}},
      {"a format with a flipped bit",
       [](Store& store, StoreBatch& batch) {
         Flip(store, batch, Family::kState, std::string(kFormatKey));
       },
       {"state: format"}},
  };
}

TEST_CASE("verify: each kind of damage is found by its name, and nothing else is") {
  for (const Planted& planted : AllPlanted()) {
    CAPTURE(planted.what);
    const Filled filled;
    {
      const auto store = filled.OpenForDamage();
      const auto batch = store->NewBatch();
      planted.plant(*store, *batch);
      REQUIRE(store->Write(*batch, Durability::kSynced).ok());
    }
    const Verified verified = Verify(filled.directory.path());
    INFO(ToText(verified.findings));
    std::vector<std::string> found;
    for (const LogFinding& finding : verified.findings) {
      found.push_back(finding.family + ": " + finding.key);
    }
    CHECK_EQ(found, planted.found);
  }
}

TEST_CASE("verify: records that the gap ledger calls lost or damaged are no finding") {
  const Filled filled;
  {
    const auto store = filled.OpenForDamage();
    const auto batch = store->NewBatch();
    for (std::uint64_t n = 7; n <= 9; ++n) batch->Delete(Family::kEntries, WestEntry(n));
    Gap gap;
    gap.first = Sequence(7);
    gap.last = Sequence(9);
    gap.reason = GapReason::kLost;
    gap.points = 7 + 8 + 9;
    batch->Put(Family::kGaps, GapKey(kWestNumber, 2), EncodeGap(GapKey(kWestNumber, 2), gap));
    ChangeRun(*store, *batch, [&](QueueState& state) {
      const std::string last = WestEntry(9);
      state.cursor = DecodeEntry(last, Get(*store, Family::kEntries, last)).value().position;
      state.dropped += gap.points;
      state.last_gap = 2;
    });
    REQUIRE(store->Write(*batch, Durability::kSynced).ok());
  }
  CHECK_EQ(ToText(Verify(filled.directory.path()).findings), "");
}

// ---- Damage to files

constexpr std::uint64_t kFileRecords = 100;

std::vector<std::string> FilesIn(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory)) {
    if (file.is_regular_file() && file.file_size() > 0) files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Writes enough for files of payloads of their own.
void FillFiles(const std::string& directory) {
  auto log = DurableLog::Open({.directory = directory, .file_size = 64_KiB}, {kWest, kEast});
  REQUIRE(log.ok());
  std::mt19937_64 random(7);  // Random text does not compress.
  for (std::uint64_t n = 1; n <= kFileRecords; ++n) {
    Record record = NumberedRecord(n);
    record.lines = "m s=\"";
    for (int i = 0; i < 6000; ++i) record.lines += static_cast<char>('A' + random() % 26);
    record.lines += "\" 1\n";
    log.value()->Append({Encode(record, Codec::kZstd).value(), To({kWest, kEast}), At(1)},
                        [](const Result<Durable>&) {});
  }
  log.value().reset();
  // Opening it again moves the WAL into files.
  REQUIRE(DurableLog::Open({.directory = directory, .file_size = 64_KiB}, {kWest, kEast}).ok());
}

TEST_CASE("verify: a high-water file that is damaged or gone is reported") {
  const Filled filled;
  const std::string path = filled.directory.File("high-water");
  std::string content = ReadFile(path);
  std::replace(content.begin(), content.end(), 'w', 'W');  // Hits "west", in both slots.
  WriteFile(path, content);
  CHECK_EQ(Verify(filled.directory.path()).summary.findings_by_family.at("high-water"), 1);
  std::filesystem::remove(path);
  const Verified gone = Verify(filled.directory.path());
  CHECK_EQ(gone.findings.size(), 1);
  CHECK_EQ(gone.findings.front().key, path);
}

TEST_CASE("verify: a damaged block of a file is reported with its records, others are read") {
  const TempDir directory;
  FillFiles(directory.path());
  CHECK_EQ(ToText(Verify(directory.path()).findings), "");
  const std::vector<std::string> files = CompactToOneLevel(directory.path());
  REQUIRE_GT(files.size(), 2);
  std::string content = ReadFile(files[1]);
  content[100] = static_cast<char>(content[100] ^ 1);
  WriteFile(files[1], content);

  const Verified verified = Verify(directory.path());
  INFO(ToText(verified.findings));
  REQUIRE_EQ(verified.findings.size(), 3);  // The block, and its records of each backend.
  CHECK_EQ(verified.findings[0].family, "payloads");
  CHECK_NE(verified.findings[0].key.find(" to "), std::string::npos);
  CHECK_EQ(verified.findings[0].found.find("Corruption"), 0);
  CHECK_GT(verified.summary.payloads, kFileRecords / 2);  // The records of the other files.
  CHECK_LT(verified.summary.payloads, kFileRecords);
  CHECK_EQ(verified.summary.entries, 2 * kFileRecords);
}

TEST_CASE("verify: a flipped bit anywhere never ends it, and payloads are never taken for good") {
  const std::uint64_t seed = PrintedSeed();
  std::mt19937_64 random(seed);
  const TempDir directory;
  FillFiles(directory.path());
  const std::vector<std::string> files = FilesIn(directory.path());
  REQUIRE_GT(files.size(), 5);
  for (const std::string& file : files) {
    const std::string content = ReadFile(file);
    for (int i = 0; i < 2; ++i) {
      const std::uint64_t at = random() % content.size();
      INFO(file, " byte ", at);
      std::string flipped = content;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << (random() % 8)));
      WriteFile(file, flipped);
      VerifyObserver observer;
      const Result<VerifySummary> summary = VerifyLog(directory.path(), observer);
      if (summary.ok() && summary.value().sound()) {
        // Damage that RocksDB takes for the end of an unclean stop is not seen from here.
        CHECK((summary.value().entries == 2 * kFileRecords || file.ends_with(".log")));
      }
    }
    WriteFile(file, content);
  }
  CHECK_EQ(ToText(Verify(directory.path()).findings), "");
}

}  // namespace
}  // namespace relay::test::wal_verify_verify_test
