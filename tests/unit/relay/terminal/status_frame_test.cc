#include "relay/terminal/status_frame.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

namespace relay::test::relay_terminal_status_frame_test {
namespace {

RelayStatus Example() {
  BackendStatus west;
  west.name = "west";
  west.state = "retrying";
  west.why = "connection refused, again and again, by a server that is in the wrong place";
  west.figures.owed = {70, 7'000_B, 3'500_B};
  BackendStatus east;
  east.name = "east";
  east.state = "caught up";
  east.takes_writes = true;
  return {.version = "9.9",
          .now = WallTime(std::chrono::seconds(1000)),
          .running = true,
          .log_path = "/data",
          .backends = {east, west}};
}

std::vector<std::string> FrameOf(const ScreenSize& size, const ScreenStyle& style = {},
                                 const std::string& note = "") {
  const RelayStatus status = Example();
  const OwedHistory history = {{"west", {0, 10, 70}}, {"east", {0, 0, 0}}};
  std::istringstream frame(WatchFrame({status, history, note}, size, style));
  std::vector<std::string> lines;
  for (std::string line; std::getline(frame, line);) lines.push_back(line);
  return lines;
}

TEST_CASE("watch: a frame has the time, a row per backend and what is wrong") {
  const auto lines = FrameOf({.columns = 120, .rows = 40});
  CHECK_EQ(lines.at(0), "1970-01-01T00:16:40Z  influxdb-relay 9.9  accepting writes  (q ends)");
  CHECK(lines.at(2).starts_with("BACKEND"));
  CHECK(lines.at(3).starts_with("east     caught up"));
  CHECK(lines.at(4).starts_with("west     retrying"));
}

TEST_CASE("watch: nothing is wider or higher than the screen; it says what is left out") {
  for (const std::size_t columns : {20U, 40U, 80U, 200U}) {
    for (const std::size_t rows : {1U, 3U, 6U, 40U}) {
      const auto lines = FrameOf({.columns = columns, .rows = rows});
      CHECK_LE(lines.size(), rows);
      for (const std::string& line : lines) CHECK_LE(line.size(), columns);
    }
  }
  CHECK_EQ(FrameOf({.columns = 80, .rows = 4}).back(), "... 9 more lines");
  const auto lines = FrameOf({.columns = 40, .rows = 40});
  const auto broken = std::find(lines.begin(), lines.end(), "west: connection refused, again and");
  REQUIRE(lines.end() - broken > 1);
  CHECK_EQ(broken[1], "    again, by a server that is in the");
}

TEST_CASE("watch: colors say how a backend does; without them there is no escape") {
  const auto colored = FrameOf({.columns = 120, .rows = 40}, {.colors = true});
  CHECK(colored.at(3).starts_with("\x1b[32meast"));
  CHECK(colored.at(4).starts_with("\x1b[31mwest"));
  for (const std::string& line : FrameOf({.columns = 120, .rows = 40})) {
    CHECK_EQ(line.find('\x1b'), std::string::npos);
  }
}

TEST_CASE("watch: the backlog is drawn for backends that had one") {
  const auto lines = FrameOf({.columns = 120, .rows = 40}, {.unicode = true});
  CHECK_EQ(lines.at(6), "points undelivered in the last hour");
  CHECK_EQ(lines.at(7), "west          70 ▁▂█");
}

TEST_CASE("watch: reading from the directory is shown in place of the version") {
  CHECK_EQ(FrameOf({.columns = 60, .rows = 40}, {}, "no relay answers").at(0),
           "1970-01-01T00:16:40Z  no relay answers");
}

TEST_CASE("watch: a line of blocks keeps the peak of what it joins") {
  CHECK_EQ(Sparkline({0, 0, 8, 0, 0, 0}, 3), "▁█▁");
  CHECK_EQ(Sparkline({0, 0}, 10), "▁▁");
  CHECK_EQ(Sparkline({1, 1'000'000}, 10), "▂█");
  CHECK_EQ(Sparkline({}, 10), "");
}

TEST_CASE("watch: the history is taken as the relay tells it, or not at all") {
  const OwedHistory history =
      OwedHistoryFrom(R"({"times":[1,2],"backends":{"west":{"points":[null,7],"ages":[null,1]}}})");
  CHECK_EQ(history.at("west"), std::vector<double>{0, 7});
  CHECK(OwedHistoryFrom("nonsense").empty());
  CHECK(OwedHistoryFrom("{}").empty());
}

}  // namespace
}  // namespace relay::test::relay_terminal_status_frame_test
