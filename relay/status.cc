#include "relay/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/log_reader.h"

namespace relay {
namespace {

using std::chrono::nanoseconds;

Cells RowOf(const BackendStatus& backend, WallTime now) {
  const Figures& figures = backend.figures;
  return {backend.name,
          backend.state,
          fmt::format("{}", figures.marks.cursor.value()),
          fmt::format("{}", figures.marks.head.value()),
          fmt::format("{}", figures.marks.lag()),
          fmt::format("{}", figures.owed.points),
          ShownBytes(figures.owed.bytes),
          ShownAge(OldestOwedAge(backend, now)),
          backend.flow ? ShownRate(backend.flow->points_in) : "-",
          backend.flow ? ShownRate(backend.flow->points_out) : "-",
          figures.owed.points == 0 ? "-" : ShownAge(DrainEta(backend)),
          fmt::format("{}", figures.held.points),
          fmt::format("{}", figures.dead),
          fmt::format("{}", figures.dropped)};
}

std::string LaneWords(const BackendStatus& backend, const LaneReport& status) {
  const HeldLane& lane = status.held;
  std::string name = lane.lane.database;
  if (!lane.lane.retention_policy.empty()) name += "." + lane.lane.retention_policy;
  std::string text = fmt::format("{}: {} is on hold{}: {} points, {}", backend.name, name,
                                 lane.by_operator ? " by an operator" : "", lane.size.points,
                                 ShownBytes(lane.size.bytes));
  if (!status.why.empty() && !lane.by_operator) text += fmt::format("; {}", status.why);
  if (!status.remedy.empty()) text += fmt::format("; to do: {}", status.remedy);
  return text + "\n";
}

std::string TroubleOf(const BackendStatus& backend) {
  std::string text;
  if (!backend.why.empty()) text += fmt::format("{}: {}\n", backend.name, backend.why);
  if (!backend.why.empty() && !backend.last_answer.empty()) {
    text += fmt::format("{}: last answer: {}\n", backend.name, backend.last_answer);
  }
  if (!backend.remedy.empty()) text += fmt::format("{}: to do: {}\n", backend.name, backend.remedy);
  if (backend.stuck)
    text += fmt::format("{}: stuck: nothing has moved for a while\n", backend.name);
  for (const LaneReport& lane : backend.lanes) text += LaneWords(backend, lane);
  if (const std::int64_t missing = backend.figures.unaccounted(); missing != 0) {
    text +=
        fmt::format("{}: {} points are unaccounted for: this is a bug\n", backend.name, missing);
  }
  return text.empty() ? text : "\n" + text;
}

std::string DiskWords(const RelayStatus& status) {
  if (!status.running) return "";
  std::string text = fmt::format("\nlog: {} of {} used", ShownBytes(status.disk.used),
                                 ShownBytes(status.disk.max));
  if (const auto full = FullEta(status)) text += fmt::format("; full in {}", ShownAge(full));
  if (const auto outage = OutageTolerance(status)) {
    text += fmt::format("; room for an outage of {}", ShownAge(outage));
  }
  return text + "\n";
}

// `rate` is of the backend that is worst off.
std::optional<std::chrono::seconds> UntilFull(const RelayStatus& status, double Flow::*rate) {
  double most = 0;
  for (const BackendStatus& backend : status.backends) {
    if (backend.flow) most = std::max(most, (*backend.flow).*rate);
  }
  return TimeToFill(RoomIn(status.disk, KeptByAll(status)), most);
}

}  // namespace

nanoseconds OldestOwedAge(const BackendStatus& backend, WallTime now) {
  if (!backend.figures.oldest_owed) return nanoseconds::zero();
  return std::max(nanoseconds::zero(), now - *backend.figures.oldest_owed);
}

std::optional<std::chrono::seconds> DrainEta(const BackendStatus& backend) {
  return DrainEta(backend.figures, backend.flow.value_or(Flow()));
}

std::string WhyNotReady(const BackendStatus& backend, WallTime now,
                        std::chrono::milliseconds max_lag) {
  if (backend.state != "caught up" && backend.state != "delivering") {
    return fmt::format("{}{}{}", backend.state, backend.why.empty() ? "" : ": ", backend.why);
  }
  const nanoseconds age = OldestOwedAge(backend, now);
  if (age <= max_lag) return "";
  return fmt::format("{} behind, more than {}", ShownAge(age), ShownAge(max_lag));
}

Bytes KeptByAll(const RelayStatus& status) {
  if (status.backends.empty()) return 0_B;
  const auto least = std::min_element(status.backends.begin(), status.backends.end(),
                                      [](const BackendStatus& a, const BackendStatus& b) {
                                        return a.figures.kept.stored < b.figures.kept.stored;
                                      });
  return least->figures.kept.stored;
}

std::optional<std::chrono::seconds> FullEta(const RelayStatus& status) {
  return UntilFull(status, &Flow::owed_growth);
}

std::optional<std::chrono::seconds> OutageTolerance(const RelayStatus& status) {
  return UntilFull(status, &Flow::stored_in);
}

std::string ToTable(const RelayStatus& status) {
  constexpr std::size_t kLeftColumns = 2;
  std::vector<Cells> rows = {{"BACKEND", "STATE", "CURSOR", "HEAD", "LAG", "POINTS", "BYTES",
                              "OLDEST", "IN/s", "OUT/s", "DRAINED", "HELD", "DEAD", "DROPPED"}};
  for (const BackendStatus& backend : status.backends) rows.push_back(RowOf(backend, status.now));
  std::string text = Aligned(rows, kLeftColumns) + DiskWords(status);
  if (!status.log_failure.empty()) text += fmt::format("\nlog: {}\n", status.log_failure);
  if (!status.configuration_failure.empty()) {
    text += fmt::format("\nconfiguration: {}\n", status.configuration_failure);
  }
  for (const std::string& alarm : status.log_alarms) text += fmt::format("\nlog: {}\n", alarm);
  for (const BackendStatus& backend : status.backends) text += TroubleOf(backend);
  return text;
}

std::vector<BackendStatus> BackendStatuses(const LogView& log) {
  std::vector<BackendStatus> statuses;
  for (const BackendId& backend : log.Backends()) {
    BackendStatus status;
    status.name = backend.text();
    status.state = "not running";
    Result<Figures> figures = log.FiguresOf(backend);
    Result<std::vector<HeldLane>> lanes = log.HeldLanes(backend);
    if (figures.ok()) status.figures = figures.value();
    for (HeldLane& lane : lanes.ok() ? lanes.value() : std::vector<HeldLane>()) {
      status.lanes.push_back({.held = std::move(lane), .why = "", .remedy = ""});
    }
    if (!figures.ok()) status.why = figures.error().message();
    statuses.push_back(std::move(status));
  }
  return statuses;
}

Result<RelayStatus> OfflineStatus(const std::string& path, WallTime now) {
  Result<std::unique_ptr<LogView>> log = OpenLogView(path);
  if (!log.ok()) return std::move(log).error();
  RelayStatus status;
  status.version = RELAY_VERSION;
  status.now = now;
  status.log_path = path;
  status.backends = BackendStatuses(*log.value());
  return status;
}

}  // namespace relay
