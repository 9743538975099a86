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
#include "relay/base/parse.h"
#include "relay/status/ledger_json.h"
#include "relay/status/metrics.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kListedMax = 1'000;  // Of one answer, which is built in memory.

int StatusFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidInput: return 400;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kConflict: return 409;
    case ErrorCode::kFull:
    case ErrorCode::kUnavailable: return 503;
    case ErrorCode::kCorruption:
    case ErrorCode::kIo: return 500;
  }
  INVARIANT(false);
}

// A number of the query, or what it is when it is not given.
Result<std::uint64_t> NumberIn(const AdminCall& call, const std::string& name,
                               std::uint64_t otherwise) {
  if (!call.query.Has(name)) return otherwise;
  if (const auto number = ParseNumber(call.query.Get(name))) return *number;
  return Error(ErrorCode::kInvalidInput, fmt::format("{}: not a number", name));
}

// What a list is asked for by.
struct Listing {
  BackendId backend;
  std::uint64_t after = 0;
  std::size_t count_max = 0;
};

Result<Listing> ListingIn(const AdminCall& call) {
  if (!call.query.Has("backend")) return Error(ErrorCode::kInvalidInput, "backend: is needed");
  ASSIGN_OR_RETURN(BackendId backend, BackendId::Parse(call.query.Get("backend")));
  const Result<std::uint64_t> after = NumberIn(call, "after", 0);
  if (!after.ok()) return Error(after.error());
  const Result<std::uint64_t> limit = NumberIn(call, "limit", 100);
  if (!limit.ok()) return Error(limit.error());
  return Listing{backend, after.value(), std::clamp<std::size_t>(limit.value(), 1, kListedMax)};
}

// Describes a field that a route does not take; names the nearest one
// that it does, or all.
std::string UnknownField(const std::string& name, const AdminRoute& route) {
  constexpr std::size_t kShownMax = 64;
  std::vector<std::string> known;
  for (const RouteParameter& parameter : route.parameters) known.emplace_back(parameter.name);
  std::string mistake = fmt::format("unknown field \"{}\"", OneLine(name, kShownMax));
  if (const auto closest = ClosestMatch(name, known)) {
    return mistake + fmt::format(": did you mean \"{}\"?", *closest);
  }
  return mistake + fmt::format("; this request takes {}", fmt::join(known, ", "));
}

// The fields of the JSON body of a POST; one that is not there is as its
// default. A field of another type than expected, or that the route does not
// take, is a mistake; so is a parameter of the query.
class Body {
 public:
  explicit Body(const AdminCall& call)
      : json_(call.body.empty() ? Json::object() : Json::parse(call.body, nullptr, false)) {
    if (!json_.is_object()) {
      mistake_ = "the body is not a JSON object";
      return;
    }
    for (const auto& [name, value] : json_.items()) CheckKnown(name, *call.route);
    if (mistake_.empty() && !call.raw_query.empty()) RefuseQuery(call);
  }

  template <typename T>
  void Field(const char* key, T& into) {
    if (!mistake_.empty()) return;
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) return;
    try {
      if (!IsOf(*found, into)) throw_away_ = true;
      if (!throw_away_) into = found->get<T>();
    } catch (const Json::exception&) {
      throw_away_ = true;
    }
    if (std::exchange(throw_away_, false)) mistake_ = fmt::format("{}: not of its type", key);
  }

  std::optional<Error> mistake() const {
    if (mistake_.empty()) return std::nullopt;
    return Error(ErrorCode::kInvalidInput, mistake_);
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

  // Names the first parameter.
  void RefuseQuery(const AdminCall& call) {
    const std::string name = call.raw_query.substr(0, call.raw_query.find_first_of("=&"));
    CheckKnown(name, *call.route);
    if (!mistake_.empty()) return;
    mistake_ = fmt::format("{}: put it into the JSON body, not into the query", name);
  }

  void CheckKnown(const std::string& name, const AdminRoute& route) {
    const bool known =
        std::any_of(route.parameters.begin(), route.parameters.end(),
                    [&name](const RouteParameter& parameter) { return parameter.name == name; });
    if (!known && mistake_.empty()) mistake_ = UnknownField(name, route);
  }

  Json json_;
  std::string mistake_;
  bool throw_away_ = false;
};

Asker AskerOf(Body& body, const AdminCall& call) {
  Asker asker;
  std::string by;
  body.Field("by", by);
  body.Field("dry_run", asker.dry_run);
  asker.who = by.empty() ? call.who : fmt::format("{} ({})", by, call.who);
  return asker;
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

HttpResponse AdminApi::ShowHistory(const AdminCall& /*call*/) const {
  return AdminJson(200, parts_.observer.history().ToJson());
}

HttpResponse AdminApi::ShowMetrics(const AdminCall& /*call*/) const {
  return {.status = 200,
          .content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = ToMetrics(parts_.status(), parts_.counters)};
}

// Alive is whoever answers; ready is who takes writes.
HttpResponse AdminApi::ShowAlive(const AdminCall& /*call*/) const {
  return AdminJson(200, R"({"status":"alive"})");
}

HttpResponse AdminApi::ShowReady(const AdminCall& /*call*/) const {
  const RelayStatus status = parts_.status();
  // Writes are taken, but an operator should look.
  if (status.log_failure.empty() && !status.log_alarms.empty()) {
    return AdminJson(200,
                     DumpJson(Json{{"status", "degraded"}, {"reason", status.log_alarms.front()}}));
  }
  if (status.log_failure.empty()) return AdminJson(200, R"({"status":"ready"})");
  return AdminJson(503, DumpJson(Json{{"status", "not ready"}, {"reason", status.log_failure}}));
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
  if (call.query.Has("max_lag")) {
    const auto parsed = TimeBetween(std::chrono::milliseconds(0), std::chrono::hours(24 * 365))
                            .parse(call.query.Get("max_lag"));
    if (!parsed.ok()) return AdminError(400, "max_lag: " + parsed.error().message());
    tolerance.max_lag = parsed.value();
  }
  const RelayStatus status = parts_.status();
  for (const BackendStatus& backend : status.backends) {
    if (backend.name != call.backend) continue;
    const std::string why = WhyNotReady(backend, status.now, tolerance);
    if (why.empty()) return AdminJson(200, R"({"status":"ready"})");
    return AdminJson(503, DumpJson(Json{{"status", "not ready"}, {"reason", why}}));
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
  body.Field("to_url", request.to_url);
  body.Field("checkpoint", request.checkpoint);
  body.Field("points_per_second", request.points_per_second);
  const Asker asker = AskerOf(body, call);
  if (const auto mistake = body.mistake()) return AdminError(*mistake);
  const Result<std::string> words = parts_.replays.Describe(request);
  if (!words.ok()) return AdminError(words.error());
  std::uint64_t id = 0;
  const Result<std::string> done =
      parts_.operators.Audited(words.value(), "", asker, [&]() -> Status {
        ASSIGN_OR_RETURN(std::uint64_t started, parts_.replays.Start(request));
        id = started;
        return Ok();
      });
  if (!done.ok()) return AdminError(done.error());
  return AdminJson(200,
                   DumpJson(Json{{"done", !asker.dry_run}, {"message", done.value()}, {"id", id}}));
}

HttpResponse AdminApi::CancelReplay(const AdminCall& call) const {
  Body body(call);
  const Asker asker = AskerOf(body, call);
  if (const auto mistake = body.mistake()) return AdminError(*mistake);
  const auto id = ParseNumber(call.id);
  if (!id) return AdminError(404, fmt::format("no replay {}", call.id));
  const Result<std::string> done = parts_.operators.Audited(
      fmt::format("cancel replay {}", *id), "", asker, [&] { return parts_.replays.Cancel(*id); });
  if (!done.ok()) return AdminError(done.error());
  return AdminJson(200, DumpJson(Json{{"done", !asker.dry_run}, {"message", done.value()}}));
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

HttpResponse AdminApi::ChangeCheckpoint(const AdminCall& call, DescribeCheckpoint describe,
                                        ActOnCheckpoint act) const {
  Body body(call);
  std::string name;
  body.Field("name", name);
  const Asker asker = AskerOf(body, call);
  if (const auto mistake = body.mistake()) return AdminError(*mistake);
  const Checkpoints& checkpoints = parts_.checkpoints;
  const Result<std::string> words = (checkpoints.*describe)(name);
  if (!words.ok()) return AdminError(words.error());
  const Result<std::string> done =
      parts_.operators.Audited(words.value(), "", asker, [&] { return (checkpoints.*act)(name); });
  if (!done.ok()) return AdminError(done.error());
  return AdminJson(200, DumpJson(Json{{"done", !asker.dry_run},
                                      {"message", done.value()},
                                      {"path", checkpoints.PathOf(name).value()}}));
}

HttpResponse AdminApi::ShowOpenApi(const AdminCall& /*call*/) const {
  return AdminJson(200, OpenApiDocument());
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
  body.Field("note", operation.note);
  const Asker asker = AskerOf(body, call);
  if (const auto mistake = body.mistake()) return AdminError(*mistake);
  const Result<std::string> done = parts_.operators.Perform(operation, asker);
  if (!done.ok()) return AdminError(done.error());
  return AdminJson(200, DumpJson(Json{{"done", !asker.dry_run}, {"message", done.value()}}));
}

}  // namespace relay
