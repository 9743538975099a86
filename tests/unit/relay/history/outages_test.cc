#include "relay/history/outages.h"

#include <doctest/doctest.h>

namespace relay::test::unit_relay_history_outages_test {
namespace {

using std::chrono::seconds;

const WallTime kNoon(std::chrono::hours(12) + std::chrono::hours(24) * 20'000);

WallTime At(int second) {
  return kNoon + seconds(second);
}

// Builds a history as a script.
struct Script {
  HistoryData data;

  Script& Down(int second, const std::string& state = "retrying", const std::string& name = "a") {
    return Add({.at = At(second),
                .kind = HistoryKind::kDown,
                .backend = name,
                .state = state,
                .text = "why " + state});
  }
  Script& Up(int second, double lasted = 0) {
    return Add({.at = At(second), .kind = HistoryKind::kUp, .backend = "a", .seconds = lasted});
  }
  Script& Recovered(int second, PointCount points = 5, double age = 2) {
    return Add({.at = At(second),
                .kind = HistoryKind::kRecovered,
                .backend = "a",
                .points = points,
                .seconds = age});
  }
  Script& Add(HistoryEvent event) {
    event.sequence = data.events.size() + 1;
    data.events.push_back(std::move(event));
    return *this;
  }
  std::vector<Outage> In(int from, int to) const {
    return OutagesIn(data, At(from), At(to), At(1'000));
  }
};

TEST_CASE("outages: one has its begin, its return, its recovery and the worst of it") {
  const auto outages = Script().Down(10).Up(40).Recovered(55, 70, 44.5).In(0, 100);
  REQUIRE_EQ(outages.size(), 1);
  const Outage& outage = outages.front();
  CHECK(outage.began == At(10));
  CHECK(outage.back == At(40));
  CHECK(outage.recovered == At(55));
  CHECK(outage.down == seconds(30));
  CHECK_EQ(outage.points_worst, 70);
  CHECK_EQ(outage.age_worst, 44.5);
  CHECK_EQ(outage.reason, "why retrying");
  CHECK_EQ(outage.times_down, 1);
}

TEST_CASE("outages: only those that overlap the window are told, at its very edges too") {
  const Script script = Script().Down(10).Up(40).Recovered(55);
  CHECK_EQ(script.In(55, 60).size(), 1);
  CHECK_EQ(script.In(56, 60).size(), 0);
  CHECK_EQ(script.In(0, 11).size(), 1);
  CHECK_EQ(script.In(0, 10).size(), 0);
}

TEST_CASE("outages: a backend that goes away before it has recovered is in the same one") {
  const auto outages =
      Script().Down(10).Up(20).Down(25, "held").Down(30, "retrying").Up(50).Recovered(60).In(0, 99);
  REQUIRE_EQ(outages.size(), 1);
  CHECK_EQ(outages.front().times_down, 2);
  CHECK(outages.front().down == seconds(10 + 25));
  CHECK(outages.front().back == At(50));
  CHECK_EQ(outages.front().states, std::vector<std::string>{"retrying", "held"});
}

TEST_CASE("outages: one that goes on lasts until now") {
  const auto outages = Script().Down(900).In(0, 2'000);
  REQUIRE_EQ(outages.size(), 1);
  CHECK(outages.front().down == seconds(100));
  CHECK_FALSE(outages.front().back);
  CHECK_FALSE(outages.front().recovered);
}

TEST_CASE("outages: durations are by the monotonic clock if the wall clock was put back") {
  const auto outages = Script().Down(100).Up(20, 35).Recovered(30).In(0, 200);
  REQUIRE_EQ(outages.size(), 1);
  CHECK(outages.front().down == seconds(35));
}

TEST_CASE("outages: a crash forgets the worst, the rows still have it") {
  Script script = Script().Down(10).Up(40).Recovered(55, 0, 0);
  HistoryRow row{.from = At(20), .to = At(59)};
  row.backends["a"] = {.undelivered_max = 123, .age_max = 9};
  HistoryRow later{.from = At(60), .to = At(119)};
  later.backends["a"] = {.undelivered_max = 9'999, .age_max = 99};
  script.data.rows = {row, later};
  const auto outages = script.In(0, 200);
  CHECK_EQ(outages.front().points_worst, 123);
  CHECK_EQ(outages.front().age_worst, 9);
}

TEST_CASE("outages: backends are told apart, and one that is removed ends its outage") {
  Script script = Script().Down(10).Down(12, "paused", "b");
  script.Add({.at = At(30), .kind = HistoryKind::kRemoved, .backend = "b"});
  const auto outages = script.In(0, 99);
  REQUIRE_EQ(outages.size(), 2);
  CHECK_EQ(outages[0].backend, "a");
  CHECK_FALSE(outages[0].removed);
  CHECK_EQ(outages[1].backend, "b");
  CHECK(outages[1].removed);
  CHECK(outages[1].down == seconds(18));
}

TEST_CASE("outages: nothing but a return, or the same twice, is none") {
  CHECK(Script().Up(10).Recovered(11).In(0, 99).empty());
  const auto outages = Script().Down(10).Down(10).Up(20).Up(21).Recovered(22).In(0, 99);
  REQUIRE_EQ(outages.size(), 1);
  CHECK(outages.front().down == seconds(10));
  CHECK_EQ(outages.front().times_down, 1);
}

TEST_CASE("outages: starts in the window are told with how the relay ended before") {
  Script script;
  script.Add({.at = At(1), .kind = HistoryKind::kStarted, .state = "first"});
  script.Add({.at = At(50), .kind = HistoryKind::kStarted, .state = "unclean", .other = At(40)});
  const auto restarts = RestartsIn(script.data, At(10), At(99));
  REQUIRE_EQ(restarts.size(), 1);
  CHECK_EQ(restarts.front().after, "unclean");
  CHECK(restarts.front().last_seen == At(40));
}

}  // namespace
}  // namespace relay::test::unit_relay_history_outages_test
