#include "relay/service/listeners.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "relay/ingest/ingest_paths.h"
#include "relay/service/backend_transport.h"

namespace relay {
namespace {

AdmissionLimits AdmissionLimitsOf(const LimitsConfig& limits) {
  return {.connections = limits.connections,
          .connections_of_address = limits.connections_per_address,
          .in_flight = limits.in_flight};
}

HttpLimits HttpLimitsOf(const HttpListenerConfig& listener) {
  HttpLimits limits;
  limits.body = listener.max_body;
  limits.head = listener.head_time;
  limits.body_time = listener.body_time;
  limits.idle = listener.idle_time;
  limits.needs_no_body = &HasStatementsInTarget;
  return limits;
}

std::optional<TlsFiles> TlsFilesOf(const TlsConfig& tls) {
  if (tls.certificate.empty()) return std::nullopt;
  return TlsFiles{.certificate = tls.certificate, .key = tls.key, .client_ca = tls.client_ca};
}

template <typename ListenerConfig>
LineTarget TargetOf(const Config& config, const ListenerConfig& listener, ColumnsJudge& judge) {
  LineTarget target;
  target.params.database = listener.database;
  target.params.retention_policy = listener.retention_policy;
  target.params.precision = listener.precision;
  target.codec = config.log.codec;
  target.judge = &judge;
  target.router = std::make_shared<const Router>(config, listener.backends);
  return target;
}

// Returns whether a listener with settings `was` can continue with `now`, at the same address.
bool CanContinue(const HttpListenerConfig& was, const HttpListenerConfig& now) {
  return was.tls.certificate.empty() == now.tls.certificate.empty();
}
bool CanContinue(const TcpListenerConfig& was, const TcpListenerConfig& now) {
  return was.max_connections == now.max_connections && was.idle_timeout == now.idle_timeout &&
         was.max_line == now.max_line;
}
bool CanContinue(const UdpListenerConfig& was, const UdpListenerConfig& now) {
  return was.read_buffer == now.read_buffer;
}

}  // namespace

Status Listeners::Start(const Config& config) {
  admission_ = std::make_shared<Admission>(AdmissionLimitsOf(config.limits));
  waiter_->Start();
  const Problems problems = ReloadAll(config, std::chrono::milliseconds(0));
  if (problems.empty()) return Ok();
  return Error(ErrorCode::kUnavailable, problems.front());
}

Status Listeners::CheckFiles(const Config& config) {
  for (const HttpListenerConfig& listener : config.http) {
    if (auto users = Users::Load(listener.users); !users.ok()) return std::move(users).error();
  }
  return Ok();
}

std::vector<std::string> Listeners::Reload(const Config& config, std::chrono::milliseconds grace) {
  admission_->SetLimits(AdmissionLimitsOf(config.limits));
  return ReloadAll(config, grace);
}

Listeners::Problems Listeners::ReloadAll(const Config& config, std::chrono::milliseconds grace) {
  std::map<std::string, HttpTransportOptions> reached;
  for (const BackendConfig& backend : config.backends) {
    if (backend.can_be_queried()) reached[backend.name.text()] = QueryOptionsFor(backend);
  }
  queries_.Configure(std::move(reached), config.limits.queries);
  Reloading reloading{config, grace};
  ReloadKind(reloading, config.http, http_);
  ReloadKind(reloading, config.tcp, tcp_);
  ReloadKind(reloading, config.udp, udp_);
  return std::move(reloading.problems);
}

// Closes before it opens: a new listener may use the address of an old one.
template <typename Listener, typename ListenerConfig>
void Listeners::ReloadKind(Reloading& reloading, const std::vector<ListenerConfig>& wanted,
                           std::vector<Listener>& running) {
  const Config& config = reloading.config;
  const auto note = [&reloading](const ListenerConfig& listener, Status status) {
    if (status.ok()) return;
    reloading.problems.push_back(
        std::move(status).error().Within("listener " + ToString(listener.address)).message());
  };
  std::vector<Listener> continuing;
  std::vector<const ListenerConfig*> opening;
  for (const ListenerConfig& listener : wanted) {
    const auto found = std::find_if(running.begin(), running.end(), [&](const Listener& one) {
      return one.config.address == listener.address && CanContinue(one.config, listener);
    });
    if (found == running.end()) {
      opening.push_back(&listener);
      continue;
    }
    note(listener, Reconfigure(config, *found, listener));
    continuing.push_back(std::move(*found));
    running.erase(found);
  }
  for (Listener& listener : running) Close(std::move(listener), reloading.grace);
  running = std::move(continuing);
  for (const ListenerConfig* listener : opening) note(*listener, Open(config, *listener));
}

Result<WriteHandlerOptions> Listeners::HandlerOptions(const Config& config,
                                                      const HttpListenerConfig& listener) {
  Result<std::shared_ptr<const Users>> users = Users::Load(listener.users);
  if (!users.ok()) return std::move(users).error();
  auto router = std::make_shared<const Router>(config, listener.backends);
  std::shared_ptr<const ListenerQueries> queries;
  if (listener.routes_queries) {
    queries = std::make_shared<const ListenerQueries>(config, listener, router, queries_);
  }
  return WriteHandlerOptions{.path_prefix = listener.path_prefix,
                             .default_retention_policy = listener.default_retention_policy,
                             .max_body = listener.max_body,
                             .max_line = listener.max_line,
                             .codec = config.log.codec,
                             .judge = &judge_,
                             .router = std::move(router),
                             .users = std::move(users).value(),
                             .admission = admission_,
                             .waiter = waiter_,
                             .consistency_timeout = listener.consistency_timeout,
                             .honours_consistency = listener.honours_consistency,
                             .pass_credentials = listener.pass_credentials,
                             .ping_status = listener.ping_status,
                             .relay_id = relay_id_,
                             .log_statements = listener.log_statements,
                             .databases = &databases_,
                             .refuses_creation = listener.refuses_creation,
                             .queries = std::move(queries)};
}

Status Listeners::Open(const Config& config, const HttpListenerConfig& listener) {
  ASSIGN_OR_RETURN(WriteHandlerOptions options, HandlerOptions(config, listener));
  Http http{listener, nullptr, nullptr};
  http.handler = std::make_unique<WriteHandler>(std::move(options), log_, clock_, counters_);
  Result<std::unique_ptr<HttpServer>> server =
      HttpServer::Start({.host = listener.address.host,
                         .port = listener.address.port,
                         .threads = std::max(1U, std::thread::hardware_concurrency()),
                         .limits = HttpLimitsOf(listener),
                         .admission = admission_,
                         .tls = TlsFilesOf(listener.tls),
                         .headers = InfluxHeaders(),
                         .request_ids = true,
                         .inherited = inherited_.Find(listener.address)},
                        *http.handler, clock_);
  if (!server.ok()) return std::move(server).error();
  http.server = std::move(server).value();
  http_.push_back(std::move(http));
  return Ok();
}

Status Listeners::Open(const Config& config, const TcpListenerConfig& listener) {
  Result<std::unique_ptr<LineListener>> lines =
      StartTcpListener({.address = listener.address,
                        .connections_max = listener.max_connections,
                        .idle = listener.idle_timeout,
                        .batcher = {.line_max = listener.max_line}},
                       TargetOf(config, listener, judge_), {log_, clock_, counters_, &databases_});
  if (!lines.ok()) return std::move(lines).error();
  tcp_.push_back({listener, std::move(lines).value()});
  return Ok();
}

Status Listeners::Open(const Config& config, const UdpListenerConfig& listener) {
  Result<std::unique_ptr<LineListener>> lines = StartUdpListener(
      {.address = listener.address, .read_buffer = listener.read_buffer, .batcher = {}},
      TargetOf(config, listener, judge_), {log_, clock_, counters_, &databases_});
  if (!lines.ok()) return std::move(lines).error();
  udp_.push_back({listener, std::move(lines).value()});
  return Ok();
}

// An invalid certificate leaves the old one in use and does not stop the other changes.
Status Listeners::Reconfigure(const Config& config, Http& http,
                              const HttpListenerConfig& listener) {
  ASSIGN_OR_RETURN(WriteHandlerOptions options, HandlerOptions(config, listener));
  const std::optional<TlsFiles> tls = TlsFilesOf(listener.tls);
  Status certified = tls ? http.server->SetTls(*tls) : Ok();
  http.handler->Reconfigure(std::move(options));
  http.server->SetLimits(HttpLimitsOf(listener));
  http.config = listener;
  return certified;
}

Status Listeners::Reconfigure(const Config& config, Tcp& tcp,
                              const TcpListenerConfig& listener) const {
  tcp.lines->Retarget(TargetOf(config, listener, judge_));
  tcp.config = listener;
  return Ok();
}

Status Listeners::Reconfigure(const Config& config, Udp& udp,
                              const UdpListenerConfig& listener) const {
  udp.lines->Retarget(TargetOf(config, listener, judge_));
  udp.config = listener;
  return Ok();
}

void Listeners::Close(Http http, std::chrono::milliseconds grace) {
  http.server->Stop(grace);
  closed_http_.push_back(std::move(http));
}

void Listeners::Stop(std::chrono::milliseconds grace) {
  waiter_->Stop();  // Answers writes that wait for backends: the log has them.
  StopServers(grace);
  queries_.Stop();
}

// Stops all in parallel, so that they share the time.
void Listeners::StopServers(std::chrono::milliseconds grace) {
  std::vector<std::jthread> stopping;
  stopping.reserve(http_.size() + tcp_.size() + udp_.size());
  for (const Http& http : http_) {
    stopping.emplace_back([&http, grace] { http.server->Stop(grace); });
  }
  for (const Tcp& tcp : tcp_) stopping.emplace_back([&tcp, grace] { tcp.lines->Stop(grace); });
  for (const Udp& udp : udp_) stopping.emplace_back([&udp, grace] { udp.lines->Stop(grace); });
}

}  // namespace relay
