// A relay that runs: the log, delivery to every backend, the listeners for
// writes and the admin port, built in this order and taken down in the reverse
// one, so that each part outlives those that use it.
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

  // Returns once writes are taken. After an error, only Stop.
  Status Start();

  // Goes over to another configuration without a stop: backends come, go and
  // change, listeners too, and everything that they read is read anew. One that
  // goes with records owed keeps them in the log, and goes on if it comes back.
  // Returns, in words, what stays as it was: what needs a restart, and what
  // could not be done. Error: nothing has changed.
  Result<std::vector<std::string>> Reload(const Config& next);

  // For the status: why the configuration that was given last is not the one
  // that runs; empty: it is.
  void NoteReloadFailure(std::string why);

  // Nobody new is let in, what is under way is answered, then delivery stops,
  // then the log syncs the cursors and closes. Takes at most 10 s,
  // but for a disk that hangs, which it waits for.
  void Stop();

 private:
  Status OpenLog();
  Status StartAdmin();
  RelayStatus Snapshot();
  void PutChangedMembers(const Config& next);
  void RemoveMembers(const Config& next);

  std::mutex config_mutex_;  // Held to replace it, and to read it on a thread of the admin port.
  Config config_;            // That runs.
  const std::string log_path_;
  mutable std::mutex reload_failure_mutex_;
  std::string reload_failure_;
  SystemClock clock_;
  Counters counters_;
  LogTimes log_times_;
  SendTimes send_times_;
  InheritedSockets inherited_;
  std::unique_ptr<Listeners> write_listeners_;
  std::unique_ptr<DurableLog> log_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<RetentionThread> housekeeper_;
  std::unique_ptr<AdminServer> admin_;
};

}  // namespace relay
