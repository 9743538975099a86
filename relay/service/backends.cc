#include "relay/service/backends.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"
#include "relay/service/backend_transport.h"
#include "replay/transport/create_database.h"

namespace relay {
namespace {

bool IsHealthy(WorkerState state) {
  return state == WorkerState::kCaughtUp || state == WorkerState::kDelivering;
}

// Logs changes of a backend's health, not each retry.
class HealthReporter {
 public:
  explicit HealthReporter(std::string backend) : backend_(std::move(backend)) {}

  void operator()(const WorkerStatus& status) {
    ReportStuck(status);
    if (IsHealthy(status.state)) {
      if (!std::exchange(reported_, "").empty()) {
        LogEvent(Level::kInfo, "backend recovered", {{"backend", backend_}});
      }
      return;
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

  std::string backend_;
  std::string reported_;
  bool is_stuck_ = false;
};

// Reports records that were dropped for their age, at most once a minute.
class GapReporter {
 public:
  explicit GapReporter(std::string backend) : backend_(std::move(backend)) {}

  void operator()(const Gap& gap) {
    if (gap.reason != GapReason::kTooOld) return;
    points_ += gap.points;
    if (reported_at_ && gap.when - *reported_at_ < kEvery) return;
    reported_at_ = gap.when;
    LogEvent(Level::kWarning, "points dropped: older than max_age",
             {{"backend", backend_},
              {"points", std::to_string(points_)},
              {"accepted_until", ToRfc3339(gap.to)},
              {"remedy", "the gap ledger lists them: influxdb-relay gaps"}});
    points_ = 0;
  }

 private:
  static constexpr std::chrono::minutes kEvery{1};

  std::string backend_;
  PointCount points_ = 0;
  std::optional<WallTime> reported_at_;
};

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
  options.renamed = [renames = backend.renames](const WriteParams& params) {
    return Renamed(renames, params);
  };
  options.on_gap = GapReporter(backend.name.text());
  if (!backend.url.udp) {
    const Shown shown{.url = ToString(backend.url), .username = backend.username};
    options.ping_command = "curl -sS -i " + ShellWord(shown.url + "/ping");
    options.create_command = [target = TargetOf(backend), shown,
                              &policies = deps.policies](const WriteParams& params) {
      return CreateCommand(target, shown, Renamed(target.renames, params),
                           policies.Configured(params));
    };
  }
  options.jitter_seed = jitter_seed;
  options.on_change = HealthReporter(backend.name.text());
  options.on_request = [&histogram = deps.times.Of(backend.name)](std::chrono::nanoseconds time) {
    histogram.Record(time);
  };
  std::vector<std::unique_ptr<Transport>> transports;
  for (std::uint64_t i = 0; i < backend.concurrency; ++i) {
    transports.push_back(TransportFor(backend, &deps.policies));
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
