#include "relay/running_relay.h"

#include <chrono>
#include <map>
#include <utility>

#include "relay/fleet_members.h"

namespace relay {
namespace {

// A clean stop takes at most 10 s: this for the clients, little for the rest.
constexpr std::chrono::milliseconds kGrace{5'000};

}  // namespace

Status RunningRelay::Start() {
  if (Status opened = OpenLog(); !opened.ok()) return opened;
  housekeeper_ = std::make_unique<Housekeeper>(*log_, clock_);
  fleet_ = std::make_unique<Fleet>(MembersFor(config_, send_times_, clock_), *log_, clock_);
  fleet_->Start();
  // Whoever is told by /readyz that writes are taken must find it so.
  write_listeners_ = std::make_unique<WriteListeners>(*log_, clock_, counters_);
  if (Status writes = write_listeners_->Start(config_); !writes.ok()) return writes;
  return StartAdmin();
}

void RunningRelay::Stop() {
  if (write_listeners_) write_listeners_->Stop(kGrace);
  if (fleet_) fleet_->Stop();
  if (admin_) admin_->Stop();
  admin_.reset();
  housekeeper_.reset();
  log_.reset();    // Its last group still wakes the fleet,
  fleet_.reset();  // which must therefore go after it.
}

Status RunningRelay::OpenLog() {
  LogOptions options{.directory = config_.log.path};
  options.keep = {.time = config_.log.keep_for, .size = config_.log.keep_up_to};
  options.size_max = config_.log.max_size;
  options.free_min = config_.log.min_free;
  options.when_full = config_.log.when_full;
  log_times_.now = [this] { return clock_.Now().time_since_epoch(); };
  options.times = &log_times_;
  Result<std::unique_ptr<DurableLog>> log = DurableLog::Open(options, config_.BackendNames());
  if (!log.ok()) return std::move(log).error();
  log_ = std::move(log).value();
  return Ok();
}

Status RunningRelay::StartAdmin() {
  admin_ = std::make_unique<AdminStation>(AdminStation::Parts{
      .config = config_.admin,
      .log_path = config_.log.path,
      .log = *log_,
      .clock = clock_,
      .counters = counters_,
      .status = [this] { return Snapshot(); },
      .configured =
          [this](const BackendId& backend) { return fleet_->Snapshots().contains(backend); }});
  return admin_->Start();
}

RelayStatus RunningRelay::Snapshot() {
  RelayStatus status;
  status.version = RELAY_VERSION;
  status.now = clock_.WallNow();
  status.running = true;
  status.log_path = config_.log.path;
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
    if (backend.why.empty()) backend.why = worker->second.why;
    backend.last_answer = worker->second.last_answer;
    backend.since = worker->second.since;
    backend.send_times = send_times_.Of(name).Read();
  }
  return status;
}

}  // namespace relay
