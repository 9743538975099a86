#include "relay/webhook/alerts.h"

#include <fmt/format.h>

#include <array>

#include "relay/base/human_format.h"

namespace relay {
namespace {

void Add(Alerts& alerts, Alert alert) {
  std::string key = alert.name + "/" + alert.backend;
  alerts.emplace(std::move(key), std::move(alert));
}

bool IsFailing(const BackendStatus& backend) {
  return !backend.takes_writes && !backend.figures.paused && backend.state != "not configured";
}

std::string Waiting(const BackendStatus& backend) {
  return fmt::format("{} points wait", UndeliveredPoints(backend));
}

void AddBackend(Alerts& alerts, const BackendStatus& backend, WallTime now) {
  const std::string& name = backend.name;
  if (IsFailing(backend)) {
    Add(alerts, {"backend_failing", name, true,
                 fmt::format("{} accepts no writes: {}; {}", name, OneLine(backend.why, 300),
                             Waiting(backend)),
                 backend.remedy});
  }
  if (backend.stuck) {
    Add(alerts, {"backend_stuck", name, false,
                 fmt::format("{} makes no progress: {}; {}", name, OneLine(backend.why, 300),
                             Waiting(backend)),
                 backend.remedy});
  }
  if (IsDiverged(backend)) {
    Add(alerts, {"backend_diverged", name, true,
                 fmt::format("{} lacks what it acknowledged: {}", name,
                             backend.watermarks->diverged->reason),
                 backend.watermarks->diverged->remedy});
  }
  if (backend.expiry && !backend.expiry->lanes.empty()) {
    Add(alerts, {"points_expire", name, false,
                 fmt::format("{}: {}", name, DescribeExpiry(*backend.expiry, now).front()),
                 ExpiryRemedy(*backend.expiry, name)});
  }
  if (backend.figures.dead_letters > 0) {
    Add(alerts,
        {"dead_letters", name, false,
         fmt::format("{} has dead letters: {} are stored", name, backend.figures.dead_letters),
         "influxdb-relay dead list --backend " + name});
  }
}

void AddLog(Alerts& alerts, const RelayStatus& status) {
  if (!status.checkpoint_failure.empty()) {
    Add(alerts, {"checkpoint_failing", "", false,
                 "the scheduled checkpoint failed: " + status.checkpoint_failure,
                 "see log.checkpoints in the configuration"});
  }
  if (!status.log_failure.empty()) {
    Add(alerts,
        {"log_failing", "", true, "writes are refused: " + status.log_failure, DiskRemedy(status)});
  }
  constexpr std::array kMarks = {80, 90, 95};
  constexpr int kCritical = 95;
  if (CapacityOf(status.disk) == 0_B) return;
  const double share = ShareUsed(status.disk, KeptByAll(status));
  for (const int mark : kMarks) {
    if (share * 100 < mark) continue;
    Add(alerts, {fmt::format("disk_{}", mark), "", mark >= kCritical,
                 fmt::format("the log is {} % full: {} of {}", mark, ShownBytes(status.disk.used),
                             ShownBytes(CapacityOf(status.disk))),
                 DiskRemedy(status)});
  }
}

}  // namespace

Alerts AlertsOf(const RelayStatus& status) {
  Alerts alerts;
  for (const BackendStatus& backend : status.backends) AddBackend(alerts, backend, status.now);
  AddLog(alerts, status);
  return alerts;
}

void AlertWatch::Update(const Alerts& alerts, const Moment& now) {
  for (auto& [key, known] : known_) {
    if (known.is_active == alerts.contains(key)) continue;
    known.is_active = !known.is_active;
    known.changed_at = now.steady;
    // One that was never told to be over goes on.
    if (known.is_active && !known.told_active) known.since = now.wall;
  }
  for (const auto& [key, alert] : alerts) {
    const auto [known, is_new] = known_.try_emplace(key);
    known->second.alert = alert;
    if (!is_new) continue;
    known->second.is_active = true;
    known->second.changed_at = now.steady;
    known->second.since = now.wall;
  }
}

std::vector<AlertEvent> AlertWatch::Note(const Alerts& alerts, const Pace& pace,
                                         const Moment& now) {
  Update(alerts, now);
  std::vector<AlertEvent> events;
  for (auto one = known_.begin(); one != known_.end();) {
    auto& [key, known] = *one;
    const bool has_rested = !known.told_at || now.steady - *known.told_at >= pace.min_interval;
    const bool has_lasted = now.steady - known.changed_at >= pace.after;
    if (known.is_active != known.told_active && has_rested && has_lasted) {
      events.push_back({key, known.alert, !known.is_active, known.since, now.wall, ""});
      known.told_active = known.is_active;
      known.told_at = now.steady;
    }
    const bool is_forgotten = !known.is_active && !known.told_active && has_rested;
    one = is_forgotten ? known_.erase(one) : std::next(one);
  }
  return events;
}

}  // namespace relay
