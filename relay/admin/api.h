// The routes of the admin port and their answers. Each route is declared once; the
// handler and the OpenAPI document use the declarations.
//
// THREADS. Any number at once. Everything that the parts refer to outlives the API.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/admin/access.h"
#include "relay/admin/checkpoints.h"
#include "relay/admin/operations.h"
#include "relay/admin/replay_jobs.h"
#include "relay/admin/verbs.h"
#include "relay/admin/write_positions.h"
#include "relay/base/counters.h"
#include "relay/history/store.h"
#include "relay/http/query_parameters.h"
#include "relay/http/server.h"
#include "relay/status/audit_log.h"
#include "relay/status/relay_status.h"
#include "relay/status/sampler.h"
#include "wal/log.h"

namespace relay {

struct AdminRoute;

// A request whose route was found.
struct AdminCall {
  const AdminRoute* route = nullptr;
  std::string path;     // The requested one, without a prefix.
  std::string backend;  // The path's backend; "": none.
  std::string id;       // The same for a replay or a position.
  QueryParameters query;
  std::string raw_query;
  std::string body;
  std::string who;
};

struct AdminParts {
  std::function<RelayStatus()> status;  // A snapshot.
  const Counters& counters;
  const LogView& log;
  const Observer& observer;
  Operators& operators;
  const Audit& audit;
  ReplayJobs& replays;
  const Checkpoints& checkpoints;
  const Clock& clock;
  std::function<Status(bool only_tries)> found;  // See DurableLog::FoundOrder.
  // Takes note that a backend diverged, or, if none is named, that the log was started on a copy;
  // describes that. kConflict: it did not, or it was not.
  std::function<Result<std::string>(const std::string& backend, bool only_tries)> acknowledge = {};
  std::function<ServiceFigures()> service = [] { return ServiceFigures(); };
  std::string log_path = {};  // The directory with the history.
  std::function<void(HistoryEvent)> note = [](const HistoryEvent&) {};
  // The row of the history that is not on disk yet.
  std::function<std::optional<HistoryRow>()> present = [] { return std::nullopt; };
  // Asks a backend again now instead of after its back-off. Returns false if there is none.
  std::function<bool(const BackendId&)> check_now = [](const BackendId&) { return false; };
};

class AdminApi {
 public:
  explicit AdminApi(AdminParts parts) : parts_(std::move(parts)) {}

  HttpResponse ShowStatus(const AdminCall& call) const;
  HttpResponse ShowHistory(const AdminCall& call) const;
  HttpResponse ShowReport(const AdminCall& call) const;
  HttpResponse NoteResult(const AdminCall& call) const;
  HttpResponse ShowMetrics(const AdminCall& call) const;
  HttpResponse ShowAlive(const AdminCall& call) const;
  HttpResponse ShowReady(const AdminCall& call) const;
  HttpResponse ListBackends(const AdminCall& call) const;
  HttpResponse ShowBackend(const AdminCall& call) const;
  HttpResponse ShowBackendReady(const AdminCall& call) const;
  HttpResponse ListDead(const AdminCall& call) const;
  HttpResponse ListGaps(const AdminCall& call) const;
  HttpResponse ListAudit(const AdminCall& call) const;
  HttpResponse ShowPosition(const AdminCall& call) const {
    return AnswerPosition(parts_.log, call.id);
  }
  HttpResponse ListReplays(const AdminCall& call) const;
  HttpResponse StartReplay(const AdminCall& call) const;
  HttpResponse StartSeed(const AdminCall& call) const;
  HttpResponse StartRepair(const AdminCall& call) const;
  HttpResponse CancelReplay(const AdminCall& call) const;
  HttpResponse ListCheckpoints(const AdminCall& call) const;
  HttpResponse MakeCheckpoint(const AdminCall& call) const;
  HttpResponse DropCheckpoint(const AdminCall& call) const;
  HttpResponse ListCheckpointFiles(const AdminCall& call) const;
  HttpResponse ReadCheckpointFile(const AdminCall& call) const;
  HttpResponse FoundStream(const AdminCall& call) const;
  HttpResponse Acknowledge(const AdminCall& call) const;
  HttpResponse CheckNow(const AdminCall& call) const;
  HttpResponse ShowOpenApi(const AdminCall& call) const;
  HttpResponse Operate(const AdminCall& call) const;  // REQUIRES: the route has a verb.

 private:
  using DescribeCheckpoint = Result<std::string> (Checkpoints::*)(const std::string&) const;
  using ActOnCheckpoint = Status (Checkpoints::*)(const std::string&) const;

  HttpResponse StartFill(const AdminCall& call, JobKind kind) const;
  HttpResponse StartJob(const ReplayRequest& request, const Requester& requester) const;
  HttpResponse ShowPlots(const AdminCall& call) const;
  HttpResponse SendElsewhere(const AdminCall& call, const std::string& backend,
                             const Error& error) const;
  HttpResponse ChangeCheckpoint(const AdminCall& call, DescribeCheckpoint describe,
                                ActOnCheckpoint act) const;

  const AdminParts parts_;
};

struct AdminRoute {
  std::string_view method;  // "GET", "POST".
  std::string_view path;    // "/api/v1/backends/{backend}/pause".
  Role role = Role::kRead;
  std::string description;
  HttpResponse (AdminApi::*answer)(const AdminCall&) const = nullptr;
  std::string_view object = {};  // In a 200 answer (relay/admin/answers.h); empty: another kind.
  std::vector<RouteParameter> parameters = {};  // Fields of the query, or of a POST's JSON body.
  std::vector<int> refusals = {};               // Besides 401, 403 and 415.
  const VerbSpec* verb = nullptr;               // nullptr: no verb of Operators.
};

const std::vector<AdminRoute>& AdminRoutes();

struct FoundRoute {
  const AdminRoute* route = nullptr;  // nullptr: no such path, or not with this method.
  AdminCall call;
  std::string allow;  // The path's methods; "": no such path.
};

FoundRoute FindRoute(std::string_view method, std::string_view path);

// Returns {"error": "…"}.
HttpResponse AdminError(int status, std::string_view message);
HttpResponse AdminError(const Error& error);
HttpResponse AdminJson(int status, std::string body);

// Returns the OpenAPI 3 document of AdminRoutes.
std::string OpenApiDocument();

}  // namespace relay
