#include "relay/service/relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "relay/base/event_log.h"
#include "relay/base/host_name.h"
#include "relay/base/human_format.h"
#include "relay/service/backend_transport.h"
#include "relay/service/backends.h"
#include "relay/service/shared_order.h"
#include "relay/status/audit_log.h"
#include "replay/net/tls.h"
#include "wal/record/identity.h"
#include "wal/record/rows.h"

namespace relay {
namespace {

// The clients' part of a clean stop, which takes at most 10 s.
constexpr std::chrono::milliseconds kGrace{5'000};

// The state of a backend that only the log knows.
constexpr const char* kNotConfigured = "not configured";

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
    case WorkerState::kDelivering:
    case WorkerState::kStandby: return true;
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
    lane.last_answer = found->last_answer;
  }
}

// Returns the log's id; empty: it cannot be read.
std::string IdIn(const std::string& log_path) {
  const Result<FoundIdentity> found = ReadIdentity(log_path, kFormatVersion);
  return found.ok() ? found.value().identity.id : "";
}

std::string MissingFrom(const StartedCopy& copy) {
  return fmt::format("points that the original of this log accepted from {} to {} may be missing",
                     copy.newest_write, copy.first_start);
}

std::string AlarmOf(const StartedCopy& copy) {
  return fmt::format(
      "started on a checkpoint of the log {}: {}; once you have seen to it: "
      "influxdb-relay acknowledge",
      copy.origin, MissingFrom(copy));
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
  retention_ = std::make_unique<RetentionThread>(*log_, log_path_, clock_);
  RETURN_IF_ERROR(StartWatches());
  fleet_ = std::make_unique<Fleet>(MembersFor(config_, DepsOfMembers()), *log_, clock_,
                                   config_.limits.read_ahead);
  fleet_->Start();
  for (const BackendConfig& backend : config_.backends) ReportHistory(config_, backend);
  // The admin port starts last: /readyz must not report ready before writes are accepted.
  listeners_ =
      std::make_unique<Listeners>(Listeners::Parts{.log = *log_,
                                                   .clock = clock_,
                                                   .counters = counters_,
                                                   .judge = judge_,
                                                   .databases = *databases_,
                                                   .inherited = inherited_,
                                                   .relay_id = relay_id_,
                                                   .statuses = [this] { return BackendsNow(); }});
  counters_.databases().Limit(config_.limits.metric_databases);
  schedule_ = std::make_unique<CheckpointSchedule>(
      CheckpointSchedule::Parts{
          .log_path = log_path_,
          .checkpoint_dir = config_.log.checkpoint_dir,
          .maker = [this](const CheckpointRequest& request) { return log_->Checkpoint(request); },
          .clock = clock_},
      config_.log.checkpoints);
  RETURN_IF_ERROR(listeners_->Start(config_));
  NoteReloadFailure("");
  webhook_ = std::make_unique<Webhook>(
      config_.webhook, [this] { return Snapshot(); }, counters_, clock_);
  RETURN_IF_ERROR(StartAdmin());
  schedule_->Start();
  return Ok();
}

void Relay::Stop() {
  webhook_.reset();  // A relay that stops is no news.
  if (admin_) admin_->StopRecording();
  if (listeners_) listeners_->Stop(kGrace);
  if (fleet_) fleet_->Stop();
  if (admin_) admin_->Stop();
  admin_.reset();
  schedule_.reset();
  watermarks_.reset();
  expiries_.reset();
  retention_.reset();
  log_.reset();    // Its last batch still wakes the fleet,
  fleet_.reset();  // which is therefore destroyed after it.
  order_.reset();
  if (databases_) databases_->Stop();
}

Status Relay::OpenLog() {
  log_times_.now = [this] { return clock_.Now().time_since_epoch(); };
  LogOptions options{.directory = config_.log.path,
                     .limits = LimitsOf(config_.log),
                     .reserve = kReserve,
                     .times = &log_times_};
  ASSIGN_OR_RETURN(order_, OrderFor(config_.log, clock_));
  if (order_ != nullptr) options.shared = SharingFor(config_, *order_, clock_);
  ASSIGN_OR_RETURN(std::unique_ptr<DurableLog> log,
                   DurableLog::Open(options, config_.BackendNames()));
  log_ = std::move(log);
  relay_id_ = IdIn(config_.log.path);
  audit_ = std::make_unique<Audit>(log_path_);
  history_ = std::make_unique<HistoryStore>(log_path_);
  databases_ = std::make_unique<DatabaseNames>(log_path_ + "/databases", clock_);
  databases_->Start(clock_);
  const DiskUse use = log_->disk_use();
  LogEvent(Level::kInfo, "log opened",
           {{"log", config_.log.path},
            {"max_size", ShownBytes(use.max)},
            {"min_free", ShownBytes(use.min_free)},
            {"free", ShownBytes(use.free)},
            {"dead_letters", ShownBytes(use.dead_max)}});
  if (const auto copy = log_->UnacknowledgedCopy()) ReportCopy(*copy);
  return Ok();
}

// Until an operator has taken note, at every start; in the audit trail at the first.
void Relay::ReportCopy(const StartedCopy& copy) const {
  LogEvent(Level::kWarning, "log started on a checkpoint",
           {{"of", copy.origin},
            {"missing_from", copy.newest_write},
            {"missing_to", copy.first_start},
            {"remedy", "influxdb-relay acknowledge"}});
  if (!copy.is_new) return;
  const Status noted = audit_->Note(
      {clock_.WallNow(), "relay", "started on a checkpoint: " + MissingFrom(copy), "done"});
  if (noted.ok()) return;
  LogEvent(Level::kError, "cannot write the audit trail", {{"reason", noted.error().message()}});
}

Result<std::string> Relay::AcknowledgeCopy(bool only_tries) {
  const std::optional<StartedCopy> copy = log_->UnacknowledgedCopy();
  if (!copy) {
    return Error(ErrorCode::kConflict,
                 "there is nothing to acknowledge: the log was not started on a checkpoint, or "
                 "that was acknowledged before");
  }
  if (!only_tries) RETURN_IF_ERROR(log_->AcknowledgeCopy(clock_.WallNow()));
  return "acknowledge that " + MissingFrom(*copy);
}

Result<std::string> Relay::Acknowledge(const std::string& backend, bool only_tries) {
  if (backend.empty()) return AcknowledgeCopy(only_tries);
  ASSIGN_OR_RETURN(const BackendId name, BackendId::Parse(backend));
  return watermarks_->Acknowledge(name, only_tries);
}

// A copied log has the same identity, a checkpoint another. Relays that share a log have one for
// all of them.
Status Relay::StartWatches() {
  ASSIGN_OR_RETURN(const FoundIdentity found, ReadIdentity(log_path_, kFormatVersion));
  const bool is_shared = config_.log.engine != LogEngine::kLocal;
  const std::string id = is_shared ? "shared-" + config_.log.jetstream.log : found.identity.id;
  watermarks_ = std::make_unique<Watermarks>(Watermarks::Parts{
      .log = *log_, .audit = *audit_, .clock = clock_, .log_path = log_path_, .log_id = id});
  expiries_ = std::make_unique<Expiries>(Expiries::Parts{*log_, clock_, log_path_});
  for (const BackendConfig& backend : config_.backends) {
    watermarks_->Put(backend);
    expiries_->Put(backend);
  }
  return Ok();
}

// Does first what can fail, then what new writes need, then reroutes writes, and last
// removes what is no longer used.
Result<std::vector<std::string>> Relay::Reload(const Config& next) {
  RETURN_IF_ERROR(Listeners::CheckFiles(next));
  RETURN_IF_ERROR(log_->SetBackends(next.BackendNames()));
  log_->SetLimits(LimitsOf(next.log));
  policies_.Set(next);
  fleet_->LimitReadAhead(next.limits.read_ahead);
  webhook_->Set(next.webhook);
  schedule_->Set(next.log.checkpoints);
  counters_.databases().Limit(next.limits.metric_databases);
  PutChangedMembers(next);
  std::vector<std::string> stays = listeners_->Reload(next, kGrace);
  RemoveMembers(next);
  if (next.log.path != config_.log.path) stays.push_back("log.path needs a restart");
  if (next.log.checkpoint_dir != config_.log.checkpoint_dir) {
    stays.push_back("log.checkpoint_dir needs a restart");
  }
  AdminConfig admin = config_.admin;
  admin.replay_targets = next.admin.replay_targets;
  if (next.admin != admin) stays.push_back("admin needs a restart, but for replay_targets");
  const bool is_shared_alike =
      next.log.engine == config_.log.engine && next.log.jetstream == config_.log.jetstream;
  if (!is_shared_alike) stays.push_back("log.engine and log.jetstream need a restart");
  const std::lock_guard lock(config_mutex_);
  std::string path = std::move(config_.log.path);
  config_ = next;
  config_.log.path = std::move(path);
  config_.admin = std::move(admin);
  return stays;
}

MemberDeps Relay::DepsOfMembers() {
  return {send_times_, policies_, *watermarks_, relay_id_,
          [this](const BackendId& backend) { return log_->StatsOf(backend); }};
}

void Relay::PutChangedMembers(const Config& next) {
  std::uint64_t seed = 0;
  for (const BackendConfig& backend : next.backends) {
    ++seed;
    const BackendConfig* was = Find(config_, backend.name);
    if (was != nullptr && IsSentToAlike(*was, backend)) continue;
    LogEvent(Level::kInfo, was != nullptr ? "backend changed" : "backend added",
             {{"backend", backend.name.text()}});
    watermarks_->Put(backend);
    expiries_->Put(backend);
    if (was == nullptr) ReportHistory(next, backend);
    fleet_->Put(MemberFor(backend, seed, DepsOfMembers()));
  }
}

// Says of a backend that has nothing yet that it does not get what was accepted before, and how it
// could.
void Relay::ReportHistory(const Config& config, const BackendConfig& backend) const {
  const Result<QueueStats> own = log_->StatsOf(backend.name);
  if (!own.ok() || own.value().marks.head > Sequence::BeforeFirst()) return;
  const BackendConfig* source = nullptr;
  PointCount most = 0;
  for (const BackendConfig& other : config.backends) {
    const Result<QueueStats> stats = log_->StatsOf(other.name);
    if (!stats.ok()) continue;
    const PointCount there = stats.value().kept.points + stats.value().owed.points;
    if (there > most) source = &other;
    most = std::max(most, there);
  }
  if (source == nullptr) return;
  LogEvent(Level::kWarning, "a new backend gets what is accepted from now on",
           {{"backend", backend.name.text()},
            {"kept_points", std::to_string(most)},
            {"remedy", fmt::format("to send it what the log keeps of {0}: influxdb-relay replay "
                                   "--backend {0} --to-backend {1}",
                                   source->name.text(), backend.name.text())}});
}

void Relay::RemoveMembers(const Config& next) {
  for (const BackendConfig& backend : config_.backends) {
    if (Find(next, backend.name) != nullptr) continue;
    fleet_->Remove(backend.name);
    watermarks_->Remove(backend.name);
    expiries_->Remove(backend.name);
    LogEvent(Level::kWarning, "backend removed, keeping its owed records",
             {{"backend", backend.name.text()},
              {"records", std::to_string(log_->MarksOf(backend.name).lag())}});
  }
}

// Certificates are read when they are asked for: they are replaced without a word.
ServiceFigures Relay::Figures() {
  ServiceFigures figures;
  std::vector<HttpListenerConfig> listeners;
  {
    const std::lock_guard lock(config_mutex_);
    listeners = config_.http;
  }
  for (const HttpListenerConfig& listener : listeners) {
    if (listener.tls.certificate.empty()) continue;
    const Result<WallTime> expires = CertificateExpiry(listener.tls.certificate);
    if (!expires.ok()) continue;
    figures.certificates.push_back({ToString(listener.address), expires.value()});
  }
  figures.checkpoint = schedule_->last();
  figures.has_checkpoint_plan = schedule_->is_planned();
  const std::lock_guard lock(reload_failure_mutex_);
  figures.reload_failed = !reload_failure_.empty();
  figures.reloaded = reloaded_;
  return figures;
}

void Relay::NoteReloadFailure(std::string reason) {
  const std::lock_guard lock(reload_failure_mutex_);
  if (reason.empty()) reloaded_ = clock_.WallNow();
  reload_failure_ = std::move(reason);
}

Status Relay::StartAdmin() {
  admin_ = std::make_unique<AdminServer>(AdminServer::Parts{
      .config = config_.admin,
      .log_path = log_path_,
      .log = *log_,
      .audit = *audit_,
      .clock = clock_,
      .counters = counters_,
      .status = [this] { return Snapshot(); },
      .configured =
          [this](const BackendId& backend) { return fleet_->Snapshots().contains(backend); },
      .replay_transport =
          [this](const BackendId& backend, const std::string& url) {
            const std::lock_guard lock(config_mutex_);
            return ReplayTransportFor(config_, backend, url, {.id = relay_id_});
          },
      .may_send =
          [this](const BackendId& from, const BackendId& to) {
            const std::lock_guard lock(config_mutex_);
            return MaySend(config_, from, to);
          },
      .fill =
          [this](const ReplayReport& report) {
            const std::lock_guard lock(config_mutex_);
            return MakeFill(config_, report, FillDepsOf());
          },
      .checkpoint_dir = config_.log.checkpoint_dir,
      .checkpoint = [this](const CheckpointRequest& request) { return log_->Checkpoint(request); },
      .found = [this](bool only_tries) { return log_->FoundOrder(only_tries); },
      .acknowledge = [this](const std::string& backend,
                            bool only_tries) { return Acknowledge(backend, only_tries); },
      .service = [this] { return Figures(); },
      .check_now = [this](const BackendId& backend) { return fleet_->TryNow(backend); },
      .history = *history_});
  return admin_->Start();
}

FillDeps Relay::FillDepsOf() {
  const auto acknowledge = [this](const std::string& backend) {
    static_cast<void>(Acknowledge(backend, false));
  };
  return {.log = *log_,
          .clock = clock_,
          .relay_id = relay_id_,
          .status = [this] { return Snapshot(); },
          .acknowledge = acknowledge};
}

RelayStatus Relay::Snapshot() {
  RelayStatus status;
  status.version = RELAY_VERSION;
  status.host = HostName();
  status.now = clock_.WallNow();
  status.running = true;
  status.log_path = log_path_;
  {
    const std::lock_guard lock(reload_failure_mutex_);
    status.configuration_failure = reload_failure_;
  }
  status.disk = log_->disk_use();
  if (Status health = log_->Health(); !health.ok()) status.log_failure = health.error().message();
  status.checkpoint_failure = schedule_->failure();
  status.log_alarms = log_->Alarms();
  if (const auto copy = log_->UnacknowledgedCopy()) status.log_alarms.push_back(AlarmOf(*copy));
  status.shared = log_->ReadSharedStatus();
  status.append_times = log_times_.appends.Read();
  status.sync_times = log_times_.syncs.Read();
  status.backends = BackendsNow();
  for (BackendStatus& backend : status.backends) {
    const BackendId name = BackendId::Parse(backend.name).value();
    if (status.shared) backend.delivered_by = status.shared->deliverers[name].relay;
    if (backend.state == kNotConfigured) continue;
    backend.send_times = send_times_.Of(name).Read();
  }
  return status;
}

// Returns what the log and the workers know of each backend.
std::vector<BackendStatus> Relay::BackendsNow() const {
  const std::map<BackendId, WorkerStatus> workers = fleet_->Snapshots();
  std::vector<BackendStatus> backends = BackendStatuses(*log_);
  for (BackendStatus& backend : backends) {
    const auto worker = workers.find(BackendId::Parse(backend.name).value());
    if (worker == workers.end()) {
      backend.state = kNotConfigured;
      continue;
    }
    backend.watermarks = watermarks_->ReportOf(worker->first);
    backend.expiry = expiries_->ReportOf(worker->first);
    backend.state =
        ShownState(ToString(worker->second.state), backend.figures, IsDiverged(backend));
    backend.takes_writes = TakesWrites(worker->second);
    if (backend.why.empty()) backend.why = worker->second.reason;
    backend.last_answer = worker->second.last_answer;
    backend.since = worker->second.since;
    backend.retries_in = worker->second.retries_in;
    backend.remedy = worker->second.remedy;
    backend.stuck = worker->second.stuck.has_value();
    AddReasons(worker->second.lanes, backend.lanes);
  }
  return backends;
}

}  // namespace relay
