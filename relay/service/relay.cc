#include "relay/service/relay.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"
#include "relay/service/backend_transport.h"
#include "relay/service/backends.h"

namespace relay {
namespace {

// The clients' part of a clean stop, which takes at most 10 s.
constexpr std::chrono::milliseconds kGrace{5'000};

// Enough to open a log, to move its cursors and to delete what was delivered.
constexpr Bytes kReserve = 16_MiB;

LogLimits LimitsOf(const LogConfig& log) {
  return {.keep = {.time = log.keep_for, .size = log.keep_up_to},
          .size_max = log.max_size,
          .free_min = log.min_free,
          .dead = {.size = log.dead_up_to, .age = log.dead_for},
          .when_full = log.when_full};
}

// Compares everything except the selection of points, which concerns only routers.
bool IsSentToAlike(BackendConfig a, BackendConfig b) {
  for (BackendConfig* one : {&a, &b}) {
    one->only = {};
    one->except = {};
  }
  return a == b;
}

const BackendConfig* Find(const Config& config, const BackendId& name) {
  const auto found = std::find_if(config.backends.begin(), config.backends.end(),
                                  [&](const BackendConfig& one) { return one.name == name; });
  return found == config.backends.end() ? nullptr : &*found;
}

// A backend with only lanes on hold accepts everything else.
bool TakesWrites(const WorkerStatus& worker) {
  switch (worker.state) {
    case WorkerState::kCaughtUp:
    case WorkerState::kDelivering: return true;
    case WorkerState::kHeld: return worker.failures_in_a_row == 0;
    default: return false;
  }
}

// Adds the worker's reasons to lanes whose stats come from the log. The worker learns of an
// operator's change a moment after the log.
void AddReasons(const std::vector<LaneStatus>& known, std::vector<LaneReport>& lanes) {
  for (LaneReport& lane : lanes) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const LaneStatus& one) {
      return one.lane == lane.held.lane;
    });
    if (found == known.end()) continue;
    lane.why = found->reason;
    lane.remedy = found->remedy;
  }
}

}  // namespace

Status Relay::Start() {
  inherited_.TakeFromEnvironment();
  std::vector<ListenAddress> listened;
  for (const HttpListenerConfig& listener : config_.http) listened.push_back(listener.address);
  for (const std::string& address : inherited_.Unused(listened)) {
    LogEvent(Level::kWarning, "inherited socket not used",
             {{"address", address}, {"reason", "no listener of http has this address"}});
  }
  RETURN_IF_ERROR(OpenLog());
  retention_ = std::make_unique<RetentionThread>(*log_, clock_);
  fleet_ = std::make_unique<Fleet>(MembersFor(config_, {send_times_, policies_}), *log_, clock_);
  fleet_->Start();
  // The admin port starts last: /readyz must not report ready before writes are accepted.
  listeners_ = std::make_unique<Listeners>(*log_, clock_, counters_, inherited_);
  RETURN_IF_ERROR(listeners_->Start(config_));
  return StartAdmin();
}

void Relay::Stop() {
  if (listeners_) listeners_->Stop(kGrace);
  if (fleet_) fleet_->Stop();
  if (admin_) admin_->Stop();
  admin_.reset();
  retention_.reset();
  log_.reset();    // Its last batch still wakes the fleet,
  fleet_.reset();  // which is therefore destroyed after it.
}

Status Relay::OpenLog() {
  log_times_.now = [this] { return clock_.Now().time_since_epoch(); };
  const LogOptions options{.directory = config_.log.path,
                           .limits = LimitsOf(config_.log),
                           .reserve = kReserve,
                           .times = &log_times_};
  ASSIGN_OR_RETURN(std::unique_ptr<DurableLog> log,
                   DurableLog::Open(options, config_.BackendNames()));
  log_ = std::move(log);
  const DiskUse use = log_->disk_use();
  LogEvent(Level::kInfo, "log opened",
           {{"log", config_.log.path},
            {"max_size", ShownBytes(use.max)},
            {"min_free", ShownBytes(use.min_free)},
            {"free", ShownBytes(use.free)},
            {"dead_letters", ShownBytes(use.dead_max)}});
  return Ok();
}

// Does first what can fail, then what new writes need, then reroutes writes, and last
// removes what is no longer used.
Result<std::vector<std::string>> Relay::Reload(const Config& next) {
  RETURN_IF_ERROR(Listeners::CheckFiles(next));
  RETURN_IF_ERROR(log_->SetBackends(next.BackendNames()));
  log_->SetLimits(LimitsOf(next.log));
  policies_.Set(next);
  PutChangedMembers(next);
  std::vector<std::string> stays = listeners_->Reload(next, kGrace);
  RemoveMembers(next);
  if (next.log.path != config_.log.path) stays.push_back("log.path needs a restart");
  if (next.log.checkpoint_dir != config_.log.checkpoint_dir) {
    stays.push_back("log.checkpoint_dir needs a restart");
  }
  if (next.admin != config_.admin) stays.push_back("admin needs a restart");
  const std::lock_guard lock(config_mutex_);
  std::string path = std::move(config_.log.path);
  const AdminConfig admin = config_.admin;
  config_ = next;
  config_.log.path = std::move(path);
  config_.admin = admin;
  return stays;
}

void Relay::PutChangedMembers(const Config& next) {
  std::uint64_t seed = 0;
  for (const BackendConfig& backend : next.backends) {
    ++seed;
    const BackendConfig* was = Find(config_, backend.name);
    if (was != nullptr && IsSentToAlike(*was, backend)) continue;
    LogEvent(Level::kInfo, was != nullptr ? "backend changed" : "backend added",
             {{"backend", backend.name.text()}});
    fleet_->Put(MemberFor(backend, seed, {send_times_, policies_}));
  }
}

void Relay::RemoveMembers(const Config& next) {
  for (const BackendConfig& backend : config_.backends) {
    if (Find(next, backend.name) != nullptr) continue;
    fleet_->Remove(backend.name);
    LogEvent(Level::kWarning, "backend removed, keeping its owed records",
             {{"backend", backend.name.text()},
              {"records", std::to_string(log_->MarksOf(backend.name).lag())}});
  }
}

void Relay::NoteReloadFailure(std::string reason) {
  const std::lock_guard lock(reload_failure_mutex_);
  reload_failure_ = std::move(reason);
}

Status Relay::StartAdmin() {
  admin_ = std::make_unique<AdminServer>(AdminServer::Parts{
      .config = config_.admin,
      .log_path = log_path_,
      .log = *log_,
      .clock = clock_,
      .counters = counters_,
      .status = [this] { return Snapshot(); },
      .configured =
          [this](const BackendId& backend) { return fleet_->Snapshots().contains(backend); },
      .replay_transport =
          [this](const BackendId& backend, const std::string& url) {
            const std::lock_guard lock(config_mutex_);
            return ReplayTransportFor(config_, backend, url);
          },
      .checkpoint_dir = config_.log.checkpoint_dir,
      .checkpoint =
          [this](const CheckpointRequest& request) { return log_->Checkpoint(request); }});
  return admin_->Start();
}

RelayStatus Relay::Snapshot() {
  RelayStatus status;
  status.version = RELAY_VERSION;
  status.now = clock_.WallNow();
  status.running = true;
  status.log_path = log_path_;
  {
    const std::lock_guard lock(reload_failure_mutex_);
    status.configuration_failure = reload_failure_;
  }
  status.disk = log_->disk_use();
  if (Status health = log_->Health(); !health.ok()) status.log_failure = health.error().message();
  status.log_alarms = log_->Alarms();
  status.append_times = log_times_.appends.Read();
  status.sync_times = log_times_.syncs.Read();
  const std::map<BackendId, WorkerStatus> workers = fleet_->Snapshots();
  status.backends = BackendStatuses(*log_);
  for (BackendStatus& backend : status.backends) {
    const BackendId name = BackendId::Parse(backend.name).value();
    const auto worker = workers.find(name);
    if (worker == workers.end()) {
      backend.state = "not configured";
      continue;
    }
    backend.state = ToString(worker->second.state);
    backend.takes_writes = TakesWrites(worker->second);
    if (backend.why.empty()) backend.why = worker->second.reason;
    backend.last_answer = worker->second.last_answer;
    backend.since = worker->second.since;
    backend.remedy = worker->second.remedy;
    backend.stuck = worker->second.stuck.has_value();
    AddReasons(worker->second.lanes, backend.lanes);
    backend.send_times = send_times_.Of(name).Read();
  }
  return status;
}

}  // namespace relay
