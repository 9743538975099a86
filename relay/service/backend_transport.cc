#include "relay/service/backend_transport.h"

#include <utility>

#include "relay/compare/scope.h"
#include "relay/service/retention_policies.h"
#include "replay/query/influx_source.h"
#include "replay/transport/udp_transport.h"

namespace relay {

namespace {

std::unique_ptr<Transport> Packets(const BackendConfig& backend) {
  return MakeUdpTransport({.host = backend.url.host,
                           .port = backend.url.port,
                           .mtu = backend.mtu,
                           .precision = backend.udp_precision,
                           .timeout = backend.timeout});
}

TlsOptions TlsFor(const BackendTls& tls) {
  return {.ca = tls.ca,
          .cert = tls.cert,
          .key = tls.key,
          .insecure_skip_verify = tls.insecure_skip_verify};
}

HttpTransportOptions OptionsFor(const BackendConfig& backend, bool pass_credentials) {
  HttpTransportOptions options;
  options.peer = {.host = backend.url.host, .port = backend.url.port};
  if (backend.url.tls) options.peer.tls = TlsFor(backend.tls);
  options.target = TargetOf(backend);
  options.credentials = {
      .username = backend.username, .password = backend.password, .token = backend.token};
  options.pass_credentials = pass_credentials && !backend.has_credentials();
  options.gzip = backend.gzip;
  options.follow_redirects = backend.follow_redirects;
  options.peer.connect_timeout = backend.connect_timeout;
  options.write_timeout = backend.write_timeout;
  options.timeout = backend.timeout;
  return options;
}

}  // namespace

Target TargetOf(const BackendConfig& backend) {
  return {.api = backend.api,
          .path_prefix = backend.url.path_prefix,
          .org = backend.org,
          .bucket = backend.bucket,
          .renames = backend.renames,
          .write_path = backend.write_path};
}

std::unique_ptr<Transport> TransportFor(const BackendConfig& backend, const Sender& sender) {
  if (backend.url.udp) return Packets(backend);
  HttpTransportOptions options = OptionsFor(backend, true);
  options.relay_id = sender.id;
  if (const RetentionPolicies* policies = sender.policies; policies != nullptr) {
    options.policy_of = [name = backend.name, policies](const WriteParams& params) {
      return policies->FormFor(name, params);
    };
  }
  return MakeHttpTransport(std::move(options));
}

HttpTransportOptions QueryOptionsFor(const BackendConfig& backend) {
  return OptionsFor(backend, false);
}

std::unique_ptr<Source> SideSourceFor(const BackendConfig& backend) {
  // For a backend that begins an answer and falls silent.
  constexpr std::chrono::seconds kSilenceMax{10};
  HttpTransportOptions options = QueryOptionsFor(backend);
  options.target.renames.clear();
  return MakeInfluxSource(backend.name.text(), std::move(options), kSilenceMax);
}

std::string ShowPolicies(const BackendConfig& backend, const WriteParams& params) {
  const Result<Reply> answer = AskForPolicies(OptionsFor(backend, false), params);
  return answer.ok() ? answer.value().body : "";
}

Result<BackendConfig> BackendNamed(const Config& config, const BackendId& name) {
  for (const BackendConfig& configured : config.backends) {
    if (configured.name == name) return configured;
  }
  return Error(ErrorCode::kNotFound, name.text() + " is not configured");
}

Status MaySend(const Config& config, const BackendId& from, const BackendId& to) {
  ASSIGN_OR_RETURN(const BackendConfig first, BackendNamed(config, from));
  ASSIGN_OR_RETURN(const BackendConfig second, BackendNamed(config, to));
  return CheckGetsAllOf(first, second);
}

Result<std::unique_ptr<Transport>> ReplayTransportFor(const Config& config,
                                                      const BackendId& backend,
                                                      const std::string& url,
                                                      const Sender& sender) {
  for (const BackendUrl& allowed : config.admin.replay_targets) {
    if (!url.empty() && ToString(allowed) == url) {
      const BackendConfig elsewhere{.name = backend, .url = allowed};
      if (allowed.udp) return Packets(elsewhere);
      HttpTransportOptions options = OptionsFor(elsewhere, false);
      options.relay_id = sender.id;
      return MakeHttpTransport(std::move(options));
    }
  }
  for (const BackendConfig& configured : config.backends) {
    if (ToString(configured.url) == url) return TransportFor(configured, {.id = sender.id});
  }
  if (!url.empty()) {
    return Error(ErrorCode::kInvalidInput,
                 url + " is neither the url of a backend nor one of admin.replay_targets");
  }
  ASSIGN_OR_RETURN(const BackendConfig configured, BackendNamed(config, backend));
  return TransportFor(configured, {.id = sender.id});
}

}  // namespace relay
