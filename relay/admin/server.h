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
#include "relay/base/counters.h"
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
    Clock& clock;
    const Counters& counters;
    std::function<RelayStatus()> status;  // A snapshot, without the flow.
    std::function<bool(const BackendId&)> configured;
    ReplayJobs::TransportMaker replay_transport;
    std::string checkpoint_dir;
    Checkpoints::Maker checkpoint;
  };

  explicit AdminServer(const Parts& parts);
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // kUnavailable: the address is in use or not local.
  Status Start();
  void Stop();

 private:
  RelayStatus StatusWithFlow() const;

  const AdminConfig config_;
  Clock& clock_;
  const std::function<RelayStatus()> status_;
  Observer observer_;
  Audit audit_;
  Operators operators_;
  const Checkpoints checkpoints_;
  ReplayJobs replays_;
  AdminHandler handler_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace relay
