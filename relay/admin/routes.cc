#include <fmt/format.h>

#include "relay/admin/api.h"
#include "relay/admin/verbs.h"

namespace relay {
namespace {

constexpr RouteParameter kBy{"by", "string", "Name of the requester, for the audit trail."};
constexpr RouteParameter kDryRun{"dry_run", "boolean", "Only show what would be done."};
constexpr RouteParameter kReason{"note", "string", "Reason, for the audit trail."};
constexpr RouteParameter kDatabase{"database", "string", "A database or bucket."};
constexpr RouteParameter kOfBackend{"backend", "string", "The backend's name.", true};
constexpr RouteParameter kAfter{"after", "integer", "Only those with a higher number."};
constexpr RouteParameter kLimit{"limit", "integer", "Maximum number; default 100."};

constexpr RouteParameter kFrom{"from", "string",
                               "The begin: 2026-11-23T20:15:00Z, or an age such as 24h."};
constexpr RouteParameter kFromRequired{kFrom.name, kFrom.type, kFrom.description, true};
constexpr RouteParameter kTo{"to", "string", "The end, not included; default: now."};

constexpr std::string_view kBackend = "{backend}";
constexpr std::string_view kId = "{id}";
constexpr std::string_view kName = "{name}";

std::vector<AdminRoute> ProbesAndFigures() {
  return {
      {"GET", "/healthz", Role::kProbe, "200: the process is alive.", &AdminApi::ShowAlive,
       "Alive"},
      {"GET",
       "/readyz",
       Role::kProbe,
       "200: writes are accepted; 503: they are refused, with the reason.",
       &AdminApi::ShowReady,
       "Readiness",
       {},
       {503}},
      {"GET", "/metrics", Role::kRead, "Metrics for Prometheus.", &AdminApi::ShowMetrics, ""},
      {"GET", "/api/v1/openapi.json", Role::kRead, "This document.", &AdminApi::ShowOpenApi, ""},
      {"GET", "/api/v1/status", Role::kRead, "The whole status, as one snapshot.",
       &AdminApi::ShowStatus, "Status"},
      {"GET",
       "/api/v1/history",
       Role::kRead,
       "Undelivered points and their age, for plots: without parameters of the last hour, every "
       "five seconds; from a time on also rates, latencies and events, from the history on disk.",
       &AdminApi::ShowHistory,
       "History",
       {kFrom, kTo, {"step", "string", "Time between two values: 1m, 1h; default: some hundred."}},
       {400, 500}},
      {"POST",
       "/api/v1/history/notes",
       Role::kOperate,
       "Keep the result of a comparison or a drill in the history.",
       &AdminApi::NoteResult,
       "Change",
       {{"kind", "string", "compared or drill.", true},
        {"backend", "string", "The backend."},
        {"result", "string", "One word: equal, different, unknown."},
        {"text", "string", "One sentence."},
        kBy,
        kDryRun},
       {400}},
      {"GET",
       "/api/v1/report",
       Role::kRead,
       "Outages, recovery, gaps, actions, restarts and comparisons of a window of time.",
       &AdminApi::ShowReport,
       "Report",
       {kFromRequired, kTo},
       {400, 404, 500}},
      {"GET",
       "/api/v1/audit",
       Role::kRead,
       "What operators changed, newest first.",
       &AdminApi::ListAudit,
       "AuditTrail",
       {kLimit},
       {400}},
  };
}

std::vector<AdminRoute> Reading() {
  return {
      {"GET", "/api/v1/backends", Role::kRead, "Names and states of the log's backends.",
       &AdminApi::ListBackends, "Names"},
      {"GET",
       "/api/v1/backends/{backend}",
       Role::kRead,
       "The status of one backend.",
       &AdminApi::ShowBackend,
       "Backend",
       {},
       {404}},
      {"GET",
       "/api/v1/backends/{backend}/ready",
       Role::kProbe,
       "For load balancers: 200 while the backend accepts writes and lacks no point older than "
       "max_lag, whether it is owed or on hold, else 503 with the reason.",
       &AdminApi::ShowBackendReady,
       "Readiness",
       {{"max_lag", "string", "Maximum age of the oldest missing point: 30s, 5m; default 30s."},
        {"database", "string", "Of points on hold count only those for this database."},
        {"held", "string", "ignore: points on hold do not count."}},
       {400, 404, 503}},
      {"POST",
       "/api/v1/backends/{backend}/check",
       Role::kOperate,
       "Ask a backend again now, also for databases on hold, instead of after the back-off.",
       &AdminApi::CheckNow,
       "Change",
       {kBy, kDryRun},
       {400, 404}},
      {"GET",
       "/api/v1/positions/{id}",
       Role::kRead,
       "Which backends have the write with this X-Relay-Position.",
       &AdminApi::ShowPosition,
       "Position",
       {},
       {400}},
      {"GET",
       "/api/v1/dead",
       Role::kRead,
       "Dead letters, oldest first.",
       &AdminApi::ListDead,
       "DeadLetters",
       {kOfBackend, kAfter, kLimit},
       {400, 404}},
      {"GET",
       "/api/v1/gaps",
       Role::kRead,
       "Gaps, oldest first.",
       &AdminApi::ListGaps,
       "Gaps",
       {kOfBackend, kAfter, kLimit},
       {400, 404}},
  };
}

AdminRoute RouteOf(const VerbSpec& verb) {
  AdminRoute route{"POST",
                   verb.path,
                   Role::kOperate,
                   fmt::format("{}.", verb.description),
                   &AdminApi::Operate,
                   "OperatorChange"};
  route.parameters = verb.parameters;
  route.parameters.insert(route.parameters.end(), {kBy, kDryRun});
  route.refusals = {307, 400, 404, 409, 421, 503};
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
    } else if ((wanted == kId || wanted == kName) && !given.empty()) {
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
       &AdminApi::ListReplays, "Jobs"},
      {"POST",
       "/api/v1/replays",
       Role::kOperate,
       "Send a range of records again, beside the normal delivery.",
       &AdminApi::StartReplay,
       "StartedJob",
       {kOfBackend,
        {"from", "position", "The first record; empty: the oldest kept"},
        {"to", "position",
         "The last record, or the time before which it was accepted; empty: the newest"},
        kDatabase,
        {"measurement", "string", "Empty: all."},
        {"to_backend", "string",
         "Another backend to send to, whose own delivery waits meanwhile; empty: the backend."},
        {"to_url", "string",
         "The URL of a backend, or one of admin.replay_targets; empty: the backend."},
        {"checkpoint", "string", "Read from this checkpoint; empty: from the log."},
        {"points_per_second", "integer", "Maximum rate; 0: no limit."},
        kBy,
        kDryRun},
       {400, 404, 409, 500, 503}},
      {"POST",
       "/api/v1/backends/{backend}/seed",
       Role::kOperate,
       "Fill a new or emptied backend with what another one holds, while writes go on; a job, "
       "listed "
       "with the replays.",
       &AdminApi::StartSeed,
       "StartedJob",
       {{"source", "string", "The backend to read.", true}, kBy, kDryRun},
       {400, 404, 409, 500, 503}},
      {"POST",
       "/api/v1/backends/{backend}/repair",
       Role::kOperate,
       "Deliver again, from another backend, what this one lacks or has otherwise; a job, listed "
       "with "
       "the replays.",
       &AdminApi::StartRepair,
       "StartedJob",
       {{"source", "string", "The backend to read.", true},
        kDatabase,
        {"measurement", "string", "Empty: all."},
        kBy,
        kDryRun},
       {400, 404, 409, 500, 503}},
      {"POST",
       "/api/v1/replays/{id}/cancel",
       Role::kOperate,
       "Cancel a replay; points already sent stay.",
       &AdminApi::CancelReplay,
       "Change",
       {kBy, kDryRun},
       {400, 404, 503}},
  };
}

std::vector<AdminRoute> Copying() {
  constexpr RouteParameter kNamed{"name", "string", "Its name, or its path in log.checkpoint_dir.",
                                  true};
  return {
      {"GET", "/api/v1/checkpoints", Role::kRead, "Checkpoints of the log, by name.",
       &AdminApi::ListCheckpoints, "Checkpoints"},
      {"POST",
       "/api/v1/checkpoints",
       Role::kOperate,
       "Make a checkpoint: a copy of the log with its cursors, on which a relay can start.",
       &AdminApi::MakeCheckpoint,
       "CheckpointChange",
       {kNamed, kBy, kDryRun},
       {400, 500, 503}},
      {"GET",
       "/api/v1/checkpoints/{name}/files",
       Role::kOperate,
       "The files of a checkpoint, for a relay that joins.",
       &AdminApi::ListCheckpointFiles,
       "CheckpointFiles",
       {},
       {400, 404, 500}},
      {"GET",
       "/api/v1/checkpoints/{name}/content",
       Role::kOperate,
       "A part of a file of a checkpoint, at most 4 MiB; empty: the file has ended.",
       &AdminApi::ReadCheckpointFile,
       "",
       {{"path", "string", "The file, as in the list of files.", true},
        {"offset", "integer", "Where the part begins."}},
       {400, 404, 500}},
      {"POST",
       "/api/v1/checkpoints/drop",
       Role::kOperate,
       "Delete a checkpoint.",
       &AdminApi::DropCheckpoint,
       "CheckpointChange",
       {kNamed, kBy, kDryRun},
       {400, 404, 500}},
  };
}

std::vector<AdminRoute> OfTheLog() {
  return {
      {"POST",
       "/api/v1/log/found",
       Role::kOperate,
       "Begin a new stream where this relay's log ends, after the servers of NATS have lost "
       "writes.",
       &AdminApi::FoundStream,
       "Change",
       {kBy, kDryRun},
       {400, 409, 503}},
      {"POST",
       "/api/v1/log/acknowledge",
       Role::kOperate,
       "Take note that the log was started on a checkpoint: /readyz is no longer degraded for it; "
       "or that a backend diverged, without delivering again what it lacks.",
       &AdminApi::Acknowledge,
       "Change",
       {{"backend", "string", "The backend that diverged; left out: the start on a checkpoint"},
        kReason,
        kBy,
        kDryRun},
       {400, 404, 409, 500}},
  };
}

}  // namespace

const std::vector<AdminRoute>& AdminRoutes() {
  static const std::vector<AdminRoute> routes = [] {
    std::vector<AdminRoute> all;
    for (auto* part : {&ProbesAndFigures, &Reading, &Operating, &Replaying, &Copying, &OfTheLog}) {
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
      found.call.path = path;
      return found;
    }
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  return found;
}

}  // namespace relay
