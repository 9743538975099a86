#include "relay/history/report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/history/outages.h"
#include "relay/status/audit_log.h"
#include "relay/status/ledger_json.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kGapsAtOnce = 1'000;
constexpr std::chrono::minutes kNewestRow{2};  // It may be missing still.

Json TimeOrNull(const std::optional<WallTime>& time) {
  return time ? Json(ToRfc3339(*time)) : Json();
}

std::string InSeconds(WallTime time) {
  return ToRfc3339(std::chrono::floor<std::chrono::seconds>(time));
}

bool IsWithin(WallTime time, const ReportWindow& window) {
  return time >= window.from && time < window.to;
}

double SecondsBetween(WallTime from, WallTime to) {
  return std::max(0.0, Seconds(to - from));
}

Status CheckWindow(const ReportWindow& window) {
  if (window.from >= window.to) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("from ({}) must be before to ({})", InSeconds(window.from),
                             InSeconds(window.to)));
  }
  if (window.from < window.now) return Ok();
  return Error(ErrorCode::kInvalidInput,
               fmt::format("from ({}) lies in the future", InSeconds(window.from)));
}

Status CheckHistory(const HistoryData& data, const ReportWindow& window) {
  const bool has_event =
      std::any_of(data.events.begin(), data.events.end(),
                  [&window](const HistoryEvent& event) { return IsWithin(event.at, window); });
  if (!data.rows.empty() || has_event) return Ok();
  const std::string begins =
      data.begins ? "it begins at " + InSeconds(*data.begins) : std::string("nothing is recorded");
  return Error(ErrorCode::kNotFound,
               fmt::format("no history from {} to {}: {}", InSeconds(window.from),
                           InSeconds(window.to), begins));
}

double TotalSeconds(const Outage& outage, WallTime now) {
  const double down = Seconds(outage.down);
  const double span = SecondsBetween(outage.began, outage.EndOr(now));
  return outage.recovered ? std::max(down, span) : span;
}

Json ToJson(const Outage& outage, WallTime now) {
  Json json;
  json["began"] = ToRfc3339(outage.began);
  json["back"] = TimeOrNull(outage.back);
  json["recovered"] = TimeOrNull(outage.recovered);
  json["removed"] = outage.removed;
  json["states"] = outage.states;
  json["reason"] = outage.reason;
  json["times_down"] = outage.times_down;
  json["down_seconds"] = Seconds(outage.down);
  json["recovery_seconds"] = outage.back && outage.recovered
                                 ? Json(SecondsBetween(*outage.back, *outage.recovered))
                                 : Json();
  json["total_seconds"] = TotalSeconds(outage, now);
  json["points_owed_at_worst"] = outage.points_worst;
  json["oldest_at_worst_seconds"] = outage.age_worst;
  return json;
}

Json FiguresOf(const BackendRow& row) {
  Json json;
  json["points_accepted"] = row.grown.accepted;
  json["bytes_accepted"] = row.grown.bytes;
  json["points_delivered"] = row.grown.delivered;
  json["points_dead"] = row.grown.dead;
  json["points_dropped"] = row.grown.dropped;
  json["requests"] = row.requests;
  json["request_mean_seconds"] =
      row.requests == 0 ? Json() : Json(row.request_seconds / static_cast<double>(row.requests));
  json["request_p99_seconds"] = row.requests == 0 ? Json() : Json(row.request_p99_seconds);
  return json;
}

Json BackendJson(const BackendRow& row, const std::vector<Outage>& outages, WallTime now) {
  Json list = Json::array();
  double down = 0;
  double longest = 0;
  double age = row.age_max;
  PointCount points = row.undelivered_max;
  bool goes_on = false;
  for (const Outage& outage : outages) {
    list.push_back(ToJson(outage, now));
    down += Seconds(outage.down);
    longest = std::max(longest, TotalSeconds(outage, now));
    age = std::max(age, outage.age_worst);
    points = std::max(points, outage.points_worst);
    goes_on = goes_on || (!outage.recovered && !outage.removed);
  }
  Json json;
  json["outages"] = std::move(list);
  json["outage_goes_on"] = goes_on;
  json["down_seconds"] = down;
  json["rto_seconds"] = longest;
  json["rpo_seconds"] = age;
  json["points_owed_at_worst"] = points;
  json["points_on_hold_at_worst"] = row.held_max;
  json.update(FiguresOf(row));
  return json;
}

// Returns the gaps that were written in the window.
Result<Json> GapsIn(const LogView& log, const std::string& name, const ReportWindow& window) {
  Json list = Json::array();
  ASSIGN_OR_RETURN(const BackendId backend, BackendId::Parse(name));
  std::uint64_t after = 0;
  for (;;) {
    const Result<std::vector<StoredGap>> gaps = log.ReadGaps(backend, after, kGapsAtOnce);
    if (!gaps.ok() && gaps.error().code() == ErrorCode::kNotFound) return list;  // It is forgotten.
    if (!gaps.ok()) return gaps.error();
    for (const StoredGap& gap : gaps.value()) {
      after = gap.number;
      if (IsWithin(gap.gap.when, window)) list.push_back(Json::parse(GapJson(gap)));
    }
    if (gaps.value().size() < kGapsAtOnce) return list;
  }
}

// An outage that goes on may be younger than the newest row.
void AddPresent(const LogView& log, Outage& outage) {
  const Result<BackendId> backend = BackendId::Parse(outage.backend);
  if (!backend.ok()) return;
  const Result<QueueStats> stats = log.StatsOf(backend.value());
  if (!stats.ok()) return;
  outage.points_worst =
      std::max(outage.points_worst, stats.value().owed.points + stats.value().held.points);
}

Result<Json> BackendsIn(const LogView& log, const HistoryData& data, const ReportWindow& window) {
  HistoryRow all;
  for (const HistoryRow& row : data.rows) AddRow(row, all);
  std::map<std::string, std::vector<Outage>> outages;
  for (const BackendId& backend : log.Backends()) all.backends[backend.text()];
  for (Outage& outage : OutagesIn(data, window.from, window.to, window.to)) {
    all.backends[outage.backend];
    if (window.now - window.to < kNewestRow && !outage.recovered) AddPresent(log, outage);
    outages[outage.backend].push_back(std::move(outage));
  }
  Json json = Json::object();
  for (const auto& [name, row] : all.backends) {
    json[name] = BackendJson(row, outages[name], window.to);
    ASSIGN_OR_RETURN(json[name]["gaps"], GapsIn(log, name, window));
  }
  return json;
}

Json RestartsJson(const HistoryData& data, const ReportWindow& window) {
  Json list = Json::array();
  for (const RestartSeen& restart : RestartsIn(data, window.from, window.to)) {
    list.push_back(
        {{"at", ToRfc3339(restart.at)},
         {"stop_before", restart.after},
         {"last_seen", TimeOrNull(restart.last_seen)},
         {"away_seconds",
          restart.last_seen ? Json(SecondsBetween(*restart.last_seen, restart.at)) : Json()}});
  }
  return list;
}

Json ToJson(const HistoryEvent& event) {
  return {{"at", ToRfc3339(event.at)}, {"kind", ToString(event.kind)}, {"backend", event.backend},
          {"state", event.state},      {"text", event.text},           {"points", event.points},
          {"seconds", event.seconds}};
}

Json EventsJson(const HistoryData& data, const ReportWindow& window,
                std::optional<HistoryKind> kind) {
  Json list = Json::array();
  for (const HistoryEvent& event : data.events) {
    if (kind && event.kind != *kind) continue;
    if (IsWithin(event.at, window)) list.push_back(ToJson(event));
  }
  return list;
}

// The last one until the end of the window, also one from before it.
Json LastCompare(const HistoryData& data, const ReportWindow& window) {
  Json last;
  for (const HistoryEvent& event : data.events) {
    if (event.kind == HistoryKind::kCompared && event.at < window.to) last = ToJson(event);
  }
  return last;
}

// Leaves out that a change was asked for where its outcome follows.
std::vector<AuditEntry> WithOutcome(const std::vector<AuditEntry>& entries) {
  constexpr std::ptrdiff_t kBetweenMax = 16;  // Entries of other operators.
  std::vector<AuditEntry> kept;
  for (auto at = entries.begin(); at != entries.end(); ++at) {
    const auto until = at + std::min(kBetweenMax, entries.end() - at);
    const bool is_told = std::any_of(at + 1, until, [&at](const AuditEntry& later) {
      return later.what == at->what && later.who == at->who && later.outcome != "asked";
    });
    if (at->outcome != "asked" || !is_told) kept.push_back(*at);
  }
  return kept;
}

Result<Json> ActionsIn(const std::string& log_path, const ReportWindow& window) {
  ASSIGN_OR_RETURN(std::vector<AuditEntry> entries,
                   ReadAudit(log_path, std::numeric_limits<std::size_t>::max()));
  std::erase_if(entries,
                [&window](const AuditEntry& entry) { return !IsWithin(entry.when, window); });
  std::reverse(entries.begin(), entries.end());
  return Json::parse(AuditJson(WithOutcome(entries))).at("entries");
}

// The least of these steps that gives at most kTimesMax times.
std::chrono::seconds StepFor(const ReportWindow& window) {
  constexpr std::int64_t kTimesMax = 720;
  for (const int minutes : {1, 2, 5, 10, 15, 30, 60, 120, 360, 720}) {
    const std::chrono::minutes step(minutes);
    if ((window.to - window.from) / step <= kTimesMax) return step;
  }
  return std::chrono::hours(24);
}

// Null in every column until the backend appears.
void AddColumns(const HistoryRow& row, std::size_t before, Json& backends) {
  const auto add = [before](Json& column, Json value) {
    while (column.size() < before) column.push_back(nullptr);
    column.push_back(std::move(value));
  };
  for (const auto& [name, backend] : row.backends) {
    const double seconds = std::max(1.0, static_cast<double>(backend.samples));
    Json& columns = backends[name];
    add(columns["points"], backend.undelivered_max);
    add(columns["ages"], backend.age_max);
    add(columns["on_hold"], backend.held_max);
    add(columns["points_in_per_second"], static_cast<double>(backend.grown.accepted) / seconds);
    add(columns["points_out_per_second"], static_cast<double>(backend.grown.delivered) / seconds);
    add(columns["share_down"], static_cast<double>(backend.samples_down) / seconds);
    add(columns["request_p99_seconds"],
        backend.requests == 0 ? Json() : Json(backend.request_p99_seconds));
  }
}

// Null in every column of a backend that a row does not have.
void FillColumns(std::size_t size, Json& backends) {
  for (Json& columns : backends) {
    for (Json& column : columns) {
      if (column.size() < size) column.push_back(nullptr);
    }
  }
}

void AddPresentRow(const std::optional<HistoryRow>& present, const ReportWindow& window,
                   HistoryData& data) {
  if (!present || present->from >= window.to || present->to < window.from) return;
  if (!data.begins) data.begins = present->from;
  data.rows.push_back(*present);
}

}  // namespace

Result<std::string> MakeReport(const LogView& log, const std::string& log_path, ReportWindow window,
                               const std::optional<HistoryRow>& present) {
  RETURN_IF_ERROR(CheckWindow(window));
  window.to = std::min(window.to, window.now);
  ASSIGN_OR_RETURN(HistoryData data, ReadHistory(log_path, window.from, window.to));
  AddPresentRow(present, window, data);
  RETURN_IF_ERROR(CheckHistory(data, window));
  Json json;
  json["from"] = ToRfc3339(window.from);
  json["to"] = ToRfc3339(window.to);
  json["history_begins"] = TimeOrNull(data.begins);
  json["whole"] = data.begins && *data.begins <= window.from;
  json["damaged_lines"] = data.damaged_lines;
  ASSIGN_OR_RETURN(json["backends"], BackendsIn(log, data, window));
  json["restarts"] = RestartsJson(data, window);
  json["clock_steps"] = EventsJson(data, window, HistoryKind::kClockSet);
  ASSIGN_OR_RETURN(json["actions"], ActionsIn(log_path, window));
  json["last_compare"] = LastCompare(data, window);
  json["compares"] = EventsJson(data, window, HistoryKind::kCompared);
  json["drills"] = EventsJson(data, window, HistoryKind::kDrill);
  return DumpJson(json);
}

Result<std::string> PlotsJson(const HistoryData& data, ReportWindow window,
                              std::chrono::seconds step) {
  RETURN_IF_ERROR(CheckWindow(window));
  window.to = std::min(window.to, window.now);
  if (step <= step.zero()) step = StepFor(window);
  Json json{{"step_seconds", step.count()}};
  Json at = Json::array();
  Json times = Json::array();
  Json backends = Json::object();
  for (const HistoryRow& row : Joined(data.rows, step)) {
    AddColumns(row, times.size(), backends);
    at.push_back(ToRfc3339(row.from));
    times.push_back(Seconds(row.from.time_since_epoch()));
    FillColumns(times.size(), backends);
  }
  json["at"] = std::move(at);
  json["times"] = std::move(times);
  json["backends"] = std::move(backends);
  json["events"] = EventsJson(data, window, std::nullopt);
  json["history_begins"] = TimeOrNull(data.begins);
  json["damaged_lines"] = data.damaged_lines;
  return DumpJson(json);
}

}  // namespace relay
