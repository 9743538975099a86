#include "relay/status/health_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "relay/base/human_format.h"

namespace relay {
namespace {

constexpr std::size_t kFindingMax = 200;  // Characters of a reason.

class Findings {
 public:
  void Add(Health health, const std::string& text) {
    all_.emplace_back(health, OneLine(text, kFindingMax));
  }

  HealthReport Report(const std::string& when_ok) {
    std::stable_sort(all_.begin(), all_.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    HealthReport report{.health = all_.empty() ? Health::kOk : all_.front().first, .line = ""};
    for (const auto& [health, text] : all_) {
      report.line += report.line.empty() ? text : "; " + text;
    }
    report.line =
        fmt::format("{}: {}", ToString(report.health), all_.empty() ? when_ok : report.line);
    return report;
  }

 private:
  std::vector<std::pair<Health, std::string>> all_;
};

void CheckLog(const RelayStatus& status, Findings& findings) {
  constexpr double kNearlyFull = 0.95;
  constexpr double kFillingUp = 0.8;
  if (!status.log_failure.empty()) {
    findings.Add(Health::kCritical, "writes are refused: " + status.log_failure);
  }
  for (const std::string& alarm : status.log_alarms) {
    findings.Add(Health::kWarning, "log damaged: " + alarm);
  }
  const double share = ShareUsed(status.disk, KeptByAll(status));
  if (share >= kFillingUp) {
    findings.Add(share >= kNearlyFull ? Health::kCritical : Health::kWarning,
                 fmt::format("the log is {:.0f}% full ({})", share * 100,
                             ToString(BindingLimit(status.disk))));
  }
  const std::string degraded = WhyDegraded(status);
  if (!degraded.empty()) findings.Add(Health::kWarning, degraded);
  if (!status.configuration_failure.empty()) {
    findings.Add(Health::kWarning,
                 "the newest configuration is not in use: " + status.configuration_failure);
  }
}

void CheckBackend(const BackendStatus& backend, WallTime now, std::chrono::milliseconds max_lag,
                  Findings& findings) {
  const auto add = [&](Health health, const std::string& text) {
    findings.Add(health, fmt::format("{}: {}", backend.name, text));
  };
  const std::chrono::nanoseconds lag = OldestUndeliveredAge(backend, now);
  if (lag > max_lag) {
    add(Health::kCritical,
        fmt::format("{} behind, more than {}, {} points undelivered", ShownAge(lag),
                    ShownAge(max_lag), UndeliveredPoints(backend)));
  }
  if (backend.figures.unaccounted() != 0) {
    add(Health::kCritical,
        fmt::format("{} points are unaccounted for: this is a bug", backend.figures.unaccounted()));
  }
  if (IsDiverged(backend)) {
    add(Health::kCritical, "diverged: " + backend.watermarks->diverged->reason);
  }
  if (backend.expiry && !backend.expiry->lanes.empty()) {
    add(Health::kWarning, DescribeExpiry(*backend.expiry, now).front());
  }
  if (!backend.takes_writes) {
    add(Health::kWarning,
        fmt::format("{}{}{}", backend.state, backend.why.empty() ? "" : ": ", backend.why));
  }
  if (backend.figures.held.points > 0) {
    add(Health::kWarning, fmt::format("{} points on hold", backend.figures.held.points));
  }
  if (backend.figures.dead_letters > 0) {
    add(Health::kWarning, fmt::format("{} dead letters stored", backend.figures.dead_letters));
  }
}

}  // namespace

std::string_view ToString(Health health) {
  switch (health) {
    case Health::kOk: return "OK";
    case Health::kWarning: return "WARNING";
    case Health::kCritical: return "CRITICAL";
    case Health::kUnknown: return "UNKNOWN";
  }
  INVARIANT(false);
}

HealthReport CheckHealth(const RelayStatus& status, std::chrono::milliseconds max_lag) {
  Findings findings;
  CheckLog(status, findings);
  std::string figures;
  for (const BackendStatus& backend : status.backends) {
    CheckBackend(backend, status.now, max_lag, findings);
    figures +=
        fmt::format(" {0}_lag={1:.1f}s {0}_undelivered={2}", backend.name,
                    Seconds(OldestUndeliveredAge(backend, status.now)), UndeliveredPoints(backend));
  }
  HealthReport report = findings.Report(fmt::format("no backend of {} is more than {} behind",
                                                    status.backends.size(), ShownAge(max_lag)));
  if (!figures.empty()) report.line += " |" + figures;
  return report;
}

}  // namespace relay
