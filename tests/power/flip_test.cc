// One bit of one file at a time is flipped in a small log that a crash left; a
// file is cut, emptied or missing. In every case the log opens, the process
// lives, every acknowledged record is there or reported, none is another one.
//
// Tests a sample on every run: RELAY_FLIPS says how many bits of each file, RELAY_SOAK takes all.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <set>

#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/models/crash_copy.h"
#include "tests/support/process/process.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test::power_flip_test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::uint64_t kRecords = 60;
constexpr std::uint64_t kDelivered = 20;

PointCount PointsOf(std::uint64_t number) {
  return 1 + number % 30;
}

PointCount PointsUpTo(std::uint64_t number) {
  PointCount sum = 0;
  for (std::uint64_t n = 1; n <= number; ++n) sum += PointsOf(n);
  return sum;
}

Result<std::unique_ptr<DurableLog>> OpenIn(const std::string& directory) {
  LogOptions options{.directory = directory};
  options.cursor_interval = 1ms;
  options.file_size = 16_KiB;
  options.reopen_first = 1ms;
  options.limits.free_min = 0_MiB;
  return DurableLog::Open(options, {kWest});
}

// Tables, a WAL, a cursor in the middle and one dead letter.
struct Pristine {
  TempDir directory;

  Pristine() {
    TempDir live;
    { Append(*OpenIn(live.path()).value(), 1, 40); }
    // The first log's records are in tables now; a second one has its WAL.
    const auto log = OpenIn(live.path()).value();
    Append(*log, 41, kRecords);
    const auto records = ReadAll(*log, kWest);
    const Position& through = records[kDelivered - 1].entry.position;
    REQUIRE(log->Resolve(
                   kWest,
                   {.after = Sequence(0), .through = through, .delivered = PointsUpTo(kDelivered)})
                .ok());
    REQUIRE(Eventually(10s, [&] {
      const auto mark = ReadHighWater(live.path());
      if (!mark.ok()) return false;
      const auto& run = mark.value().mark.log.queues.at(kWest);
      return run.head.sequence == Sequence(kRecords) && run.state.cursor == through;
    }));
    CopyAsCrashed(live.path(), directory.path());
  }

  static void Append(DurableLog& log, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t n = first; n <= last; ++n) {
      REQUIRE(AppendAndWait(log, NumberedRecord(n, PointsOf(n))).ok());
    }
  }
};

// The result of opening a damaged copy.
struct Outcome {
  bool whole = false;  // No record was missing.
  std::string trouble;
};

std::string ReadOwed(DurableLog& log, std::set<std::uint64_t>& missing) {
  const Marks marks = log.MarksOf(kWest);
  if (marks.head != Sequence(kRecords)) return "another head";
  if (marks.cursor > Sequence(kDelivered)) return "the cursor ran ahead";
  std::vector<StoredRecord> owed;
  // A reader that hits damage is served once the log has bypassed it.
  const bool read = Eventually(20s, [&] {
    auto all = log.Read(kWest, marks.cursor, {.records = 1'000, .bytes = 1_GiB});
    if (!all.ok() || all.value().empty()) return false;
    owed = std::move(all).value();
    return owed.back().entry.position.sequence == Sequence(kRecords) && log.Health().ok();
  });
  if (!read) return "what is owed cannot be read";
  std::uint64_t expected = marks.cursor.value() + 1;
  for (const StoredRecord& stored : owed) {
    const std::uint64_t number = stored.entry.position.sequence.value();
    if (stored.record.ok()) {
      if (number != expected) return "a record is missing without a word";
      const bool same = *stored.record.value() == NumberedRecord(number, PointsOf(number));
      if (!same) return "a record is another one";
    } else {
      for (std::uint64_t n = expected; n <= number; ++n) missing.insert(n);
    }
    expected = number + 1;
  }
  return log.StatsOf(kWest).value().unaccounted() == 0 ? "" : "points are unaccounted for";
}

Outcome Examine(const std::string& directory) {
  auto opened = OpenIn(directory);
  if (!opened.ok()) return {.trouble = "not opened: " + opened.error().message()};
  DurableLog& log = *opened.value();
  std::set<std::uint64_t> missing;
  Outcome outcome{.whole = false, .trouble = ReadOwed(log, missing)};
  outcome.whole = missing.empty();
  if (!outcome.trouble.empty()) return outcome;
  if (!missing.empty() && log.Alarms().empty()) outcome.trouble = "missing without an alarm";
  const bool appended =
      Eventually(10s, [&] { return AppendAndWait(log, NumberedRecord(kRecords + 1)).ok(); });
  if (!appended) outcome.trouble = "no append is taken";
  if (log.MarksOf(kWest).head < Sequence(kRecords + 1)) outcome.trouble = "a number given twice";
  return outcome;
}

// The files of a log, from its directory.
std::vector<std::string> FilesOf(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& [path, size] : SizesIn(directory)) {
    files.push_back(fs::relative(path, directory).string());
  }
  return files;
}

template <typename Damage>
bool Survives(const Pristine& pristine, const std::string& file, const std::string& what,
              const Damage& damage) {
  TempDir copy;
  fs::copy(pristine.directory.path(), copy.path(), fs::copy_options::recursive);
  damage(copy.File(file));
  const Outcome outcome = Examine(copy.path());
  if (!outcome.trouble.empty()) FAIL_CHECK(file, ": ", what, ": ", outcome.trouble);
  return outcome.whole;
}

TEST_CASE("flip: a bit flipped anywhere loses at most what it hit, and that is reported") {
  const Pristine pristine;
  std::mt19937_64 random(PrintedSeed());
  const bool soak = std::getenv("RELAY_SOAK") != nullptr;
  const char* const wanted = std::getenv("RELAY_FLIPS");
  const std::size_t some = wanted == nullptr ? 12 : std::strtoull(wanted, nullptr, 10);
  for (const std::string& file : FilesOf(pristine.directory.path())) {
    const std::size_t bits = 8 * fs::file_size(pristine.directory.File(file));
    const std::size_t tries = soak ? bits : std::min(bits, some);
    std::size_t whole = 0;
    for (std::size_t i = 0; i < tries; ++i) {
      const std::size_t bit = soak ? i : random() % bits;
      const auto flip = [bit](const std::string& path) {
        std::string text = ReadFile(path);
        text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
        WriteFile(path, text);
      };
      if (Survives(pristine, file, "bit " + std::to_string(bit), flip)) ++whole;
    }
    MESSAGE(file, ": ", tries, " flips, ", whole, " without any loss");
  }
}

TEST_CASE(
    "flip: a file that is missing, emptied or (but for the MANIFEST) cut costs at most what it "
    "held") {
  const Pristine pristine;
  for (const std::string& file : FilesOf(pristine.directory.path())) {
    Survives(pristine, file, "missing", [](const std::string& path) { fs::remove(path); });
    Survives(pristine, file, "emptied", [](const std::string& path) { WriteFile(path, ""); });
    // A MANIFEST that is cut between two records is an older one, and opens as such.
    if (file.find("MANIFEST") != std::string::npos) continue;
    for (const int quarter : {1, 2, 3}) {
      Survives(pristine, file, "cut", [quarter](const std::string& path) {
        fs::resize_file(path, fs::file_size(path) * static_cast<unsigned>(quarter) / 4);
      });
    }
  }
}

}  // namespace
}  // namespace relay::test::power_flip_test
