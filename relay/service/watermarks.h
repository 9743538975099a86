// Watches the configured backends by their watermarks (replay/marks): a thread for each that can
// be asked, and for each that cannot, why.
//
// A divergence is logged and noted in the audit trail when it is noticed and when it is over; so is
// a rewind that `on_divergence: rewind` asks for.
//
// THREADS. Put, Remove and Stop by one thread; the rest from any. Log, audit and clock outlive it;
// a keeper may be used until it is destroyed, even when its backend is no longer watched.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "config/model/config.h"
#include "relay/status/audit_log.h"
#include "relay/status/relay_status.h"
#include "replay/marks/mark_keeper.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

class Watermarks {
 public:
  struct Parts {
    Log& log;
    Audit& audit;
    Clock& clock;
    std::string log_path;
    std::string log_id;  // Identifies the log in the marks.
  };

  explicit Watermarks(Parts parts);
  ~Watermarks();
  Watermarks(const Watermarks&) = delete;
  Watermarks& operator=(const Watermarks&) = delete;

  // Watches a backend, or notes why it cannot; one of the same name is removed first. The log has
  // the backend.
  void Put(const BackendConfig& backend);
  void Remove(const BackendId& backend);
  void Stop();

  // nullptr: the backend is not watched.
  std::shared_ptr<MarkKeeper> KeeperOf(const BackendId& backend) const;

  // nullopt: the backend is not configured.
  std::optional<WatermarkReport> ReportOf(const BackendId& backend) const;

  // An operator takes note of what a backend lacks; returns a description of that. kConflict: it
  // is not diverged. kNotFound: it is not configured, or not watched.
  Result<std::string> Acknowledge(const BackendId& backend, bool only_tries);

 private:
  struct Watch;

  Status Rewind(const BackendId& backend, Sequence to);
  void Announce(const BackendId& backend, const MarkStatus& status);

  const Parts parts_;
  mutable std::mutex mutex_;  // Guards the maps.
  std::map<BackendId, std::unique_ptr<Watch>> watches_;
  std::map<BackendId, std::string> unwatched_;  // Why.
};

// Returns why a backend cannot be watched, as it is configured; empty: it can.
std::string WhyNotWatched(const BackendConfig& backend);

// Describes what a backend's marks say, with the command that mends it.
WatermarkReport ReportOf(const BackendId& backend, const MarkStatus& status, const Marks& marks);

}  // namespace relay
