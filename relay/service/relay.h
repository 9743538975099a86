// The running relay: the log, delivery to every backend, the listeners for writes and
// the admin port, started in this order and stopped in the reverse order, so that each
// part outlives those that use it.
//
// THREADS. Start, Reload and Stop by one thread; NoteReloadFailure too.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "config/model/config.h"
#include "relay/admin/server.h"
#include "relay/base/counters.h"
#include "relay/http/socket_activation.h"
#include "relay/service/listeners.h"
#include "relay/service/retention_policies.h"
#include "relay/service/retention_thread.h"
#include "relay/status/latencies.h"
#include "relay/status/relay_status.h"
#include "replay/fleet.h"
#include "wal/base/clock.h"
#include "wal/log/durable_log.h"

namespace relay {

class Relay {
 public:
  explicit Relay(Config config) : config_(std::move(config)), log_path_(config_.log.path) {}
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() { Stop(); }

  // Returns once writes are accepted. After an error, only Stop may be called.
  Status Start();

  // Switches to another configuration without a stop: backends and listeners are added,
  // removed and changed, and their files read again. Records owed to a removed backend
  // stay in the log; it continues there if it comes back. Returns descriptions of what
  // stays unchanged: what requires a restart, and what failed. Error: nothing changed.
  Result<std::vector<std::string>> Reload(const Config& next);

  // Notes for the status why the last configuration is not in use; empty: it is.
  void NoteReloadFailure(std::string reason);

  // Stops accepting, answers requests in progress, stops delivery, then the log syncs the
  // cursors and closes. Takes at most 10 s, except that it waits for a hung disk.
  void Stop();

 private:
  Status OpenLog();
  Status StartAdmin();
  RelayStatus Snapshot();
  void PutChangedMembers(const Config& next);
  void RemoveMembers(const Config& next);

  std::mutex config_mutex_;  // Held to replace it, and to read it on a thread of the admin port.
  Config config_;            // The configuration in use.
  const std::string log_path_;
  mutable std::mutex reload_failure_mutex_;
  std::string reload_failure_;
  SystemClock clock_;
  Counters counters_;
  LogTimes log_times_;
  SendTimes send_times_;
  RetentionPolicies policies_{config_};
  InheritedSockets inherited_;
  std::unique_ptr<Listeners> listeners_;
  std::unique_ptr<DurableLog> log_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<RetentionThread> retention_;
  std::unique_ptr<AdminServer> admin_;
};

}  // namespace relay
