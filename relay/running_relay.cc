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
  fleet_ = std::make_unique<Fleet>(MembersFor(config_), *log_, clock_);
  fleet_->Start();
  // Whoever is told by /readyz that writes are taken must find it so.
  write_listeners_ = std::make_unique<WriteListeners>(*log_, clock_, counters_);
  if (Status writes = write_listeners_->Start(config_); !writes.ok()) return writes;
  return StartAdmin();
}

void RunningRelay::Stop() {
  if (write_listeners_) write_listeners_->Stop(kGrace);
  if (fleet_) fleet_->Stop();
  if (admin_server_) admin_server_->Stop(std::chrono::milliseconds(0));
  housekeeper_.reset();
  log_.reset();    // Its last group still wakes the fleet,
  fleet_.reset();  // which must therefore go after it.
}

Status RunningRelay::OpenLog() {
  LogOptions options{.directory = config_.log.path};
  options.keep = {.time = config_.log.keep_for, .size = config_.log.keep_up_to};
  options.size_max = config_.log.max_size;
  options.free_min = config_.log.min_free;
  Result<std::unique_ptr<DurableLog>> log = DurableLog::Open(options, config_.BackendNames());
  if (!log.ok()) return std::move(log).error();
  log_ = std::move(log).value();
  return Ok();
}

Status RunningRelay::StartAdmin() {
  admin_handler_ = std::make_unique<AdminHandler>([this] { return Snapshot(); }, counters_);
  Result<std::unique_ptr<HttpServer>> server =
      HttpServer::Start({.host = config_.admin.address.host, .port = config_.admin.address.port},
                        *admin_handler_, clock_);
  if (!server.ok()) return std::move(server).error().Within("admin");
  admin_server_ = std::move(server).value();
  return Ok();
}

RelayStatus RunningRelay::Snapshot() const {
  RelayStatus status;
  status.version = RELAY_VERSION;
  status.now = clock_.WallNow();
  status.running = true;
  status.log_path = config_.log.path;
  status.disk = log_->disk_use();
  if (Status health = log_->Health(); !health.ok()) status.log_failure = health.error().message();
  status.log_alarms = log_->Alarms();
  const std::map<BackendId, WorkerStatus> workers = fleet_->Snapshots();
  status.backends = BackendStatuses(*log_);
  for (BackendStatus& backend : status.backends) {
    const auto worker = workers.find(BackendId::Parse(backend.name).value());
    if (worker == workers.end()) {
      backend.state = "not configured";
      continue;
    }
    backend.state = ToString(worker->second.state);
    if (backend.why.empty()) backend.why = worker->second.why;
    backend.last_answer = worker->second.last_answer;
    backend.since = worker->second.since;
  }
  return status;
}

}  // namespace relay
