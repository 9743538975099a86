// Formats a report for people.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string_view>
#include <utility>
#include <vector>

#include "relay/base/human_format.h"
#include "relay/base/parse.h"
#include "relay/history/report.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kTextMax = 160;

// Returns "2026-11-23T20:15:00Z"; parts of a second are left out.
std::string ShownTime(const Json& json) {
  if (!json.is_string()) return "-";
  const auto time = ParseRfc3339(json.get<std::string>());
  return time ? ToRfc3339(std::chrono::floor<std::chrono::seconds>(*time)) : "-";
}

std::string ShownSeconds(const Json& json) {
  if (!json.is_number()) return "-";
  const std::chrono::duration<double> seconds(json.get<double>());
  return ShownAge(std::chrono::duration_cast<std::chrono::nanoseconds>(seconds));
}

std::string ShownMilliseconds(const Json& json) {
  return json.is_number() ? fmt::format("{:.1f}ms", json.get<double>() * 1000) : "-";
}

std::string ShownText(const Json& json, const char* key) {
  return OneLine(json.value(key, ""), kTextMax);
}

std::string Count(const Json& json, const char* key) {
  return fmt::format("{}", json.at(key).get<std::uint64_t>());
}

// Writes titles, sentences and tables in one of the two forms.
class Page {
 public:
  explicit Page(ReportForm form) : form_(form) {}

  void Title(std::string_view text) {
    text_ += form_ == ReportForm::kMarkdown ? fmt::format("# {}\n\n", text)
                                            : fmt::format("{}\n\n", text);
  }
  void Section(std::string_view text) {
    text_ +=
        form_ == ReportForm::kMarkdown ? fmt::format("## {}\n\n", text) : fmt::format("{}\n", text);
  }
  void Sentence(std::string_view text) { text_ += fmt::format("{}\n\n", text); }

  // The first row has the heads; without another one `none` is said.
  void Table(const std::vector<Cells>& rows, std::size_t left_columns, std::string_view none) {
    if (rows.size() == 1) return Sentence(none);
    if (form_ == ReportForm::kText) {
      text_ += Aligned(rows, left_columns) + "\n";
      return;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      text_ += MarkdownRow(rows[i]);
      if (i == 0) text_ += Rule(rows[i].size(), left_columns);
    }
    text_ += "\n";
  }

  std::string Take() {
    while (text_.ends_with("\n\n")) text_.pop_back();
    return std::move(text_);
  }

 private:
  static std::string MarkdownRow(const Cells& cells) {
    std::string row = "|";
    for (std::string cell : cells) {
      for (std::size_t at = 0; (at = cell.find('|', at)) != std::string::npos; at += 2) {
        cell.insert(at, 1, '\\');
      }
      row += fmt::format(" {} |", cell);
    }
    return row + "\n";
  }
  static std::string Rule(std::size_t columns, std::size_t left_columns) {
    std::string rule = "|";
    for (std::size_t i = 0; i < columns; ++i) rule += i < left_columns ? "---|" : "---:|";
    return rule + "\n";
  }

  const ReportForm form_;
  std::string text_;
};

void AddWhole(const Json& report, Page& page) {
  page.Title(fmt::format("InfluxDB Relay: report from {} to {}", ShownTime(report.at("from")),
                         ShownTime(report.at("to"))));
  if (!report.at("whole").get<bool>()) {
    page.Sentence(fmt::format("The history begins at {}: what was before is not in this report.",
                              ShownTime(report.at("history_begins"))));
  }
  if (const auto damaged = report.at("damaged_lines").get<std::uint64_t>(); damaged > 0) {
    page.Sentence(
        fmt::format("{} lines of the history cannot be read and are left out, from this "
                    "window or another.",
                    damaged));
  }
}

void AddObjectives(const Json& backends, Page& page) {
  std::vector<Cells> rows = {{"BACKEND", "OUTAGES", "DOWN", "RTO", "RPO", "OWED AT WORST", "GAPS"}};
  for (const auto& [name, backend] : backends.items()) {
    const std::string goes_on = backend.at("outage_goes_on").get<bool>() ? " so far" : "";
    rows.push_back({name, fmt::format("{}", backend.at("outages").size()),
                    ShownSeconds(backend.at("down_seconds")),
                    ShownSeconds(backend.at("rto_seconds")) + goes_on,
                    ShownSeconds(backend.at("rpo_seconds")), Count(backend, "points_owed_at_worst"),
                    fmt::format("{}", backend.at("gaps").size())});
  }
  page.Section("Objectives reached");
  page.Table(rows, 1, "There is no backend.");
  page.Sentence(
      "RTO: the longest time until a backend was back and had everything that it was owed. RPO: "
      "the greatest age of a point that it did not have yet.");
}

void AddOutages(const Json& backends, Page& page) {
  std::vector<Cells> rows = {{"BACKEND", "BEGAN", "BACK", "RECOVERED", "STATE", "REASON", "DOWN",
                              "RECOVERY", "OWED AT WORST"}};
  for (const auto& [name, backend] : backends.items()) {
    for (const Json& outage : backend.at("outages")) {
      const bool removed = outage.at("removed").get<bool>();
      rows.push_back({name, ShownTime(outage.at("began")), ShownTime(outage.at("back")),
                      removed ? "removed" : ShownTime(outage.at("recovered")),
                      fmt::format("{}", fmt::join(outage.at("states").get<Cells>(), ", ")),
                      ShownText(outage, "reason"), ShownSeconds(outage.at("down_seconds")),
                      ShownSeconds(outage.at("recovery_seconds")),
                      Count(outage, "points_owed_at_worst")});
    }
  }
  page.Section("Outages");
  page.Table(rows, 6, "None.");
}

void AddPoints(const Json& backends, Page& page) {
  std::vector<Cells> rows = {{"BACKEND", "ACCEPTED", "DELIVERED", "DEAD", "DROPPED",
                              "ON HOLD AT WORST", "REQUESTS", "MEAN", "P99"}};
  for (const auto& [name, backend] : backends.items()) {
    rows.push_back({name, Count(backend, "points_accepted"), Count(backend, "points_delivered"),
                    Count(backend, "points_dead"), Count(backend, "points_dropped"),
                    Count(backend, "points_on_hold_at_worst"), Count(backend, "requests"),
                    ShownMilliseconds(backend.at("request_mean_seconds")),
                    ShownMilliseconds(backend.at("request_p99_seconds"))});
  }
  page.Section("Points and requests");
  page.Table(rows, 1, "There is no backend.");
}

void AddGaps(const Json& backends, Page& page) {
  std::vector<Cells> rows = {{"BACKEND", "WHEN", "REASON", "BY", "FROM", "TO", "NOTE", "POINTS"}};
  for (const auto& [name, backend] : backends.items()) {
    for (const Json& gap : backend.at("gaps")) {
      rows.push_back({name, ShownTime(gap.at("when")), ShownText(gap, "reason"),
                      ShownText(gap, "by"), ShownTime(gap.at("from")), ShownTime(gap.at("to")),
                      ShownText(gap, "note"), Count(gap, "points")});
    }
  }
  page.Section("Gaps: what will never be delivered");
  page.Table(rows, 7, "None.");
}

void AddRestarts(const Json& report, Page& page) {
  std::vector<Cells> rows = {{"STARTED", "STOP BEFORE", "LAST SEEN", "AWAY"}};
  for (const Json& restart : report.at("restarts")) {
    rows.push_back({ShownTime(restart.at("at")), ShownText(restart, "stop_before"),
                    ShownTime(restart.at("last_seen")), ShownSeconds(restart.at("away_seconds"))});
  }
  page.Section("Restarts");
  page.Table(rows, 3, "None.");
  for (const Json& step : report.at("clock_steps")) {
    page.Sentence(fmt::format("The wall clock was set by {:+.1f} s at {}.",
                              step.value("seconds", 0.0), ShownTime(step.at("at"))));
  }
}

void AddActions(const Json& report, Page& page) {
  std::vector<Cells> rows = {{"WHEN", "WHO", "WHAT", "OUTCOME"}};
  for (const Json& entry : report.at("actions")) {
    rows.push_back({ShownTime(entry.at("when")), ShownText(entry, "who"), ShownText(entry, "what"),
                    ShownText(entry, "outcome")});
  }
  page.Section("Operators' actions");
  page.Table(rows, 4, "None.");
}

void AddProof(const Json& report, Page& page) {
  page.Section("Comparison");
  const Json& last = report.at("last_compare");
  if (last.is_null()) return page.Sentence("None was made: influxdb-relay compare A B.");
  page.Sentence(
      fmt::format("The last one, at {}: {}.", ShownTime(last.at("at")), ShownText(last, "text")));
  for (const Json& drill : report.at("drills")) {
    page.Sentence(
        fmt::format("Drill, {}: {}.", ShownTime(drill.at("at")), ShownText(drill, "text")));
  }
}

}  // namespace

Result<std::string> ShownReport(const std::string& json, ReportForm form) {
  try {
    const Json report = Json::parse(json);
    const Json& backends = report.at("backends");
    Page page(form);
    AddWhole(report, page);
    AddObjectives(backends, page);
    AddOutages(backends, page);
    AddPoints(backends, page);
    AddGaps(backends, page);
    AddRestarts(report, page);
    AddActions(report, page);
    AddProof(report, page);
    return page.Take();
  } catch (const Json::exception&) {
    return Error(ErrorCode::kInvalidInput, "this is not a report");
  }
}

}  // namespace relay
