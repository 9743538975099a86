// The admin port with everything behind it.
//
// THREADS. Start, Stop and destruction by one thread. Everything that the parts
// refer to outlives it; Stop before the log is destroyed.
#pragma once

#include <functional>
#include <memory>

#include "config/model/config.h"
#include "relay/admin/handler.h"
#include "relay/admin/operations.h"
#include "relay/admin/pause_ends.h"
#include "relay/base/counters.h"
#include "relay/history/recorder.h"
#include "relay/http/server.h"
#include "relay/status/audit_log.h"
#include "relay/status/sampler.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

class AdminServer {
 public:
  struct Parts {
    AdminConfig config;
    std::string log_path;
    Log& log;
    Audit& audit;
    Clock& clock;
    const Counters& counters;
    std::function<RelayStatus()> status;  // A snapshot, without the flow.
    std::function<bool(const BackendId&)> configured;
    ReplayJobs::TransportMaker replay_transport;
    ReplayJobs::Permission may_send;
    ReplayJobs::FillMaker fill;
    std::string checkpoint_dir;
    Checkpoints::Maker checkpoint;
    std::function<Status(bool only_tries)> found;  // See DurableLog::FoundOrder.
    // See AdminParts.
    std::function<Result<std::string>(const std::string& backend, bool only_tries)> acknowledge;
    std::function<ServiceFigures()> service;          // Without the checkpoint.
    std::function<bool(const BackendId&)> check_now;  // See AdminParts.
    HistoryStore& history;
  };

  explicit AdminServer(const Parts& parts);
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // kUnavailable: the address is in use or not local.
  Status Start();
  void Stop();

  // Ends the history, before the delivery stops; Start begins it.
  void StopRecording() { recorder_.Stop(); }

 private:
  Status EndPause(const std::string& backend);
  RelayStatus StatusWithFlow();

  const AdminConfig config_;
  Clock& clock_;
  const std::function<RelayStatus()> status_;
  Observer observer_;
  PauseEnds pause_ends_;
  Operators operators_;
  HistoryRecorder recorder_;
  const Checkpoints checkpoints_;
  ReplayJobs replays_;
  AdminHandler handler_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace relay
