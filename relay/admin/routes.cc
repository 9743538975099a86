#include <fmt/format.h>

#include "relay/admin/api.h"

namespace relay {
namespace {

constexpr RouteParameter kBy{"by", "string", "Who asks, for the audit trail."};
constexpr RouteParameter kDryRun{"dry_run", "boolean", "Only say what would be done."};
constexpr RouteParameter kNote{"note", "string", "Why; kept in the gap ledger."};
constexpr RouteParameter kDatabase{"database", "string", "A database or bucket."};
constexpr RouteParameter kPolicy{"retention_policy", "string", "Empty: the default one."};
constexpr RouteParameter kOfBackend{"backend", "string", "The backend's name.", true};
constexpr RouteParameter kAfter{"after", "integer", "Only those with a higher number."};
constexpr RouteParameter kLimit{"limit", "integer", "At most so many; 100 unless given."};
constexpr RouteParameter kNumbers{"numbers", "integers", "The letters' numbers."};
constexpr RouteParameter kAll{"all", "boolean", "All that there are now."};

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

const std::vector<int>& Refusals() {
  static const std::vector<int> refusals = {400, 404, 409, 503};
  return refusals;
}

std::vector<AdminRoute> Delivering() {
  return {
      {"POST",
       "/api/v1/backends/{backend}/pause",
       Role::kOperate,
       "Deliver nothing until it is resumed.",
       &AdminApi::OperateAs<Verb::kPause>,
       {kBy, kDryRun},
       Refusals()},
      {"POST",
       "/api/v1/backends/{backend}/resume",
       Role::kOperate,
       "Deliver again.",
       &AdminApi::OperateAs<Verb::kResume>,
       {kBy, kDryRun},
       Refusals()},
      {"POST",
       "/api/v1/backends/{backend}/hold",
       Role::kOperate,
       "Keep what comes in for a database aside until it is released.",
       &AdminApi::OperateAs<Verb::kHold>,
       {kDatabase, kPolicy, kBy, kDryRun},
       Refusals()},
      {"POST",
       "/api/v1/backends/{backend}/release",
       Role::kOperate,
       "Deliver what a hold kept aside.",
       &AdminApi::OperateAs<Verb::kRelease>,
       {kDatabase, kPolicy, kBy, kDryRun},
       Refusals()},
  };
}

std::vector<AdminRoute> Changing() {
  return {
      {"POST",
       "/api/v1/backends/{backend}/rewind",
       Role::kOperate,
       "What was accepted after a record, or at a time or later, is owed again.",
       &AdminApi::OperateAs<Verb::kRewind>,
       {{"to", "string", "A sequence or an RFC 3339 time.", true}, kNote, kBy, kDryRun},
       Refusals()},
      {"POST",
       "/api/v1/backends/{backend}/skip",
       Role::kOperate,
       "What is owed up to a place, or all that a lane holds, will never be delivered.",
       &AdminApi::OperateAs<Verb::kSkip>,
       {{"to", "string", "A sequence, an RFC 3339 time or head; empty with a database."},
        kDatabase,
        kPolicy,
        kNote,
        kBy,
        kDryRun},
       Refusals()},
      {"POST",
       "/api/v1/backends/{backend}/forget",
       Role::kOperate,
       "Delete all that is kept for a backend that is no longer configured.",
       &AdminApi::OperateAs<Verb::kForget>,
       {kBy, kDryRun},
       Refusals()},
      {"POST",
       "/api/v1/dead/redrive",
       Role::kOperate,
       "Accept the letters' lines once more.",
       &AdminApi::OperateAs<Verb::kRedrive>,
       {kOfBackend, kNumbers, kAll, kBy, kDryRun},
       Refusals()},
      {"POST",
       "/api/v1/dead/drop",
       Role::kOperate,
       "Delete the letters for good.",
       &AdminApi::OperateAs<Verb::kDropDead>,
       {kOfBackend, kNumbers, kAll, kBy, kDryRun},
       Refusals()},
  };
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
        {"from", "string", "A sequence or a time, included; empty: the oldest that is kept."},
        {"to", "string", "A sequence, included, or a time, not included; empty: the newest."},
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
    for (auto* part : {&ProbesAndFigures, &Reading, &Delivering, &Changing, &Replaying, &Copying}) {
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
      return found;
    }
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  return found;
}

}  // namespace relay
