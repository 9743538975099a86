// A relay that runs: the log, delivery to every backend, the listeners for
// writes and the admin port, built in this order and taken down in the reverse
// one, so that each part outlives those that use it.
//
// THREADS. Start and Stop by one thread. The configuration outlives it.
#pragma once

#include <memory>

#include "config/config.h"
#include "relay/admin_station.h"
#include "relay/counters.h"
#include "relay/housekeeper.h"
#include "relay/send_times.h"
#include "relay/status.h"
#include "relay/write_listeners.h"
#include "replay/clock.h"
#include "replay/fleet.h"
#include "wal/durable_log.h"

namespace relay {

class RunningRelay {
 public:
  explicit RunningRelay(const Config& config) : config_(config) {}
  RunningRelay(const RunningRelay&) = delete;
  RunningRelay& operator=(const RunningRelay&) = delete;
  ~RunningRelay() { Stop(); }

  // Returns once writes are taken. After an error, only Stop.
  Status Start();

  // Nobody new is let in, what is under way is answered, then delivery stops,
  // then the log syncs the cursors and closes. Takes at most 10 s.
  void Stop();

 private:
  Status OpenLog();
  Status StartAdmin();
  RelayStatus Snapshot();

  const Config& config_;
  SystemClock clock_;
  Counters counters_;
  LogTimes log_times_;
  SendTimes send_times_;
  std::unique_ptr<WriteListeners> write_listeners_;
  std::unique_ptr<DurableLog> log_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<Housekeeper> housekeeper_;
  std::unique_ptr<AdminStation> admin_;
};

}  // namespace relay
