#include "relay/admin/server.h"

#include <utility>

namespace relay {

AdminServer::AdminServer(const Parts& parts)
    : config_(parts.config),
      clock_(parts.clock),
      status_(parts.status),
      observer_(parts.log, parts.clock),
      audit_(parts.log_path),
      operators_(parts.log, audit_, parts.clock, parts.configured),
      checkpoints_(parts.log_path, parts.checkpoint_dir, parts.checkpoint),
      replays_(parts.log_path, parts.clock,
               {.log = parts.log,
                .checkpoint = [this](const std::string& name) { return checkpoints_.Open(name); },
                .transport = parts.replay_transport}),
      handler_(config_, {.status = [this] { return StatusWithFlow(); },
                         .counters = parts.counters,
                         .log = parts.log,
                         .observer = observer_,
                         .operators = operators_,
                         .audit = audit_,
                         .replays = replays_,
                         .checkpoints = checkpoints_,
                         .clock = parts.clock}) {
  checkpoints_.DeleteUnfinished();
}

Status AdminServer::Start() {
  // One thread may wait for the disk while the other answers a load balancer.
  constexpr unsigned kThreads = 2;
  Result<std::unique_ptr<HttpServer>> server = HttpServer::Start(
      {.host = config_.address.host, .port = config_.address.port, .threads = kThreads}, handler_,
      clock_);
  if (!server.ok()) return std::move(server).error().Within("admin");
  server_ = std::move(server).value();
  return Ok();
}

void AdminServer::Stop() {
  if (server_) server_->Stop(std::chrono::milliseconds(0));
}

RelayStatus AdminServer::StatusWithFlow() const {
  RelayStatus status = status_();
  const std::map<std::string, Flow> flows = observer_.flow().Flows();
  for (BackendStatus& backend : status.backends) {
    const auto flow = flows.find(backend.name);
    if (flow != flows.end()) backend.flow = flow->second;
  }
  return status;
}

}  // namespace relay
