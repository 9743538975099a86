#include "relay/admin_handler.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "relay/metrics.h"

namespace relay {
namespace {

HttpResponse JsonAnswer(int status, std::string body) {
  return {.status = status, .content_type = "application/json", .body = std::move(body) + "\n"};
}

HttpResponse ErrorAnswer(int status, std::string_view message) {
  return JsonAnswer(status, nlohmann::json{{"error", message}}.dump());
}

}  // namespace

AdminHandler::AdminHandler(std::function<RelayStatus()> status, const Counters& counters)
    : status_(std::move(status)), counters_(counters) {}

void AdminHandler::Handle(HttpRequest request, HttpReply reply) {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse refused = ErrorAnswer(405, "only GET and HEAD");
    refused.headers.emplace_back("Allow", "GET, HEAD");
    return reply(std::move(refused));
  }
  reply(Answer(request.path));
}

HttpResponse AdminHandler::Refusal(int status, std::string_view message) {
  return ErrorAnswer(status, message);
}

HttpResponse AdminHandler::Answer(std::string_view path) const {
  if (path == "/api/v1/status") return JsonAnswer(200, ToJson(status_()));
  if (path == "/metrics") {
    return {.status = 200,
            .content_type = "text/plain; version=0.0.4; charset=utf-8",
            .body = ToMetrics(status_(), counters_)};
  }
  // Alive is whoever answers; ready is who takes writes.
  if (path == "/healthz") return JsonAnswer(200, R"({"status":"alive"})");
  if (path == "/readyz") return Ready();
  return ErrorAnswer(404, "no such path; there are /api/v1/status, /metrics, /healthz, /readyz");
}

HttpResponse AdminHandler::Ready() const {
  const RelayStatus status = status_();
  if (status.log_failure.empty() && status.log_alarms.empty()) {
    return JsonAnswer(200, R"({"status":"ready"})");
  }
  // Writes are taken, but an operator should look.
  if (status.log_failure.empty()) {
    return JsonAnswer(
        200, nlohmann::json{{"status", "degraded"}, {"why", status.log_alarms.front()}}.dump());
  }
  return JsonAnswer(503,
                    nlohmann::json{{"status", "not ready"}, {"why", status.log_failure}}.dump());
}

}  // namespace relay
