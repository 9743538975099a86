// The durations of a retention policy that a backend lacks and is to create: what the configuration
// says, else those of another InfluxDB 1.x among the backends that has the policy, else no expiry.
//
// THREADS. Any number at once. A look-up asks the other backends one after the other, each for two
// seconds at most.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/model/config.h"
#include "replay/transport/create_database.h"

namespace relay {

class RetentionPolicies {
 public:
  explicit RetentionPolicies(const Config& config) { Set(config); }

  // Replaces what is known by that of another configuration.
  void Set(const Config& config);

  // Returns the policy's form for `backend`, and logs where it comes from. Names in `params` are
  // the clients'.
  PolicyForm FormFor(const BackendId& backend, const WriteParams& params) const;

  // Returns what the configuration says; without expiry if it says nothing.
  PolicyForm Configured(const WriteParams& params) const;

 private:
  std::optional<PolicyForm> InConfig(const WriteParams& params) const;

  mutable std::mutex mutex_;
  std::vector<RetentionPolicyConfig> configured_;
  std::vector<BackendConfig> servers_;  // Those that can be asked.
};

// Parses the answer to SHOW RETENTION POLICIES. nullopt: it has no such policy, or is no such
// answer.
std::optional<PolicyForm> PolicyIn(const std::string& answer, const std::string& policy);

}  // namespace relay
