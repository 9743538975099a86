// Keeps the log within its limits, once a second, and logs when the log begins to
// fail, when it is nearly full, when it recovers, what damage it found, and (once a minute) that
// dead letters were removed.
//
// Sends WATCHDOG=1 to the service manager each second that retention makes progress, or
// that the log waits for a hung disk: a restart would not help, and would keep stored
// records from the backends.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "relay/base/report_limiter.h"
#include "relay/status/throughput.h"
#include "wal/base/clock.h"
#include "wal/log/durable_log.h"

namespace relay {

// THREADS. Has two of its own, from construction to destruction: one enforces retention
// and waits for the disk, the other reports. Log and clock outlive it.
class RetentionThread {
 public:
  // `log_path`: as it is shown.
  RetentionThread(DurableLog& log, std::string log_path, Clock& clock);

 private:
  void Enforce(const std::stop_token& stop);
  void Report(const std::stop_token& stop);
  Status LastOutcome() const;
  bool Alive();
  void ReportTrouble(const Status& status);
  void ReportAlarms();
  void ReportFill();
  void ReportRemovedLetters();

  DurableLog& log_;
  const std::string log_path_;
  Clock& clock_;
  mutable std::mutex mutex_;
  Status outcome_ = Ok();                // The last turn's outcome; guarded by mutex_.
  std::atomic<std::uint64_t> turns_{0};  // Turns of the retention thread.
  std::uint64_t turns_seen_ = 0;         // These three belong to the reporting thread.
  std::string trouble_;                  // Already reported, as the ones below; empty: none.
  std::set<std::string> alarmed_;
  std::optional<std::uint64_t> removed_seen_;  // Dead letters; nullopt: not looked at yet.
  FillAlarm fill_;
  ReportLimiter removed_{std::chrono::minutes(1)};
  std::jthread enforcer_;
  std::jthread reporter_;
};

}  // namespace relay
