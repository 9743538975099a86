// Watches which points will be too old for their backends' retention policies (replay/expiry): a
// thread for each backend that can be asked, and for each that cannot, why.
//
// The policies are kept in the log's directory, so that they are known after a start while the
// backend is away.
//
// THREADS. Put, Remove and Stop by one thread; the rest from any. Log and clock outlive it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "config/model/config.h"
#include "relay/status/expiry.h"
#include "replay/expiry/expiry_watch.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

class Expiries {
 public:
  struct Parts {
    const Log& log;
    Clock& clock;
    std::string log_path;
  };

  explicit Expiries(Parts parts);
  ~Expiries();
  Expiries(const Expiries&) = delete;
  Expiries& operator=(const Expiries&) = delete;

  // Watches a backend, or notes why it cannot; one of the same name is removed first. The log has
  // the backend.
  void Put(const BackendConfig& backend);
  void Remove(const BackendId& backend);
  void Stop();

  // nullopt: the backend is not configured.
  std::optional<ExpiryReport> ReportOf(const BackendId& backend) const;

 private:
  struct Watch;

  const Parts parts_;
  mutable std::mutex mutex_;  // Guards the maps.
  std::map<BackendId, std::unique_ptr<Watch>> watches_;
  std::map<BackendId, std::string> unwatched_;  // Why.
};

// Returns why a backend's policies cannot be known, as it is configured; empty: they can.
std::string WhyPoliciesUnknown(const BackendConfig& backend);

// The file of a backend's policies.
std::string ToText(const KnownPolicies& known);
// nullopt: the text is not such a file, or is damaged.
std::optional<KnownPolicies> PoliciesFromText(const std::string& text);

}  // namespace relay
