#include "relay/service/backends.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"
#include "relay/base/report_limiter.h"
#include "relay/service/backend_transport.h"
#include "replay/transport/create_database.h"
#include "wal/base/ascii.h"

namespace relay {
namespace {

bool IsHealthy(WorkerState state) {
  return state == WorkerState::kCaughtUp || state == WorkerState::kDelivering;
}

// Logs changes of a backend's health, not each retry.
class HealthReporter {
 public:
  using Stats = std::function<Result<QueueStats>(const BackendId&)>;

  HealthReporter(const BackendId& backend, Stats stats)
      : id_(backend), backend_(backend.text()), stats_(std::move(stats)) {}

  void operator()(const WorkerStatus& status) {
    ReportStuck(status);
    ReportStandby(status);
    if (status.state == WorkerState::kStandby) return;
    if (IsHealthy(status.state)) {
      if (!std::exchange(reported_, "").empty()) ReportRecovery();
      return;
    }
    if (reported_.empty()) {
      failing_since_ = SystemClock().Now();
      resolved_before_ = Figures().resolved;
    }
    std::string report = fmt::format("{}: {}", ToString(status.state), status.reason);
    if (report == reported_) return;
    reported_ = std::move(report);
    LogEvent(Level::kWarning, "backend failing",
             {{"backend", backend_},
              {"state", ToString(status.state)},
              {"reason", status.reason},
              {"last_answer", status.last_answer}});
  }

 private:
  struct Points {
    PointCount accepted = 0;
    PointCount resolved = 0;
  };

  Points Figures() const {
    const Result<QueueStats> stats = stats_(id_);
    if (!stats.ok()) return {};
    const PointCount accepted = stats.value().accepted.points;
    return {accepted, accepted - std::min(accepted, stats.value().owed.points)};
  }

  // Says how long it took, and how many points waited in the end.
  void ReportRecovery() const {
    const PointCount accepted = Figures().accepted;
    LogEvent(Level::kInfo, "backend recovered",
             {{"backend", backend_},
              {"after", ShownAge(SystemClock().Now() - failing_since_)},
              {"points", std::to_string(accepted - std::min(accepted, resolved_before_))}});
  }

  void ReportStuck(const WorkerStatus& status) {
    if (is_stuck_ == status.stuck.has_value()) return;
    is_stuck_ = status.stuck.has_value();
    if (!is_stuck_)
      return LogEvent(Level::kInfo, "backend no longer stuck", {{"backend", backend_}});
    LogEvent(Level::kError, "backend is stuck",
             {{"backend", backend_},
              {"reason", status.stuck->reason},
              {"last_answer", status.stuck->last_answer},
              {"remedy", status.stuck->remedy}});
  }

  // Another relay delivers: not this backend's trouble, and not this relay's.
  void ReportStandby(const WorkerStatus& status) {
    const bool stands_by = status.state == WorkerState::kStandby;
    if (stands_by == is_standby_) return;
    is_standby_ = stands_by;
    if (stands_by) {
      LogEvent(Level::kInfo, "standing by", {{"backend", backend_}, {"reason", status.reason}});
    } else {
      LogEvent(Level::kInfo, "this relay delivers now", {{"backend", backend_}});
    }
  }

  BackendId id_;
  std::string backend_;
  Stats stats_;
  std::string reported_;
  Clock::TimePoint failing_since_;  // This and the next belong to `reported_`.
  PointCount resolved_before_ = 0;
  bool is_stuck_ = false;
  bool is_standby_ = false;
};

// Reports records that were dropped for their age, at most once a minute.
class GapReporter {
 public:
  explicit GapReporter(std::string backend) : backend_(std::move(backend)) {}

  void operator()(const Gap& gap) {
    if (gap.reason != GapReason::kTooOld) return;
    const auto points = points_.Note(gap.points, SystemClock().Now());
    if (!points) return;
    LogEvent(Level::kWarning, "points dropped: older than max_age",
             {{"backend", backend_},
              {"points", std::to_string(*points)},
              {"accepted_until", ToRfc3339(gap.to)},
              {"remedy", "the gap ledger lists them: influxdb-relay gaps"}});
  }

 private:
  std::string backend_;
  ReportLimiter points_{std::chrono::minutes(1)};
};

// Empty: a name cannot be shown as it is.
std::string GiveUpCommand(const BackendId& backend, const Lane& lane) {
  const std::string names = lane.database + lane.retention_policy;
  if (Printable(names) != names) return "";
  std::string command = fmt::format("influxdb-relay dead give-up --backend {} --database {}",
                                    ShellWord(backend.text()), ShellWord(lane.database));
  if (!lane.retention_policy.empty()) {
    command += " --retention-policy " + ShellWord(lane.retention_policy);
  }
  return command;
}

// Reports lines that ended a backend.
void ReportEndingLines(const BackendId& backend, const EndingLines& lines) {
  LogEvent(Level::kError, "a line ended a backend: it is a dead letter and is not sent again",
           {{"backend", backend.text()},
            {"ended", lines.ended.text()},
            {"database", lines.database},
            {"points", std::to_string(lines.points)},
            {"line", lines.first},
            {"remedy", fmt::format("check the log of {}; the dead letters show the line: "
                                   "influxdb-relay dead list --backend {}",
                                   lines.ended.text(), backend.text())}});
}

}  // namespace

FleetMember MemberFor(const BackendConfig& backend, std::uint64_t jitter_seed,
                      const MemberDeps& deps) {
  Worker::Options options{.backend = backend.name};
  options.batch_points_max = backend.batch.max_points;
  options.batch_bytes_max = backend.batch.max_bytes;
  options.rate = {.points_per_second = backend.rate.points_per_second,
                  .bytes_per_second = backend.rate.bytes_per_second};
  options.timeout = backend.timeout;
  options.create_databases = backend.create_databases;
  if (backend.unknown_refusals_are_final) options.unknown_refusals = UnknownRefusals::kDead;
  options.passes_credentials = !backend.has_credentials();
  options.max_age = backend.max_age;
  options.renamed = [target = TargetOf(backend)](const WriteParams& params) {
    return NamesOn(target, params);
  };
  options.on_gap = GapReporter(backend.name.text());
  if (!backend.url.udp) {
    const Shown shown{.url = ToString(backend.url), .username = backend.username};
    options.ping_command = "curl -sS -i " + ShellWord(shown.url + "/ping");
    options.create_command = [target = TargetOf(backend), shown,
                              &policies = deps.policies](const WriteParams& params) {
      return CreateCommand(target, shown, NamesOn(target, params), policies.Configured(params));
    };
  }
  options.give_up_command = [name = backend.name](const Lane& lane) {
    return GiveUpCommand(name, lane);
  };
  if (const std::shared_ptr<MarkKeeper> keeper = deps.watermarks.KeeperOf(backend.name)) {
    options.on_delivered = [keeper](const Lane& lane, Sequence last) {
      keeper->Delivered(lane, last);
    };
    options.on_statement = [keeper](const std::string& database) { keeper->Changed(database); };
    options.on_rewound = [keeper](const Marks& marks) { keeper->Rewound(marks); };
  }
  options.jitter_seed = jitter_seed;
  options.on_change = HealthReporter(backend.name, deps.stats);
  options.on_ending_lines = [name = backend.name](const EndingLines& lines) {
    ReportEndingLines(name, lines);
  };
  options.on_request = [&histogram = deps.times.Of(backend.name)](std::chrono::nanoseconds time) {
    histogram.Record(time);
  };
  std::vector<std::unique_ptr<Transport>> transports;
  for (std::uint64_t i = 0; i < backend.concurrency; ++i) {
    transports.push_back(TransportFor(backend, {.id = deps.relay_id, .policies = &deps.policies}));
  }
  return {std::move(options), std::move(transports)};
}

std::vector<FleetMember> MembersFor(const Config& config, const MemberDeps& deps) {
  std::vector<FleetMember> members;
  members.reserve(config.backends.size());
  for (const BackendConfig& backend : config.backends) {
    members.push_back(MemberFor(backend, members.size() + 1, deps));
  }
  return members;
}

}  // namespace relay
