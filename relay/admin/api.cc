#include "relay/admin/api.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include "config/schema/closest_match.h"
#include "config/schema/value_format.h"
#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/base/minutes.h"
#include "relay/base/parse.h"
#include "relay/history/report.h"
#include "relay/status/ledger_json.h"
#include "relay/status/metrics.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

// Bounds an answer with a part of a file.
constexpr Bytes kCheckpointPartMax = 4_MiB;
constexpr std::size_t kListedMax = 1'000;  // Bounds an answer, which is built in memory.

int StatusFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidInput: return 400;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kConflict: return 409;
    case ErrorCode::kElsewhere: return 421;
    case ErrorCode::kFull:
    case ErrorCode::kUnavailable:
    case ErrorCode::kBrokenOff: return 503;
    case ErrorCode::kCorruption:
    case ErrorCode::kIo: return 500;
  }
  INVARIANT(false);
}

// Returns a number of the query; absent: `otherwise`.
Result<std::uint64_t> NumberIn(const AdminCall& call, const std::string& name,
                               std::uint64_t otherwise) {
  if (!call.query.Has(name)) return otherwise;
  if (const auto number = ParseNumber(call.query.Get(name))) return *number;
  return Error(ErrorCode::kInvalidInput, fmt::format("{}: expected a number", name));
}

// Returns the window that the query names; `to`: until now.
Result<ReportWindow> WindowIn(const AdminCall& call, WallTime now) {
  auto from = ParseTime(call.query.Get("from"), now);
  if (!from.ok()) return std::move(from).error().Within("from");
  ReportWindow window{.from = from.value(), .to = now, .now = now};
  if (!call.query.Has("to")) return window;
  auto to = ParseTime(call.query.Get("to"), now);
  if (!to.ok()) return std::move(to).error().Within("to");
  window.to = to.value();
  return window;
}

// The parameters of a list.
struct Listing {
  BackendId backend;
  std::uint64_t after = 0;
  std::size_t count_max = 0;
};

Result<Listing> ListingIn(const AdminCall& call) {
  if (!call.query.Has("backend")) return Error(ErrorCode::kInvalidInput, "backend: required");
  ASSIGN_OR_RETURN(BackendId backend, BackendId::Parse(call.query.Get("backend")));
  const Result<std::uint64_t> after = NumberIn(call, "after", 0);
  if (!after.ok()) return Error(after.error());
  const Result<std::uint64_t> limit = NumberIn(call, "limit", 100);
  if (!limit.ok()) return Error(limit.error());
  return Listing{backend, after.value(), std::clamp<std::size_t>(limit.value(), 1, kListedMax)};
}

// Describes a field that a route does not accept; names the closest one that it
// does, or all.
std::string UnknownField(const std::string& name, const AdminRoute& route) {
  constexpr std::size_t kShownMax = 64;
  std::vector<std::string> known;
  for (const RouteParameter& parameter : route.parameters) known.emplace_back(parameter.name);
  std::string message = fmt::format("unknown field \"{}\"", OneLine(name, kShownMax));
  if (const auto closest = ClosestMatch(name, known)) {
    return message + fmt::format(": did you mean \"{}\"?", *closest);
  }
  return message + fmt::format("; this request accepts {}", fmt::join(known, ", "));
}

// The fields of the JSON body of a POST; an absent one keeps its default. A field
// of another type, or one that the route does not accept, is an error; so is a
// query parameter.
class Body {
 public:
  explicit Body(const AdminCall& call)
      : json_(call.body.empty() ? Json::object() : Json::parse(call.body, nullptr, false)) {
    if (!json_.is_object()) {
      error_ = "the body is not a JSON object";
      return;
    }
    for (const auto& [name, value] : json_.items()) CheckKnown(name, *call.route);
    if (error_.empty() && !call.raw_query.empty()) RefuseQuery(call);
  }

  template <typename T>
  void Field(const char* key, T& into) {
    if (!error_.empty()) return;
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) return;
    try {
      if (!IsOf(*found, into)) wrong_type_ = true;
      if (!wrong_type_) into = found->get<T>();
    } catch (const Json::exception&) {
      wrong_type_ = true;
    }
    if (std::exchange(wrong_type_, false)) error_ = fmt::format("{}: wrong type", key);
  }

  std::optional<Error> error() const {
    if (error_.empty()) return std::nullopt;
    return Error(ErrorCode::kInvalidInput, error_);
  }

 private:
  static bool IsOf(const Json& json, const std::string&) { return json.is_string(); }
  static bool IsOf(const Json& json, double) { return json.is_number() && json.get<double>() >= 0; }
  static bool IsOf(const Json& json, bool) { return json.is_boolean(); }
  static bool IsOf(const Json& json, const std::vector<std::uint64_t>&) {
    return json.is_array() && std::all_of(json.begin(), json.end(), [](const Json& number) {
             return number.is_number_unsigned();
           });
  }

  // Refuses query parameters, naming the first.
  void RefuseQuery(const AdminCall& call) {
    const std::string name = call.raw_query.substr(0, call.raw_query.find_first_of("=&"));
    CheckKnown(name, *call.route);
    if (!error_.empty()) return;
    error_ = fmt::format("{}: put it into the JSON body, not the query", name);
  }

  void CheckKnown(const std::string& name, const AdminRoute& route) {
    const bool known =
        std::any_of(route.parameters.begin(), route.parameters.end(),
                    [&name](const RouteParameter& parameter) { return parameter.name == name; });
    if (!known && error_.empty()) error_ = UnknownField(name, route);
  }

  Json json_;
  std::string error_;
  bool wrong_type_ = false;
};

HttpResponse Readiness(int code, std::string_view status, std::string_view reason) {
  return AdminJson(code, DumpJson(Json{{"status", status}, {"reason", reason}}));
}

// Returns the answer to a change; `more` are the fields of this kind of change.
HttpResponse Changed(const Requester& requester, std::string_view message,
                     const Json& more = Json::object()) {
  Json json{{"done", !requester.dry_run}, {"message", message}};
  json.update(more);
  return AdminJson(200, DumpJson(json));
}

Requester RequesterOf(Body& body, const AdminCall& call) {
  Requester requester;
  std::string by;
  body.Field("by", by);
  body.Field("dry_run", requester.dry_run);
  requester.who = by.empty() ? call.who : fmt::format("{}, {}", by, call.who);
  return requester;
}

}  // namespace

HttpResponse AdminJson(int status, std::string body) {
  return {.status = status, .content_type = "application/json", .body = std::move(body) + "\n"};
}

HttpResponse AdminError(int status, std::string_view message) {
  return AdminJson(status, DumpJson(Json{{"error", message}}));
}

HttpResponse AdminError(const Error& error) {
  return AdminError(StatusFor(error.code()), error.message());
}

HttpResponse AdminApi::ShowStatus(const AdminCall& /*call*/) const {
  return AdminJson(200, ToJson(parts_.status()));
}

HttpResponse AdminApi::ShowHistory(const AdminCall& call) const {
  return call.raw_query.empty() ? AdminJson(200, parts_.observer.HistoryJson()) : ShowPlots(call);
}

HttpResponse AdminApi::ShowPlots(const AdminCall& call) const {
  const Result<ReportWindow> window = WindowIn(call, parts_.clock.WallNow());
  if (!window.ok()) return AdminError(window.error());
  std::chrono::milliseconds step(0);
  if (call.query.Has("step")) {
    const auto parsed = TimeBetween(std::chrono::minutes(1), std::chrono::hours(24 * 400))
                            .parse(WithMinutes(call.query.Get("step")));
    if (!parsed.ok()) return AdminError(400, "step: " + parsed.error().message());
    step = parsed.value();
  }
  const Result<HistoryData> data =
      ReadHistory(parts_.log_path, window.value().from, window.value().to);
  if (!data.ok()) return AdminError(data.error());
  const Result<std::string> json = PlotsJson(
      data.value(), window.value(), std::chrono::duration_cast<std::chrono::seconds>(step));
  return json.ok() ? AdminJson(200, json.value()) : AdminError(json.error());
}

HttpResponse AdminApi::ShowReport(const AdminCall& call) const {
  const Result<ReportWindow> window = WindowIn(call, parts_.clock.WallNow());
  if (!window.ok()) return AdminError(window.error());
  const Result<std::string> json =
      MakeReport(parts_.log, parts_.log_path, window.value(), parts_.present());
  return json.ok() ? AdminJson(200, json.value()) : AdminError(json.error());
}

HttpResponse AdminApi::NoteResult(const AdminCall& call) const {
  Body body(call);
  std::string kind;
  HistoryEvent event;
  body.Field("kind", kind);
  body.Field("backend", event.backend);
  body.Field("result", event.state);
  body.Field("text", event.text);
  const Requester requester = RequesterOf(body, call);
  if (const auto error = body.error()) return AdminError(*error);
  const auto known = HistoryKindFrom(kind);
  if (known != HistoryKind::kCompared && known != HistoryKind::kDrill) {
    return AdminError(400, "kind: expected compared or drill");
  }
  event.kind = *known;
  event.text = fmt::format("{} (by {})", event.text, requester.who);
  if (!requester.dry_run) parts_.note(event);
  return Changed(requester, event.text);
}

HttpResponse AdminApi::ShowMetrics(const AdminCall& /*call*/) const {
  RelayStatus status = parts_.status();
  status.service = parts_.service();
  // A scheduled one may have been shipped, and be no longer here.
  status.service->checkpoint =
      std::max(status.service->checkpoint, parts_.checkpoints.NewestMade());
  return {.status = 200,
          .content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = ToMetrics(status, parts_.counters)};
}

// Alive means answering; ready means accepting writes.
HttpResponse AdminApi::ShowAlive(const AdminCall& /*call*/) const {
  return AdminJson(200, R"({"status":"alive"})");
}

HttpResponse AdminApi::ShowReady(const AdminCall& /*call*/) const {
  const RelayStatus status = parts_.status();
  // Writes are accepted, but an operator should look.
  if (status.log_failure.empty() && !status.log_alarms.empty()) {
    return Readiness(200, "degraded", status.log_alarms.front());
  }
  const std::string degraded = WhyDegraded(status);
  if (status.log_failure.empty() && !degraded.empty()) {
    return Readiness(200, "degraded", degraded);
  }
  if (status.log_failure.empty()) return Readiness(200, "ready", "");
  return Readiness(503, "not ready", status.log_failure);
}

HttpResponse AdminApi::ListBackends(const AdminCall& /*call*/) const {
  Json names = Json::array();
  for (const BackendStatus& backend : parts_.status().backends) {
    names.push_back({{"name", backend.name}, {"state", backend.state}});
  }
  return AdminJson(200, DumpJson(Json{{"backends", names}}));
}

HttpResponse AdminApi::ShowBackend(const AdminCall& call) const {
  const RelayStatus status = parts_.status();
  for (const BackendStatus& backend : status.backends) {
    if (backend.name == call.backend) return AdminJson(200, ToJson(backend, status.now));
  }
  return AdminError(404, fmt::format("no backend \"{}\"", call.backend));
}

HttpResponse AdminApi::ShowBackendReady(const AdminCall& call) const {
  Tolerance tolerance{.max_lag = std::chrono::seconds(30), .database = call.query.Get("database")};
  const std::string held = call.query.Get("held");
  if (!held.empty() && held != "ignore") return AdminError(400, "held: expected ignore");
  tolerance.ignores_held = held == "ignore";
  if (call.query.Has("max_lag")) {
    const auto parsed = TimeBetween(std::chrono::milliseconds(0), std::chrono::hours(24 * 365))
                            .parse(WithMinutes(call.query.Get("max_lag")));
    if (!parsed.ok()) return AdminError(400, "max_lag: " + parsed.error().message());
    tolerance.max_lag = parsed.value();
  }
  const RelayStatus status = parts_.status();
  for (const BackendStatus& backend : status.backends) {
    if (backend.name != call.backend) continue;
    const std::string reason = WhyNotReady(backend, status.now, tolerance);
    if (reason.empty()) return Readiness(200, "ready", "");
    return Readiness(503, "not ready", reason);
  }
  return AdminError(404, fmt::format("no backend \"{}\"", call.backend));
}

HttpResponse AdminApi::ListDead(const AdminCall& call) const {
  const Result<Listing> listing = ListingIn(call);
  if (!listing.ok()) return AdminError(listing.error());
  const Result<std::vector<StoredDeadLetter>> letters = parts_.log.ReadDead(
      listing.value().backend, listing.value().after, listing.value().count_max);
  if (!letters.ok()) return AdminError(letters.error());
  return AdminJson(200, LettersJson(letters.value()));
}

HttpResponse AdminApi::ListGaps(const AdminCall& call) const {
  const Result<Listing> listing = ListingIn(call);
  if (!listing.ok()) return AdminError(listing.error());
  const Result<std::vector<StoredGap>> gaps = parts_.log.ReadGaps(
      listing.value().backend, listing.value().after, listing.value().count_max);
  if (!gaps.ok()) return AdminError(gaps.error());
  return AdminJson(200, GapsJson(gaps.value()));
}

HttpResponse AdminApi::ListAudit(const AdminCall& call) const {
  const Result<std::uint64_t> limit = NumberIn(call, "limit", 100);
  if (!limit.ok()) return AdminError(limit.error());
  return AdminJson(200, AuditJson(parts_.audit.Recent(limit.value())));
}

HttpResponse AdminApi::ListReplays(const AdminCall& /*call*/) const {
  return AdminJson(200, ReplaysJson(parts_.replays.Reports(), parts_.clock.WallNow()));
}

HttpResponse AdminApi::StartReplay(const AdminCall& call) const {
  Body body(call);
  ReplayRequest request;
  body.Field("backend", request.backend);
  body.Field("from", request.from);
  body.Field("to", request.to);
  body.Field("database", request.database);
  body.Field("measurement", request.measurement);
  body.Field("to_backend", request.to_backend);
  body.Field("to_url", request.to_url);
  body.Field("checkpoint", request.checkpoint);
  body.Field("points_per_second", request.points_per_second);
  const Requester requester = RequesterOf(body, call);
  if (const auto error = body.error()) return AdminError(*error);
  return StartJob(request, requester);
}

HttpResponse AdminApi::StartSeed(const AdminCall& call) const {
  return StartFill(call, JobKind::kSeed);
}

HttpResponse AdminApi::StartRepair(const AdminCall& call) const {
  return StartFill(call, JobKind::kRepair);
}

HttpResponse AdminApi::StartFill(const AdminCall& call, JobKind kind) const {
  Body body(call);
  ReplayRequest request{.kind = kind, .backend = call.backend};
  body.Field("source", request.source);
  body.Field("database", request.database);
  body.Field("measurement", request.measurement);
  const Requester requester = RequesterOf(body, call);
  if (const auto error = body.error()) return AdminError(*error);
  return StartJob(request, requester);
}

HttpResponse AdminApi::StartJob(const ReplayRequest& request, const Requester& requester) const {
  const Result<std::string> description = parts_.replays.Describe(request);
  if (!description.ok()) return AdminError(description.error());
  std::uint64_t id = 0;
  const Result<std::string> done =
      parts_.operators.Audited(description.value(), "", requester, [&]() -> Status {
        ASSIGN_OR_RETURN(std::uint64_t started, parts_.replays.Start(request));
        id = started;
        return Ok();
      });
  if (!done.ok()) return AdminError(done.error());
  return Changed(requester, done.value(), {{"id", requester.dry_run ? Json() : Json(id)}});
}

HttpResponse AdminApi::CancelReplay(const AdminCall& call) const {
  Body body(call);
  const Requester requester = RequesterOf(body, call);
  if (const auto error = body.error()) return AdminError(*error);
  const auto id = ParseNumber(call.id);
  if (!id) return AdminError(404, fmt::format("no replay {}", call.id));
  const Result<std::string> done =
      parts_.operators.Audited(fmt::format("cancel replay {}", *id), "", requester,
                               [&] { return parts_.replays.Cancel(*id); });
  if (!done.ok()) return AdminError(done.error());
  return Changed(requester, done.value());
}

HttpResponse AdminApi::ListCheckpoints(const AdminCall& /*call*/) const {
  return AdminJson(200, CheckpointsJson(parts_.checkpoints.List()));
}

HttpResponse AdminApi::MakeCheckpoint(const AdminCall& call) const {
  return ChangeCheckpoint(call, &Checkpoints::DescribeMaking, &Checkpoints::Make);
}

HttpResponse AdminApi::DropCheckpoint(const AdminCall& call) const {
  return ChangeCheckpoint(call, &Checkpoints::DescribeDropping, &Checkpoints::Drop);
}

HttpResponse AdminApi::ListCheckpointFiles(const AdminCall& call) const {
  const Result<std::vector<CheckpointFile>> files = parts_.checkpoints.Files(call.id);
  if (!files.ok()) return AdminError(files.error());
  return AdminJson(200, CheckpointFilesJson(files.value()));
}

HttpResponse AdminApi::ReadCheckpointFile(const AdminCall& call) const {
  const Result<std::uint64_t> offset = NumberIn(call, "offset", 0);
  if (!offset.ok()) return AdminError(offset.error());
  Result<std::string> part = parts_.checkpoints.Read(call.id, call.query.Get("path"),
                                                     Bytes(offset.value()), kCheckpointPartMax);
  if (!part.ok()) return AdminError(part.error());
  return {.status = 200,
          .content_type = "application/octet-stream",
          .body = std::move(part).value(),
          .headers = {}};
}

HttpResponse AdminApi::ChangeCheckpoint(const AdminCall& call, DescribeCheckpoint describe,
                                        ActOnCheckpoint act) const {
  Body body(call);
  std::string name;
  body.Field("name", name);
  const Requester requester = RequesterOf(body, call);
  if (const auto error = body.error()) return AdminError(*error);
  const Checkpoints& checkpoints = parts_.checkpoints;
  const Result<std::string> description = (checkpoints.*describe)(name);
  if (!description.ok()) return AdminError(description.error());
  const Result<std::string> done = parts_.operators.Audited(
      description.value(), "", requester, [&] { return (checkpoints.*act)(name); });
  if (!done.ok()) return AdminError(done.error());
  return Changed(requester, done.value(), {{"path", checkpoints.PathOf(name).value()}});
}

HttpResponse AdminApi::FoundStream(const AdminCall& call) const {
  Body body(call);
  const Requester requester = RequesterOf(body, call);
  if (const auto error = body.error()) return AdminError(*error);
  if (const Status may = parts_.found(true); !may.ok()) return AdminError(may.error());
  const RelayStatus status = parts_.status();
  if (!status.shared) return AdminError(503, "the state of the shared log is not known yet: retry");
  const std::string description = fmt::format(
      "begin a new stream where the log of {} ends, at place {}; a relay whose log ends elsewhere "
      "must join this one",
      status.shared->relay, ToString(status.shared->place));
  const Result<std::string> done =
      parts_.operators.Audited(description, "", requester, [&] { return parts_.found(false); });
  if (!done.ok()) return AdminError(done.error());
  return Changed(requester, done.value());
}

HttpResponse AdminApi::Acknowledge(const AdminCall& call) const {
  Body body(call);
  std::string note;
  std::string backend;
  body.Field("note", note);
  body.Field("backend", backend);
  const Requester requester = RequesterOf(body, call);
  if (const auto error = body.error()) return AdminError(*error);
  const Result<std::string> description = parts_.acknowledge(backend, true);
  if (!description.ok()) return AdminError(description.error());
  const Result<std::string> done =
      parts_.operators.Audited(description.value(), note, requester, [&]() -> Status {
        RETURN_IF_ERROR(parts_.acknowledge(backend, false));
        return Ok();
      });
  if (!done.ok()) return AdminError(done.error());
  return Changed(requester, done.value());
}

HttpResponse AdminApi::CheckNow(const AdminCall& call) const {
  Body body(call);
  const Requester requester = RequesterOf(body, call);
  if (const auto error = body.error()) return AdminError(*error);
  const Result<BackendId> backend = BackendId::Parse(call.backend);
  if (!backend.ok()) return AdminError(backend.error());
  const Result<std::string> done = parts_.operators.Audited(
      fmt::format("ask {} again now, also for databases on hold", call.backend), "", requester,
      [&]() -> Status {
        if (parts_.check_now(backend.value())) return Ok();
        return Error(ErrorCode::kNotFound,
                     fmt::format("no backend '{}' is delivered to", call.backend));
      });
  if (!done.ok()) return AdminError(done.error());
  return Changed(requester, done.value());
}

HttpResponse AdminApi::ShowOpenApi(const AdminCall& /*call*/) const {
  return AdminJson(200, OpenApiDocument());
}

// Sends the client to the relay that delivers to the backend.
HttpResponse AdminApi::SendElsewhere(const AdminCall& call, const std::string& backend,
                                     const Error& error) const {
  const RelayStatus status = parts_.status();
  const Result<BackendId> name = BackendId::Parse(backend);
  if (!status.shared || !name.ok()) return AdminError(error);
  const auto found = status.shared->deliverers.find(name.value());
  if (found == status.shared->deliverers.end() || found->second.is_this) {
    return AdminError(503, fmt::format("no relay delivers to {} at this moment: try again in a "
                                       "few seconds",
                                       backend));
  }
  const SharedLogStatus::Deliverer& deliverer = found->second;
  if (deliverer.address.empty()) {
    return AdminError(421, fmt::format("{} delivers to {}: use its admin port, whose URL is not "
                                       "known (log.jetstream.advertise)",
                                       deliverer.relay, backend));
  }
  HttpResponse response = AdminError(
      307, fmt::format("{} delivers to {}: use {}", deliverer.relay, backend, deliverer.address));
  response.headers.emplace_back("Location", deliverer.address + call.path);
  return response;
}

HttpResponse AdminApi::Operate(const AdminCall& call) const {
  Body body(call);
  Operation operation{.verb = call.route->verb->verb, .backend = call.backend};
  if (operation.backend.empty()) body.Field("backend", operation.backend);
  body.Field("to", operation.to);
  body.Field("database", operation.lane.database);
  body.Field("retention_policy", operation.lane.retention_policy);
  body.Field("numbers", operation.letters);
  body.Field("all", operation.all_letters);
  body.Field("partial", operation.partial);
  body.Field("note", operation.note);
  body.Field("for", operation.length);
  const Requester requester = RequesterOf(body, call);
  if (const auto error = body.error()) return AdminError(*error);
  const Result<std::string> done = parts_.operators.Perform(operation, requester);
  if (!done.ok() && done.error().code() == ErrorCode::kElsewhere) {
    return SendElsewhere(call, operation.backend, done.error());
  }
  if (!done.ok()) return AdminError(done.error());
  bool asks = false;
  if (requester.dry_run && operation.verb == Verb::kHold) {
    const Result<BackendId> backend = BackendId::Parse(operation.backend);
    asks = backend.ok() && IsUnseen(parts_.log, backend.value(), operation.lane);
  }
  return Changed(requester, done.value(), {{"ask", asks}});
}

}  // namespace relay
