#include "relay/write_listeners.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

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
  return limits;
}

std::optional<TlsFiles> TlsFilesOf(const TlsConfig& tls) {
  if (tls.certificate.empty()) return std::nullopt;
  return TlsFiles{.certificate = tls.certificate, .key = tls.key, .client_ca = tls.client_ca};
}

template <typename ListenerConfig>
LineTarget TargetOf(const Config& config, const ListenerConfig& listener) {
  LineTarget target;
  target.params.database = listener.database;
  target.params.retention_policy = listener.retention_policy;
  target.params.precision = listener.precision;
  target.codec = config.log.codec;
  target.router = std::make_shared<const Router>(config, listener.backends);
  return target;
}

}  // namespace

Status WriteListeners::Start(const Config& config) {
  admission_ = std::make_shared<Admission>(AdmissionLimitsOf(config.limits));
  waiter_->Start();
  for (const HttpListenerConfig& listener : config.http) {
    if (Status started = StartHttp(config, listener); !started.ok()) return started;
  }
  return StartLines(config);
}

Status WriteListeners::StartLines(const Config& config) {
  const LineSurroundings around{log_, clock_, counters_};
  for (const TcpListenerConfig& tcp : config.tcp) {
    auto listener = StartTcpLines({.address = tcp.address,
                                   .connections_max = tcp.max_connections,
                                   .idle = tcp.idle_timeout,
                                   .batcher = {}},
                                  TargetOf(config, tcp), around);
    if (!listener.ok()) return std::move(listener).error();
    line_listeners_.push_back(std::move(listener).value());
  }
  for (const UdpListenerConfig& udp : config.udp) {
    auto listener =
        StartUdpLines({.address = udp.address, .read_buffer = udp.read_buffer, .batcher = {}},
                      TargetOf(config, udp), around);
    if (!listener.ok()) return std::move(listener).error();
    line_listeners_.push_back(std::move(listener).value());
  }
  return Ok();
}

Status WriteListeners::StartHttp(const Config& config, const HttpListenerConfig& listener) {
  Result<std::shared_ptr<const Users>> users = Users::Load(listener.users);
  if (!users.ok()) return std::move(users).error();
  http_handlers_.push_back(std::make_unique<WriteHandler>(
      WriteHandlerOptions{.default_retention_policy = listener.default_retention_policy,
                          .max_body = listener.max_body,
                          .codec = config.log.codec,
                          .router = std::make_shared<const Router>(config, listener.backends),
                          .users = std::move(users).value(),
                          .admission = admission_,
                          .waiter = waiter_,
                          .consistency_timeout = listener.consistency_timeout,
                          .log_statements = listener.log_statements},
      log_, clock_, counters_));
  HttpServerOptions options{.host = listener.address.host,
                            .port = listener.address.port,
                            .threads = std::max(1U, std::thread::hardware_concurrency()),
                            .limits = HttpLimitsOf(listener),
                            .admission = admission_,
                            .tls = TlsFilesOf(listener.tls),
                            .headers = InfluxHeaders(),
                            .request_ids = true};
  Result<std::unique_ptr<HttpServer>> server =
      HttpServer::Start(std::move(options), *http_handlers_.back(), clock_);
  if (!server.ok()) return std::move(server).error();
  http_servers_.push_back(std::move(server).value());
  return Ok();
}

void WriteListeners::Stop(std::chrono::milliseconds grace) {
  waiter_->Stop();  // Who waits for backends has waited long enough: the log has it.
  std::vector<std::jthread> stopping;  // All at once, so that they share the time.
  stopping.reserve(http_servers_.size() + line_listeners_.size());
  for (const auto& server : http_servers_) {
    stopping.emplace_back([&server, grace] { server->Stop(grace); });
  }
  for (const auto& listener : line_listeners_) {
    stopping.emplace_back([&listener, grace] { listener->Stop(grace); });
  }
}

}  // namespace relay
