#include <fmt/format.h>

#include "relay/admin/api.h"
#include "relay/admin/verbs.h"

namespace relay {
namespace {

constexpr RouteParameter kBy{"by", "string", "Who asks, for the audit trail."};
constexpr RouteParameter kDryRun{"dry_run", "boolean", "Only show what would be done."};
constexpr RouteParameter kDatabase{"database", "string", "A database or bucket."};
constexpr RouteParameter kOfBackend{"backend", "string", "The backend's name.", true};
constexpr RouteParameter kAfter{"after", "integer", "Only those with a higher number."};
constexpr RouteParameter kLimit{"limit", "integer", "At most so many; 100 unless given."};

constexpr std::string_view kBackend = "{backend}";
constexpr std::string_view kId = "{id}";

std::vector<AdminRoute> ProbesAndFigures() {
  return {
      {"GET", "/healthz", Role::kProbe, "200: the process is alive.", &AdminApi::ShowAlive},
      {"GET",
       "/readyz",
       Role::kProbe,
       "200: writes are taken; 503: they are refused, and why.",
       &AdminApi::ShowReady,
       {},
       {503}},
      {"GET", "/metrics", Role::kRead, "The figures for Prometheus.", &AdminApi::ShowMetrics},
      {"GET", "/api/v1/openapi.json", Role::kRead, "This document.", &AdminApi::ShowOpenApi},
      {"GET", "/api/v1/status", Role::kRead, "Every figure of one moment.", &AdminApi::ShowStatus},
      {"GET", "/api/v1/history", Role::kRead, "What was owed in the last hour, for plots.",
       &AdminApi::ShowHistory},
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
      {"GET", "/api/v1/backends", Role::kRead, "The names of the backends that the log knows.",
       &AdminApi::ListBackends},
      {"GET",
       "/api/v1/backends/{backend}",
       Role::kRead,
       "The figures of one backend.",
       &AdminApi::ShowBackend,
       {},
       {404}},
      {"GET",
       "/api/v1/backends/{backend}/ready",
       Role::kProbe,
       "For load balancers: 200 while the backend takes writes and is not further behind than "
       "max_lag, else 503, and why.",
       &AdminApi::ShowBackendReady,
       {{"max_lag", "string", "The age of the oldest point owed: 30s, 5m; 30s unless given."},
        {"database", "string", "Points on hold for this database count, too."}},
       {400, 404, 503}},
      {"GET",
       "/api/v1/positions/{id}",
       Role::kRead,
       "Which backends have the write whose answer named this position.",
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
       "The gap ledger, oldest first.",
       &AdminApi::ListGaps,
       {kOfBackend, kAfter, kLimit},
       {400, 404}},
  };
}

AdminRoute RouteOf(const VerbSpec& verb) {
  AdminRoute route{"POST", verb.path, Role::kOperate, fmt::format("{}.", verb.sentence),
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

// Backend names and numbers need no decoding: what does is none.
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
       "Send what was accepted in a range once more, beside the normal delivery.",
       &AdminApi::StartReplay,
       {kOfBackend,
        {"from", "position", "The first record; empty: the oldest that is kept"},
        {"to", "position",
         "The last record, or the time before which it was accepted; empty: the newest"},
        kDatabase,
        {"measurement", "string", "Empty: all."},
        {"to_url", "string", "Elsewhere: one of admin.replay_targets."},
        {"checkpoint", "string", "Read from this checkpoint; empty: from the log."},
        {"points_per_second", "integer", "At most; 0: no limit."},
        kBy,
        kDryRun},
       {400, 404, 409, 500, 503}},
      {"POST",
       "/api/v1/replays/{id}/cancel",
       Role::kOperate,
       "End a replay; what was sent stays.",
       &AdminApi::CancelReplay,
       {kBy, kDryRun},
       {400, 404, 503}},
  };
}

std::vector<AdminRoute> Copying() {
  constexpr RouteParameter kName{"name", "string", "Its name, or its path in log.checkpoint_dir.",
                                 true};
  return {
      {"GET", "/api/v1/checkpoints", Role::kRead, "Copies of the log that were made, by name.",
       &AdminApi::ListCheckpoints},
      {"POST",
       "/api/v1/checkpoints",
       Role::kOperate,
       "Make a copy of the log, with its cursors, on which a relay can be started.",
       &AdminApi::MakeCheckpoint,
       {kName, kBy, kDryRun},
       {400, 500, 503}},
      {"POST",
       "/api/v1/checkpoints/drop",
       Role::kOperate,
       "Delete a copy.",
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
