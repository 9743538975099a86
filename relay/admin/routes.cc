#include <fmt/format.h>

#include "relay/admin/api.h"
#include "relay/admin/verbs.h"

namespace relay {
namespace {

constexpr RouteParameter kBy{"by", "string", "Name of the requester, for the audit trail."};
constexpr RouteParameter kDryRun{"dry_run", "boolean", "Only show what would be done."};
constexpr RouteParameter kDatabase{"database", "string", "A database or bucket."};
constexpr RouteParameter kOfBackend{"backend", "string", "The backend's name.", true};
constexpr RouteParameter kAfter{"after", "integer", "Only those with a higher number."};
constexpr RouteParameter kLimit{"limit", "integer", "Maximum number; default 100."};

constexpr std::string_view kBackend = "{backend}";
constexpr std::string_view kId = "{id}";

std::vector<AdminRoute> ProbesAndFigures() {
  return {
      {"GET", "/healthz", Role::kProbe, "200: the process is alive.", &AdminApi::ShowAlive},
      {"GET",
       "/readyz",
       Role::kProbe,
       "200: writes are accepted; 503: they are refused, with the reason.",
       &AdminApi::ShowReady,
       {},
       {503}},
      {"GET", "/metrics", Role::kRead, "Metrics for Prometheus.", &AdminApi::ShowMetrics},
      {"GET", "/api/v1/openapi.json", Role::kRead, "This document.", &AdminApi::ShowOpenApi},
      {"GET", "/api/v1/status", Role::kRead, "The whole status, as one snapshot.",
       &AdminApi::ShowStatus},
      {"GET", "/api/v1/history", Role::kRead,
       "Points owed and their age in the last hour, for plots.", &AdminApi::ShowHistory},
      {"GET",
       "/api/v1/audit",
       Role::kRead,
       "What operators changed, newest first.",
       &AdminApi::ListAudit,
       {kLimit},
       {400}},
  };
}

std::vector<AdminRoute> Reading() {
  return {
      {"GET", "/api/v1/backends", Role::kRead, "Names and states of the log's backends.",
       &AdminApi::ListBackends},
      {"GET",
       "/api/v1/backends/{backend}",
       Role::kRead,
       "The status of one backend.",
       &AdminApi::ShowBackend,
       {},
       {404}},
      {"GET",
       "/api/v1/backends/{backend}/ready",
       Role::kProbe,
       "For load balancers: 200 while the backend accepts writes and lags by at most max_lag, else "
       "503 with the reason.",
       &AdminApi::ShowBackendReady,
       {{"max_lag", "string", "Maximum age of the oldest point owed: 30s, 5m; default 30s."},
        {"database", "string", "Also count points on hold for this database."}},
       {400, 404, 503}},
      {"GET",
       "/api/v1/positions/{id}",
       Role::kRead,
       "Which backends have the write with this X-Relay-Position.",
       &AdminApi::ShowPosition,
       {},
       {400}},
      {"GET",
       "/api/v1/dead",
       Role::kRead,
       "Dead letters, oldest first.",
       &AdminApi::ListDead,
       {kOfBackend, kAfter, kLimit},
       {400, 404}},
      {"GET",
       "/api/v1/gaps",
       Role::kRead,
       "Gaps, oldest first.",
       &AdminApi::ListGaps,
       {kOfBackend, kAfter, kLimit},
       {400, 404}},
  };
}

AdminRoute RouteOf(const VerbSpec& verb) {
  AdminRoute route{"POST", verb.path, Role::kOperate, fmt::format("{}.", verb.description),
                   &AdminApi::Operate};
  route.parameters = verb.parameters;
  route.parameters.insert(route.parameters.end(), {kBy, kDryRun});
  route.refusals = {400, 404, 409, 503};
  route.verb = &verb;
  return route;
}

std::vector<AdminRoute> Operating() {
  std::vector<AdminRoute> routes;
  for (const VerbSpec& verb : Verbs()) routes.push_back(RouteOf(verb));
  return routes;
}

std::string_view TakeSegment(std::string_view& path) {
  const std::size_t end = path.find('/', 1);
  const std::string_view segment = path.substr(1, end == std::string_view::npos ? end : end - 1);
  path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  return segment;
}

// Backend names and numbers never contain percent escapes.
bool Matches(std::string_view pattern, std::string_view path, AdminCall& call) {
  while (pattern.starts_with('/') && path.starts_with('/')) {
    const std::string_view wanted = TakeSegment(pattern);
    const std::string_view given = TakeSegment(path);
    if (wanted == kBackend && !given.empty()) {
      call.backend = given;
    } else if (wanted == kId && !given.empty()) {
      call.id = given;
    } else if (wanted != given) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

std::vector<AdminRoute> Replaying() {
  return {
      {"GET", "/api/v1/replays", Role::kRead, "Manual replays, the newest first.",
       &AdminApi::ListReplays},
      {"POST",
       "/api/v1/replays",
       Role::kOperate,
       "Send a range of records again, beside the normal delivery.",
       &AdminApi::StartReplay,
       {kOfBackend,
        {"from", "position", "The first record; empty: the oldest kept"},
        {"to", "position",
         "The last record, or the time before which it was accepted; empty: the newest"},
        kDatabase,
        {"measurement", "string", "Empty: all."},
        {"to_url", "string", "One of admin.replay_targets; empty: the backend."},
        {"checkpoint", "string", "Read from this checkpoint; empty: from the log."},
        {"points_per_second", "integer", "Maximum rate; 0: no limit."},
        kBy,
        kDryRun},
       {400, 404, 409, 500, 503}},
      {"POST",
       "/api/v1/replays/{id}/cancel",
       Role::kOperate,
       "Cancel a replay; points already sent stay.",
       &AdminApi::CancelReplay,
       {kBy, kDryRun},
       {400, 404, 503}},
  };
}

std::vector<AdminRoute> Copying() {
  constexpr RouteParameter kName{"name", "string", "Its name, or its path in log.checkpoint_dir.",
                                 true};
  return {
      {"GET", "/api/v1/checkpoints", Role::kRead, "Checkpoints of the log, by name.",
       &AdminApi::ListCheckpoints},
      {"POST",
       "/api/v1/checkpoints",
       Role::kOperate,
       "Make a checkpoint: a copy of the log with its cursors, on which a relay can start.",
       &AdminApi::MakeCheckpoint,
       {kName, kBy, kDryRun},
       {400, 500, 503}},
      {"POST",
       "/api/v1/checkpoints/drop",
       Role::kOperate,
       "Delete a checkpoint.",
       &AdminApi::DropCheckpoint,
       {kName, kBy, kDryRun},
       {400, 404, 500}},
  };
}

}  // namespace

const std::vector<AdminRoute>& AdminRoutes() {
  static const std::vector<AdminRoute> routes = [] {
    std::vector<AdminRoute> all;
    for (auto* part : {&ProbesAndFigures, &Reading, &Operating, &Replaying, &Copying}) {
      for (AdminRoute& route : part()) all.push_back(std::move(route));
    }
    return all;
  }();
  return routes;
}

FoundRoute FindRoute(std::string_view method, std::string_view path) {
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  FoundRoute found;
  for (const AdminRoute& route : AdminRoutes()) {
    AdminCall call;
    if (!Matches(route.path, path, call)) continue;
    if (route.method == wanted) {
      found.route = &route;
      found.call = std::move(call);
      found.call.route = &route;
      return found;
    }
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  return found;
}

}  // namespace relay
