#include "relay/history/rows.h"

#include <doctest/doctest.h>

namespace relay::test::unit_relay_history_rows_test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const WallTime kNoon(std::chrono::hours(12) + std::chrono::hours(24) * 20'000);

HistoryRow Minute(std::uint64_t sequence, PointCount undelivered, WallTime from) {
  HistoryRow row{.sequence = sequence, .from = from, .to = from + seconds(59)};
  row.backends["a"] = {.samples = 60,
                       .samples_down = 6,
                       .undelivered_max = undelivered,
                       .undelivered_last = undelivered / 2,
                       .held_max = 1,
                       .age_max = 1.5,
                       .grown = {.accepted = 10, .bytes = 100, .delivered = 9, .dead = 1},
                       .total = {.accepted = 10 * sequence, .delivered = 9 * sequence},
                       .requests = 3,
                       .request_seconds = 0.25,
                       .request_p99_seconds = 0.1 * static_cast<double>(sequence)};
  return row;
}

TEST_CASE("history rows: a row and an event are read as they were written") {
  HistoryRow row = Minute(7, 40, kNoon);
  row.through = 6;
  const std::string line = LineOf(row);
  REQUIRE(line.ends_with("\n"));
  const auto parsed = ParseLine(std::string_view(line).substr(0, line.size() - 1));
  REQUIRE(parsed);
  CHECK_EQ(parsed->sequence, 7);
  CHECK(RowFrom(*parsed) == row);
  CHECK_FALSE(EventFrom(*parsed));

  const HistoryEvent event{.sequence = 3,
                           .at = kNoon,
                           .kind = HistoryKind::kRecovered,
                           .backend = "a",
                           .state = "retrying",
                           .text = "line\nwith \"quotes\"",
                           .points = 12,
                           .seconds = 0.5,
                           .other = kNoon - seconds(1)};
  const std::string told = LineOf(event);
  CHECK_EQ(told.find('\n'), told.size() - 1);
  const auto read = ParseLine(std::string_view(told).substr(0, told.size() - 1));
  REQUIRE(read);
  CHECK(EventFrom(*read) == event);
  CHECK_FALSE(RowFrom(*read));
}

TEST_CASE("history rows: every changed byte and every cut is noticed") {
  const std::string whole = LineOf(Minute(7, 40, kNoon));
  const std::string line = whole.substr(0, whole.size() - 1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    CHECK_FALSE(ParseLine(line.substr(0, i)));
    std::string changed = line;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(ParseLine(changed));
  }
}

TEST_CASE("history rows: joined rows have the sums, the worst, and the last of what lasts") {
  std::vector<HistoryRow> minutes_of_hour;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    minutes_of_hour.push_back(Minute(i, 10 * (4 - i), kNoon + minutes(i - 1)));
  }
  minutes_of_hour.push_back(Minute(4, 1, kNoon + minutes(60)));
  const std::vector<HistoryRow> joined = Joined(minutes_of_hour, std::chrono::hours(1));
  REQUIRE_EQ(joined.size(), 2);
  const BackendRow& hour = joined.front().backends.at("a");
  CHECK(joined.front().from == kNoon);
  CHECK(joined.front().to == kNoon + minutes(2) + seconds(59));
  CHECK_EQ(hour.samples, 180);
  CHECK_EQ(hour.samples_down, 18);
  CHECK_EQ(hour.undelivered_max, 30);
  CHECK_EQ(hour.undelivered_last, 5);
  CHECK_EQ(hour.grown.accepted, 30);
  CHECK_EQ(hour.grown.dead, 3);
  CHECK_EQ(hour.total.accepted, 30);
  CHECK_EQ(hour.requests, 9);
  CHECK_EQ(hour.request_seconds, doctest::Approx(0.75));
  CHECK_EQ(hour.request_p99_seconds, doctest::Approx(0.3));
}

TEST_CASE("history rows: an hour ends when a minute of another one comes, also after a step back") {
  HourRollup rollup;
  CHECK_FALSE(rollup.Add(Minute(1, 1, kNoon + minutes(58))));
  CHECK_FALSE(rollup.Add(Minute(2, 2, kNoon + minutes(59))));
  const auto hour = rollup.Add(Minute(3, 3, kNoon + minutes(60)));
  REQUIRE(hour);
  CHECK_EQ(hour->through, 2);
  CHECK_EQ(hour->backends.at("a").undelivered_max, 2);
  const auto early = rollup.Add(Minute(4, 4, kNoon - minutes(30)));
  REQUIRE(early);
  CHECK_EQ(early->through, 3);
  CHECK(early->from == kNoon + minutes(60));
}

}  // namespace
}  // namespace relay::test::unit_relay_history_rows_test
