#include "relay/history/store.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::unit_relay_history_store_test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const WallTime kNoon(hours(12) + hours(24) * 20'000);

HistoryRow MinuteAt(WallTime from, PointCount accepted = 1) {
  HistoryRow row{.from = from, .to = from + std::chrono::seconds(59)};
  row.backends["a"] = {.samples = 60, .grown = {.accepted = accepted}};
  return row;
}

HistoryEvent Down(WallTime at) {
  return {.at = at, .kind = HistoryKind::kDown, .backend = "a", .state = "retrying"};
}

PointCount AcceptedIn(const HistoryData& data) {
  PointCount sum = 0;
  for (const HistoryRow& row : data.rows) sum += row.backends.at("a").grown.accepted;
  return sum;
}

std::vector<std::string> FilesIn(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(directory + "/history")) {
    names.push_back(file.path().filename());
  }
  return names;
}

TEST_CASE("history store: rows and events are there after it is opened again, numbered onward") {
  const TempDir directory;
  {
    HistoryStore store(directory.path());
    CHECK_FALSE(store.last_minute());
    for (int i = 0; i < 3; ++i) REQUIRE(store.AppendMinute(MinuteAt(kNoon + minutes(i))).ok());
    REQUIRE(store.Append(Down(kNoon)).ok());
  }
  HistoryStore store(directory.path());
  REQUIRE(store.last_minute());
  CHECK_EQ(store.last_minute()->sequence, 3);
  REQUIRE_EQ(store.events_found().size(), 1);
  REQUIRE(store.AppendMinute(MinuteAt(kNoon + minutes(3))).ok());
  REQUIRE(store.Append(Down(kNoon)).ok());
  const HistoryData data = store.Read(kNoon, kNoon + hours(1)).value();
  REQUIRE_EQ(data.rows.size(), 4);
  CHECK_EQ(data.rows.back().sequence, 4);
  CHECK_EQ(data.events.back().sequence, 2);
  CHECK(data.begins == kNoon);
  CHECK_EQ(data.damaged_lines, 0);
  CHECK_EQ(store.Read(kNoon + minutes(1), kNoon + minutes(2)).value().rows.size(), 1);
  CHECK(store.Read(kNoon - hours(2), kNoon - hours(1)).value().rows.empty());
}

TEST_CASE("history store: a torn end is no damage, and the next line is whole") {
  const TempDir directory;
  HistoryStore store(directory.path());
  for (int i = 0; i < 3; ++i) REQUIRE(store.AppendMinute(MinuteAt(kNoon + minutes(i))).ok());
  const std::string file = directory.path() + "/history/" + FilesIn(directory.path()).front();
  const std::string whole = ReadFile(file);
  for (const std::size_t cut : {1U, 2U, 20U, 60U}) {
    WriteFile(file, whole.substr(0, whole.size() - cut));
    CHECK_EQ(store.Read(kNoon, kNoon + hours(1)).value().rows.size(), 2);
    CHECK_EQ(store.Read(kNoon, kNoon + hours(1)).value().damaged_lines, 0);
    HistoryStore again(directory.path());
    REQUIRE(again.AppendMinute(MinuteAt(kNoon + minutes(5))).ok());
    const HistoryData data = again.Read(kNoon, kNoon + hours(1)).value();
    // Without its end alone the third row is whole.
    CHECK_EQ(data.rows.size(), cut == 1 ? 4 : 3);
    CHECK_EQ(data.damaged_lines, cut == 1 ? 0 : 1);
    CHECK(data.rows.back().from == kNoon + minutes(5));
  }
}

TEST_CASE("history store: a damaged line is left out and counted, all others are read") {
  const TempDir directory;
  HistoryStore store(directory.path());
  for (int i = 0; i < 5; ++i) REQUIRE(store.AppendMinute(MinuteAt(kNoon + minutes(i))).ok());
  const std::string file = directory.path() + "/history/" + FilesIn(directory.path()).front();
  std::string text = ReadFile(file);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 4);
  WriteFile(file, text);
  const HistoryData data = store.Read(kNoon, kNoon + hours(1)).value();
  CHECK_EQ(data.rows.size(), 4);
  CHECK_EQ(data.damaged_lines, 1);
  HistoryStore again(directory.path());
  REQUIRE(again.AppendMinute(MinuteAt(kNoon + minutes(6))).ok());
  CHECK_EQ(again.Read(kNoon, kNoon + hours(1)).value().rows.back().sequence, 6);
}

TEST_CASE("history store: a year and more is bounded, and nothing is counted twice at the seam") {
  const TempDir directory(FastestDirectory());
  constexpr int kMinutes = 12 * 24 * 60 + 17;
  {
    HistoryStore store(directory.path());
    for (int i = 0; i < kMinutes / 2; ++i) {
      REQUIRE(store.AppendMinute(MinuteAt(kNoon + minutes(i))).ok());
    }
  }
  HistoryStore store(directory.path());  // A crash in the middle of an hour.
  for (int i = kMinutes / 2; i < kMinutes; ++i) {
    REQUIRE(store.AppendMinute(MinuteAt(kNoon + minutes(i))).ok());
  }
  const HistoryData data = store.Read(kNoon, kNoon + minutes(kMinutes)).value();
  CHECK_EQ(AcceptedIn(data), kMinutes);
  CHECK_GT(data.rows.size(), 8 * 24 * 60);
  CHECK_LT(data.rows.size(), 9 * 24 * 60 + 4 * 24 + 60);
  CHECK(data.begins == kNoon);
  CHECK_LE(FilesIn(directory.path()).size(), 9 + 1);
}

TEST_CASE("history store: events are bounded, and the newest are kept") {
  const TempDir directory(FastestDirectory());
  HistoryStore store(directory.path());
  for (int i = 0; i < 41'000; ++i) {
    REQUIRE(store.Append(Down(kNoon + std::chrono::seconds(i))).ok());
  }
  const HistoryData data = store.Read(kNoon, kNoon + hours(24)).value();
  CHECK_GE(data.events.size(), 38'000);
  CHECK_LE(data.events.size(), 40'000);
  CHECK_EQ(data.events.back().sequence, 41'000);
}

TEST_CASE("history store: a disk that takes nothing is an error, and it goes on when it does") {
  const TempDir directory;
  WriteFile(directory.path() + "/history", "not a directory");
  HistoryStore store(directory.path());
  CHECK_EQ(store.AppendMinute(MinuteAt(kNoon)).error().code(), ErrorCode::kIo);
  std::filesystem::remove(directory.path() + "/history");
  CHECK(store.AppendMinute(MinuteAt(kNoon + minutes(1))).ok());
  CHECK_EQ(store.Read(kNoon, kNoon + hours(1)).value().rows.size(), 1);
}

TEST_CASE("history store: rows keep their order when the clock was put back") {
  const TempDir directory;
  HistoryStore store(directory.path());
  for (const int at : {10, 11, 5, 6})
    REQUIRE(store.AppendMinute(MinuteAt(kNoon + minutes(at))).ok());
  const HistoryData data = store.Read(kNoon, kNoon + hours(1)).value();
  REQUIRE_EQ(data.rows.size(), 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK_EQ(data.rows[i].sequence, i + 1);
  CHECK(data.begins == kNoon + minutes(5));
}

}  // namespace
}  // namespace relay::test::unit_relay_history_store_test
