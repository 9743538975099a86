// Makes the transport for a backend's configuration.
#pragma once

#include <memory>

#include "config/model/config.h"
#include "replay/transport/target.h"
#include "replay/transport/transport.h"

namespace relay {

class RetentionPolicies;

Target TargetOf(const BackendConfig& backend);

// Makes a new one on each call: a worker may use several. `policies` gives the form of a retention
// policy that is created; nullptr: without expiry. REQUIRES: it outlives the transport.
std::unique_ptr<Transport> TransportFor(const BackendConfig& backend,
                                        const RetentionPolicies* policies = nullptr);

// Asks an InfluxDB 1.x for the retention policies of the database. Returns its answer, empty if
// there is none.
std::string ShowPolicies(const BackendConfig& backend, const WriteParams& params);

// Makes the transport of a manual replay: to the backend, or to `url`, which must be
// one of admin.replay_targets and gets no credentials.
// kNotFound: the backend is not configured. kInvalidInput: the URL is not allowed.
Result<std::unique_ptr<Transport>> ReplayTransportFor(const Config& config,
                                                      const BackendId& backend,
                                                      const std::string& url);

}  // namespace relay
