#include "relay/write_listeners.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace relay {

Status WriteListeners::Start(const Config& config) {
  for (const HttpListenerConfig& listener : config.http) {
    if (Status started = StartHttp(config, listener); !started.ok()) return started;
  }
  return Ok();
}

Status WriteListeners::StartHttp(const Config& config, const HttpListenerConfig& listener) {
  http_handlers_.push_back(std::make_unique<WriteHandler>(
      WriteHandlerOptions{.default_retention_policy = listener.default_retention_policy,
                          .max_body = listener.max_body,
                          .codec = config.log.codec,
                          .router = std::make_shared<const Router>(config, listener.backends)},
      log_, clock_, counters_));
  HttpServerOptions options{.host = listener.address.host,
                            .port = listener.address.port,
                            .threads = std::max(1U, std::thread::hardware_concurrency()),
                            .headers = InfluxHeaders(),
                            .request_ids = true};
  options.limits.body = listener.max_body;
  Result<std::unique_ptr<HttpServer>> server =
      HttpServer::Start(std::move(options), *http_handlers_.back(), clock_);
  if (!server.ok()) return std::move(server).error();
  http_servers_.push_back(std::move(server).value());
  return Ok();
}

void WriteListeners::Stop(std::chrono::milliseconds grace) {
  std::vector<std::jthread> stopping;  // All at once, so that they share the time.
  stopping.reserve(http_servers_.size());
  for (const auto& server : http_servers_) {
    stopping.emplace_back([&server, grace] { server->Stop(grace); });
  }
}

}  // namespace relay
