// Makes the transport for a backend's configuration.
#pragma once

#include <memory>
#include <string>

#include "config/model/config.h"
#include "replay/compare/source.h"
#include "replay/transport/http_transport.h"
#include "replay/transport/target.h"
#include "replay/transport/transport.h"

namespace relay {

class RetentionPolicies;

// kNotFound: it is not configured.
Result<BackendConfig> BackendNamed(const Config& config, const BackendId& name);

Target TargetOf(const BackendConfig& backend);

// Describes the relay to its backends.
struct Sender {
  std::string id = {};  // See HttpTransportOptions::relay_id.
  // Gives the form of a retention policy that is created; nullptr: without expiry. It outlives the
  // transport.
  const RetentionPolicies* policies = nullptr;
};

// Makes a new one on each call: a worker may use several.
std::unique_ptr<Transport> TransportFor(const BackendConfig& backend, const Sender& sender = {});

// Returns how the backend is asked questions, with its own credentials.
HttpTransportOptions QueryOptionsFor(const BackendConfig& backend);

// Returns a source that asks a backend beside its delivery, by the backend's own names, and does
// not wait long.
std::unique_ptr<Source> SideSourceFor(const BackendConfig& backend);

// Asks an InfluxDB 1.x for the retention policies of the database. Returns its answer, empty if
// there is none.
std::string ShowPolicies(const BackendConfig& backend, const WriteParams& params);

// kNotFound: one is not configured. kInvalidInput: the second is not meant to have everything that
// the first gets.
Status MaySend(const Config& config, const BackendId& from, const BackendId& to);

// Makes the transport of a manual replay by the relay `sender`: to the backend, or to `url`: that
// of another backend, or one of admin.replay_targets, which gets no credentials. kNotFound: the
// backend is not configured. kInvalidInput: the URL is not allowed.
Result<std::unique_ptr<Transport>> ReplayTransportFor(const Config& config,
                                                      const BackendId& backend,
                                                      const std::string& url, const Sender& sender);

}  // namespace relay
