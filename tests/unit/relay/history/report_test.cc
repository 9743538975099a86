#include "relay/history/report.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "relay/status/audit_log.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"
#include "tests/support/temp_dir.h"

namespace relay::test::unit_relay_history_report_test {
namespace {

using Json = nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const WallTime kNoon(hours(12) + hours(24) * 20'000);

// A day with an outage of the backend "west" from 12:10 to 12:20, which has everything at 12:25.
struct Day {
  TempDir directory;
  MemoryLog log{{kWest, kEast}};
  HistoryStore store{directory.path()};
  Audit audit{directory.path()};

  Day() {
    Add({.at = kNoon,
         .kind = HistoryKind::kStarted,
         .state = "unclean",
         .other = kNoon - seconds(90)});
    Add({.at = kNoon + minutes(10),
         .kind = HistoryKind::kDown,
         .backend = "west",
         .state = "retrying",
         .text = "connection | refused"});
    Add({.at = kNoon + minutes(20), .kind = HistoryKind::kUp, .backend = "west", .seconds = 600});
    Add({.at = kNoon + minutes(25),
         .kind = HistoryKind::kRecovered,
         .backend = "west",
         .points = 4'000,
         .seconds = 610});
    Add({.at = kNoon + minutes(30),
         .kind = HistoryKind::kCompared,
         .state = "equal",
         .text = "equal: east and west, 9 points"});
    for (int i = 0; i < 60; ++i) AddMinute(i);
    REQUIRE(audit.Note({kNoon + minutes(15), "alice", "pause east", "done"}).ok());
  }
  void Add(HistoryEvent event) { REQUIRE(store.Append(std::move(event)).ok()); }
  void AddMinute(int i) {
    HistoryRow row{.from = kNoon + minutes(i), .to = kNoon + minutes(i) + seconds(59)};
    const bool down = i >= 10 && i < 20;
    row.backends["west"] = {.samples = 60,
                            .samples_down = down ? 60U : 0U,
                            .undelivered_max = down ? 100U : 0U,
                            .grown = {.accepted = 10, .bytes = 90, .delivered = down ? 0U : 10U},
                            .requests = down ? 0U : 2U,
                            .request_seconds = down ? 0 : 0.02,
                            .request_p99_seconds = down ? 0 : 0.05};
    REQUIRE(store.AppendMinute(row).ok());
  }
  Result<std::string> Make(WallTime from, WallTime to) const {
    return MakeReport(log, directory.path(), {.from = from, .to = to, .now = kNoon + hours(1)});
  }
};

TEST_CASE("report: an auditor finds outage, recovery, RTO, RPO, actions, restarts, comparison") {
  const Day day;
  const Json report = Json::parse(day.Make(kNoon, kNoon + hours(9)).value());
  CHECK_EQ(report.at("whole"), true);
  const Json& west = report.at("backends").at("west");
  REQUIRE_EQ(west.at("outages").size(), 1);
  CHECK_EQ(west.at("outages")[0].at("down_seconds"), 600.0);
  CHECK_EQ(west.at("outages")[0].at("recovery_seconds"), 300.0);
  CHECK_EQ(west.at("outages")[0].at("points_owed_at_worst"), 4'000);
  CHECK_EQ(west.at("rto_seconds"), 900.0);
  CHECK_EQ(west.at("rpo_seconds"), 610.0);
  CHECK_EQ(west.at("outage_goes_on"), false);
  CHECK_EQ(west.at("points_accepted"), 600);
  CHECK_EQ(west.at("points_delivered"), 500);
  CHECK_EQ(west.at("requests"), 100);
  CHECK_EQ(west.at("request_mean_seconds"), doctest::Approx(0.01));
  CHECK_EQ(report.at("backends").at("east").at("outages").size(), 0);
  CHECK_EQ(report.at("restarts")[0].at("stop_before"), "unclean");
  CHECK_EQ(report.at("restarts")[0].at("away_seconds"), 90.0);
  REQUIRE_EQ(report.at("actions").size(), 1);
  CHECK_EQ(report.at("actions")[0].at("who"), "alice");
  CHECK_EQ(report.at("last_compare").at("state"), "equal");
}

TEST_CASE("report: what is outside the window is not in it, but for the last comparison") {
  const Day day;
  const Json report = Json::parse(day.Make(kNoon + minutes(40), kNoon + minutes(50)).value());
  CHECK_EQ(report.at("backends").at("west").at("outages").size(), 0);
  CHECK_EQ(report.at("backends").at("west").at("points_accepted"), 100);
  CHECK_EQ(report.at("restarts").size(), 0);
  CHECK_EQ(report.at("actions").size(), 0);
  CHECK_EQ(report.at("compares").size(), 0);
  CHECK_EQ(report.at("last_compare").at("state"), "equal");
}

TEST_CASE("report: text and Markdown say the same, and a bar in a reason does not break a table") {
  const Day day;
  const std::string json = day.Make(kNoon, kNoon + hours(1)).value();
  const std::string text = ShownReport(json, ReportForm::kText).value();
  const std::string markdown = ShownReport(json, ReportForm::kMarkdown).value();
  for (const std::string& shown : {text, markdown}) {
    CAPTURE(shown);
    for (const char* said : {"Objectives reached", "15m00s", "10m10s", "4000", "alice", "unclean",
                             "equal: east and west, 9 points", "retrying"}) {
      CHECK_NE(shown.find(said), std::string::npos);
    }
  }
  CHECK_NE(markdown.find("connection \\| refused"), std::string::npos);
  CHECK(markdown.starts_with("# InfluxDB Relay: report from "));
  CHECK_FALSE(ShownReport("{}", ReportForm::kText).ok());
}

TEST_CASE("report: a window that is empty, in the future or without history is a clear error") {
  const Day day;
  const auto reversed = day.Make(kNoon + hours(1), kNoon);
  CHECK_EQ(reversed.error().code(), ErrorCode::kInvalidInput);
  CHECK_NE(reversed.error().message().find("must be before"), std::string::npos);
  CHECK_EQ(day.Make(kNoon, kNoon).error().code(), ErrorCode::kInvalidInput);
  CHECK_NE(day.Make(kNoon + hours(2), kNoon + hours(3)).error().message().find("future"),
           std::string::npos);
  const auto before = day.Make(kNoon - hours(9), kNoon - hours(8));
  CHECK_EQ(before.error().code(), ErrorCode::kNotFound);
  CHECK_NE(before.error().message().find("it begins at "), std::string::npos);
}

TEST_CASE("report: a history that begins within the window says that it is not whole") {
  const Day day;
  const std::string json = day.Make(kNoon - hours(9), kNoon + hours(1)).value();
  CHECK_EQ(Json::parse(json).at("whole"), false);
  CHECK_NE(ShownReport(json, ReportForm::kText).value().find("The history begins at "),
           std::string::npos);
}

TEST_CASE("plots: a step joins rows, keeps the worst, and a backend that came later has nulls") {
  Day day;
  HistoryRow row{.from = kNoon + minutes(59) + seconds(59), .to = kNoon + hours(1)};
  row.backends["late"] = {.samples = 1};
  REQUIRE(day.store.AppendMinute(row).ok());
  const HistoryData data = day.store.Read(kNoon, kNoon + hours(1)).value();
  const ReportWindow window{.from = kNoon, .to = kNoon + hours(1), .now = kNoon + hours(1)};
  const Json plots = Json::parse(PlotsJson(data, window, minutes(15)).value());
  REQUIRE_EQ(plots.at("times").size(), 4);
  CHECK_EQ(plots.at("backends").at("west").at("points"), Json::array({100, 100, 0, 0}));
  CHECK_EQ(plots.at("backends").at("late").at("points"),
           Json::array({nullptr, nullptr, nullptr, 0}));
  CHECK_EQ(plots.at("backends").at("west").at("share_down")[0], doctest::Approx(5.0 / 15));
  CHECK_EQ(Json::parse(PlotsJson(data, window, seconds(0)).value()).at("step_seconds"), 60);
  CHECK_EQ(plots.at("events").size(), 5);
}

}  // namespace
}  // namespace relay::test::unit_relay_history_report_test
