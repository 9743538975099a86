#include "relay/admin/server.h"

#include <utility>

namespace relay {

AdminServer::AdminServer(const Parts& parts)
    : config_(parts.config),
      clock_(parts.clock),
      status_(parts.status),
      observer_(parts.log, parts.clock),
      pause_ends_(parts.log_path, parts.clock),
      operators_(parts.log, parts.audit, parts.clock, parts.configured, pause_ends_),
      recorder_(parts.history, parts.clock, [this] { return StatusWithFlow(); }),
      checkpoints_(parts.log_path, parts.checkpoint_dir, parts.checkpoint),
      replays_(parts.log_path, parts.clock,
               {.log = parts.log,
                .checkpoint = [this](const std::string& name) { return checkpoints_.Open(name); },
                .transport = parts.replay_transport,
                .may_send = parts.may_send,
                .fill = parts.fill}),
      handler_(config_, {.status = [this] { return StatusWithFlow(); },
                         .counters = parts.counters,
                         .log = parts.log,
                         .observer = observer_,
                         .operators = operators_,
                         .audit = parts.audit,
                         .replays = replays_,
                         .checkpoints = checkpoints_,
                         .clock = parts.clock,
                         .found = parts.found,
                         .acknowledge = parts.acknowledge,
                         .service = parts.service,
                         .log_path = parts.log_path,
                         .note = [this](HistoryEvent event) { recorder_.Note(std::move(event)); },
                         .present = [this] { return recorder_.Present(); },
                         .check_now = parts.check_now}) {
  checkpoints_.DeleteUnfinished();
}

Status AdminServer::Start() {
  // One thread may wait for the disk while the other answers a load balancer.
  constexpr unsigned kThreads = 2;
  HttpLimits limits;
  limits.needs_no_body = [](std::string_view) {
    return true;
  };  // `curl -XPOST .../pause` has no fields to give.
  recorder_.Start();
  Result<std::unique_ptr<HttpServer>> server = HttpServer::Start({.host = config_.address.host,
                                                                  .port = config_.address.port,
                                                                  .threads = kThreads,
                                                                  .limits = limits},
                                                                 handler_, clock_);
  if (!server.ok()) return std::move(server).error().Within("admin");
  server_ = std::move(server).value();
  pause_ends_.Start([this](const std::string& backend) { return EndPause(backend); });
  return Ok();
}

void AdminServer::Stop() {
  pause_ends_.Stop();
  StopRecording();
  if (server_) server_->Stop(std::chrono::milliseconds(0));
}

// A backend that was forgotten meanwhile has no pause to end.
Status AdminServer::EndPause(const std::string& backend) {
  const Result<std::string> done = operators_.Perform(
      {.verb = Verb::kResume, .backend = backend, .note = "the pause is over"}, {.who = "relay"});
  if (!done.ok() && done.error().code() != ErrorCode::kNotFound) return Error(done.error());
  return Ok();
}

RelayStatus AdminServer::StatusWithFlow() {
  RelayStatus status = status_();
  observer_.CorrectTimes(status);
  const std::map<std::string, Flow> flows = observer_.flow().Flows();
  for (BackendStatus& backend : status.backends) {
    const auto flow = flows.find(backend.name);
    if (flow != flows.end()) backend.flow = flow->second;
    const Operators::TakenLetters taken = operators_.TakenFrom(backend.name);
    backend.dead_letters_redriven = taken.redriven;
    backend.dead_letters_dropped = taken.dropped;
  }
  return status;
}

}  // namespace relay
