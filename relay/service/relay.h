// The running relay: the log, delivery to every backend, the listeners for writes and
// the admin port, started in this order and stopped in the reverse order, so that each
// part outlives those that use it.
//
// THREADS. Start, Reload and Stop by one thread; NoteReloadFailure too.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/model/config.h"
#include "relay/admin/server.h"
#include "relay/base/counters.h"
#include "relay/history/store.h"
#include "relay/http/socket_activation.h"
#include "relay/routing/database_names.h"
#include "relay/service/backends.h"
#include "relay/service/codec_mismatches.h"
#include "relay/service/expiries.h"
#include "relay/service/fills.h"
#include "relay/service/listeners.h"
#include "relay/service/retention_policies.h"
#include "relay/service/retention_thread.h"
#include "relay/service/watermarks.h"
#include "relay/shipping/checkpoint_schedule.h"
#include "relay/status/audit_log.h"
#include "relay/status/latencies.h"
#include "relay/status/relay_status.h"
#include "relay/webhook/webhook.h"
#include "replay/fleet.h"
#include "wal/base/clock.h"
#include "wal/log/durable_log.h"
#include "wal/order/order.h"
#include "wal/record/columns_judge.h"

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
  Status StartWatches();
  void ReportCopy(const StartedCopy& copy) const;
  Result<std::string> AcknowledgeCopy(bool only_tries);
  Result<std::string> Acknowledge(const std::string& backend, bool only_tries);
  Status StartAdmin();
  FillDeps FillDepsOf();
  RelayStatus Snapshot();
  std::vector<BackendStatus> BackendsNow() const;
  ServiceFigures Figures();
  MemberDeps DepsOfMembers();
  void PutChangedMembers(const Config& next);
  void RemoveMembers(const Config& next);
  void ReportHistory(const Config& config, const BackendConfig& backend) const;

  std::mutex config_mutex_;  // Held to replace it, and to read it on a thread of the admin port.
  Config config_;            // The configuration in use.
  const std::string log_path_;
  mutable std::mutex reload_failure_mutex_;
  std::string reload_failure_;
  std::optional<WallTime> reloaded_;  // Under the same mutex.
  SystemClock clock_;
  Counters counters_;
  LogTimes log_times_;
  SendTimes send_times_;
  RetentionPolicies policies_{config_};
  InheritedSockets inherited_;
  CodecMismatches codec_mismatches_{log_path_, clock_, counters_};
  ColumnsJudge judge_{[this](const Record& record) { codec_mismatches_.Note(record); }};
  std::unique_ptr<DatabaseNames> databases_;  // Outlives the log, which answers until it ends.
  std::unique_ptr<Listeners> listeners_;
  std::unique_ptr<Order> order_;  // nullptr: the log is this relay's alone.
  std::unique_ptr<DurableLog> log_;
  std::unique_ptr<Audit> audit_;
  std::unique_ptr<HistoryStore> history_;
  std::unique_ptr<Watermarks> watermarks_;
  std::unique_ptr<Expiries> expiries_;
  std::string relay_id_;  // Names this relay to others.
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<RetentionThread> retention_;
  std::unique_ptr<Webhook> webhook_;
  std::unique_ptr<CheckpointSchedule> schedule_;
  std::unique_ptr<AdminServer> admin_;
};

}  // namespace relay
