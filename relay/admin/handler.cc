#include "relay/admin/handler.h"

#include <utility>

#include "relay/admin/dashboard.h"
#include "relay/base/url_path.h"
#include "relay/http/query_parameters.h"

namespace relay {
namespace {

HttpResponse NotThere(const FoundRoute& found) {
  if (found.allow.empty()) {
    return AdminError(404, "no such path; /api/v1/openapi.json lists them");
  }
  HttpResponse refused = AdminError(405, "method not allowed");
  refused.headers.emplace_back("Allow", found.allow);
  return refused;
}

HttpResponse Refused(const relay::Refusal& refusal) {
  HttpResponse refused = AdminError(refusal.status, refusal.message);
  if (refusal.status == 401) refused.headers.emplace_back("WWW-Authenticate", "Bearer");
  return refused;
}

}  // namespace

AdminHandler::AdminHandler(const AdminConfig& config, AdminParts parts)
    : path_prefix_(config.path_prefix), access_(config), api_(std::move(parts)) {}

void AdminHandler::Handle(HttpRequest request, HttpReply reply) {
  HttpResponse response = Answer(request);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Cache-Control", "no-store");
  reply(std::move(response));
}

HttpResponse AdminHandler::Refusal(int status, std::string_view message) {
  return AdminError(status, message);
}

HttpResponse AdminHandler::Answer(HttpRequest& request) const {
  // The page's links are relative to the folder that it is in.
  if (!path_prefix_.empty() && request.path == path_prefix_) {
    return {.status = 308, .headers = {{"Location", path_prefix_ + "/"}}};
  }
  return AnswerPath(RoutePath(request.path, path_prefix_), request);
}

HttpResponse AdminHandler::AnswerPath(const std::string& path, HttpRequest& request) const {
  // The page itself holds no data: its requests are checked.
  if (const DashboardFile* file = FindDashboardFile(path)) {
    if (request.method == "GET" || request.method == "HEAD") return DashboardAnswer(*file);
  }
  FoundRoute found = FindRoute(request.method, path);
  if (found.route == nullptr) return NotThere(found);
  if (const auto refusal = access_.Check(request, found.route->role)) return Refused(*refusal);
  Result<QueryParameters> query = QueryParameters::Parse(request.query);
  if (!query.ok()) return AdminError(query.error());
  found.call.query = std::move(query).value();
  found.call.raw_query = request.query;
  found.call.body = std::move(request.body);
  found.call.who = access_.WhoIs(request);
  return (api_.*found.route->answer)(found.call);
}

}  // namespace relay
