#include "relay/ingest/write_handler.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "relay/influxql/reading.h"
#include "relay/influxql/show_and_create.h"
#include "relay/ingest/form_fields.h"
#include "relay/ingest/forwarded_credentials.h"
#include "relay/ingest/gunzip_body.h"
#include "relay/ingest/remote_write_body.h"
#include "relay/lineprotocol/scanner.h"
#include "relay/queries/flux.h"
#include "relay/routing/append_statements.h"
#include "relay/routing/append_write.h"
#include "replay/transport/remote_write.h"
#include "wal/record/hops.h"

namespace relay {
// Reserves memory for an inflated body, or for its lines, until it is answered.
class MemoryReservation {
 public:
  // Takes the pass where the memory does not suffice: lines can be larger than all that may be
  // reserved, and sent again they are no smaller.
  static std::shared_ptr<MemoryReservation> TakeForLines(
      const std::shared_ptr<Admission>& admission, Bytes size) {
    std::shared_ptr<MemoryReservation> reservation = Take(admission, size);
    if (reservation || !admission || !admission->TakePass()) return reservation;
    admission->ReserveBeyond(size);
    reservation = std::make_shared<MemoryReservation>(admission, size);
    reservation->has_pass_ = true;
    return reservation;
  }
  static std::shared_ptr<MemoryReservation> Take(const std::shared_ptr<Admission>& admission,
                                                 Bytes size) {
    if (!admission || !admission->Reserve(size)) return nullptr;
    return std::make_shared<MemoryReservation>(admission, size);
  }
  MemoryReservation(std::shared_ptr<Admission> admission, Bytes size)
      : admission_(std::move(admission)), size_(size) {}
  MemoryReservation(const MemoryReservation&) = delete;
  MemoryReservation& operator=(const MemoryReservation&) = delete;
  ~MemoryReservation() {
    admission_->Release(size_);
    if (has_pass_) admission_->GivePass();
  }

 private:
  std::shared_ptr<Admission> admission_;
  Bytes size_;
  bool has_pass_ = false;
};

namespace {

HttpResponse NothingToStore() {
  return {.status = 204};
}

// Maps an error of the body or the parameters to its status.
int StatusOf(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidInput: return 400;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kFull: return 413;
    default: return 503;
  }
}

// Returns the limit of the lines of one remote write; a record's are less than 4 GiB.
Bytes SampleMemoryMax(Bytes body_max) {
  constexpr std::uint64_t kTimes = 4;
  return std::min(Bytes(kTimes * body_max.count()), 2_GiB);
}

// kInvalidInput: the encoding or message of a remote write is not one that is read here.
Result<RemoteWriteVersion> VersionOf(const IngestPath& path, const HttpRequest& request) {
  constexpr std::string_view kMessage = "proto=";
  constexpr std::string_view kVersion1 = "prometheus.WriteRequest";
  constexpr std::string_view kVersion2 = "io.prometheus.write.v2.Request";
  if (path.endpoint != Endpoint::kRemoteWrite) return RemoteWriteVersion::k1;
  const std::string_view encoding = request.Header("Content-Encoding");
  if (!encoding.empty() && encoding != "snappy") {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("unknown Content-Encoding \"{}\" (use snappy)", encoding));
  }
  const std::string_view type = request.Header("Content-Type");
  const std::size_t at = type.find(kMessage);
  if (at == std::string_view::npos) return RemoteWriteVersion::k1;
  std::string_view message = type.substr(at + kMessage.size());
  message = message.substr(0, message.find_first_of("; "));
  if (message == kVersion1) return RemoteWriteVersion::k1;
  if (message == kVersion2) return RemoteWriteVersion::k2;
  return Error(ErrorCode::kInvalidInput,
               fmt::format("unknown message \"{}\" in Content-Type (use {} or {})", message,
                           kVersion1, kVersion2));
}

void AddCounts(const SampleCounts& counts, HttpResponse& response) {
  const bool stored = std::any_of(response.headers.begin(), response.headers.end(),
                                  [](const auto& h) { return h.first == "X-Relay-Position"; });
  const auto add = [&response, stored](std::string_view name, PointCount count) {
    response.headers.emplace_back(name, std::to_string(stored ? count : 0));
  };
  add("X-Prometheus-Remote-Write-Samples-Written", counts.samples);
  add("X-Prometheus-Remote-Write-Histograms-Written", counts.histograms);
  add("X-Prometheus-Remote-Write-Exemplars-Written", counts.exemplars);
}

// Adds what a sender of version 2 checks: the numbers of what was stored. `counts` are those when
// the response is there.
HttpReply WithCounts(std::shared_ptr<const SampleCounts> counts, HttpReply reply) {
  return [counts = std::move(counts), reply = std::move(reply)](HttpResponse response) {
    if (response.status == 204 || response.status == 400) AddCounts(*counts, response);
    reply(std::move(response));
  };
}

// Counts a remote write's lines that go to some backend. Each opaque line is in one part; a sample
// may be in two.
SampleCounts CountRouted(const RoutedLines& routed) {
  SampleCounts counts;
  for (const RoutedPart& part : routed.parts) {
    const SampleCounts of_part = CountSamples(part.lines);
    counts.histograms += of_part.histograms;
    counts.exemplars += of_part.exemplars;
  }
  counts.samples = routed.size.points - counts.histograms - counts.exemplars;
  return counts;
}

HttpResponse Unauthorized(Api api, bool has_credentials) {
  if (api != Api::kV1) return ErrorAnswer(api, 401, "unauthorized access");
  return ErrorAnswer(
      api, 401,
      has_credentials ? "authorization failed" : "unable to parse authentication credentials");
}

HttpResponse MayNotWrite(Api api, const Users::User& user, const std::string& database) {
  return ErrorAnswer(api, 403,
                     fmt::format("\"{}\" user is not authorized to write to database \"{}\"",
                                 user.name, database));
}

HttpResponse MayNotRead(Api api, const Users::User& user) {
  return ErrorAnswer(api, 403,
                     fmt::format("\"{}\" user is not authorized to execute this query", user.name));
}

// A user of some databases may read those, if the query names no others.
bool MayRead(const Users::User* user, const QueryCall& call) {
  if (user == nullptr || user->databases.empty()) return true;
  return call.reads_points && !call.databases.empty() &&
         std::all_of(call.databases.begin(), call.databases.end(),
                     [user](const std::string& one) { return user->MayWrite(one); });
}

bool AsksNothing(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// Returns a text of a JSON object; empty: it has none, or is none.
std::string MemberOf(const std::string& body, const char* name) {
  const nlohmann::json object = nlohmann::json::parse(body, nullptr, false);
  if (!object.is_object()) return "";
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

// Returns the text in Flux of a body in one of the forms of InfluxDB 2.x.
std::string FluxOf(const HttpRequest& request) {
  const std::string_view type = request.Header("Content-Type");
  return type.starts_with("application/vnd.flux") ? request.body : MemberOf(request.body, "query");
}

// Returns the response to a body without anything to store; nullopt: there are points.
std::optional<HttpResponse> NothingIn(const WriteQuery& query, const ScannedLines& scanned,
                                      const Refused& refused) {
  const Api api = query.params.api;
  if (refused.any() && (query.all_or_nothing || scanned.points == 0)) {
    return NothingStored(api, 400, query.all_or_nothing, refused);
  }
  if (scanned.points > 0) return std::nullopt;
  return api == Api::kV3 ? ErrorAnswer(api, 400, "incoming write was empty") : NothingToStore();
}

HttpResponse NotStored(Api api, const Error& error) {
  return ErrorAnswer(api, error.code() == ErrorCode::kInvalidInput ? 400 : 503, error.message());
}

// Returns each backend with the last of its parts.
std::vector<DeliveryWaiter::Needed> NeededBy(const std::vector<StoredPart>& parts) {
  std::map<BackendId, PayloadId> last;
  for (const StoredPart& part : parts) {
    for (const BackendId& backend : *part.backends) {
      const auto [entry, added] = last.try_emplace(backend, part.durable.payload());
      if (!added) entry->second = std::max(entry->second, part.durable.payload());
    }
  }
  std::vector<DeliveryWaiter::Needed> needed;
  needed.reserve(last.size());
  for (const auto& [backend, payload] : last) needed.push_back({backend, payload});
  return needed;
}

std::size_t EnoughFor(Consistency consistency, std::size_t backends) {
  switch (consistency) {
    case Consistency::kOne: return 1;
    case Consistency::kQuorum: return backends / 2 + 1;
    case Consistency::kAll: return backends;
    default: return 0;
  }
}

// Says on which backends the relay creates a database, and on which it does not.
std::string NoteOnCreation(const Router& router, const std::string& database) {
  constexpr std::size_t kNamesMax = 5;
  if (router.TakersOf(database)->empty()) {
    return fmt::format("the relay has created nothing: no backend accepts database \"{}\"",
                       database);
  }
  const std::vector<BackendId> without = router.NotCreating(database);
  if (without.empty()) return "the relay creates it on each backend at its first write";
  std::string names;
  for (std::size_t i = 0; i < std::min(without.size(), kNamesMax); ++i) {
    names += (i == 0 ? "" : ", ") + without[i].text();
  }
  if (without.size() > kNamesMax) names += ", ...";
  return fmt::format(
      "the relay has created nothing on {}: if it is missing there, create it, or "
      "set create_databases of the backend or log_statements of this listener",
      names);
}

// Returns why the databases that the statements create would be missing on a backend; empty: they
// would not, or the statements are wrong.
std::string WhyNotCreated(const Router& router, const std::string& text) {
  const Result<std::vector<QueryStatement>> statements = ParseQueryStatements(text);
  if (!statements.ok()) return "";
  for (const QueryStatement& statement : statements.value()) {
    if (statement.kind != QueryStatement::Kind::kCreateDatabase) continue;
    const std::string& database = statement.database;
    if (router.TakersOf(database)->empty() || !router.NotCreating(database).empty()) {
      return fmt::format("database \"{}\": {}", database, NoteOnCreation(router, database));
    }
  }
  return "";
}

Refused RefusedOf(ScannedLines& scanned) {
  Refused refused;
  refused.more = scanned.refused - scanned.errors.size();
  refused.lines = std::move(scanned.errors);
  return refused;
}

}  // namespace

struct WriteHandler::WriteContext {
  Api api = Api::kV1;
  const IngestPath* path = nullptr;  // Never nullptr.
  std::shared_ptr<const WriteHandlerOptions> options;
  QueryParameters parameters;
  ClientCredentials credentials = {};  // Passed on to backends.
  std::string hops = {};               // The relays that the write has passed.
  const Users::User* user = nullptr;   // Owned by `options`; nullptr: no authentication.
  WriteQuery query = {};
  std::shared_ptr<MemoryReservation> reservation = {};
  RemoteWriteVersion version = RemoteWriteVersion::k1;
  std::shared_ptr<SampleCounts> counts = {};  // nullptr: not asked for.

  bool has_samples() const { return path->endpoint == Endpoint::kRemoteWrite; }
};

QueryCall WriteHandler::CallOf(const WriteContext& context, const HttpRequest& request) {
  return {.request = request,
          .api = context.api,
          .path = context.path->path,
          .has_user = context.user != nullptr,
          .refusal = [api = context.api](int status, std::string_view why) {
            return ErrorAnswer(api, status, why);
          }};
}

WriteHandler::WriteHandler(WriteHandlerOptions options, Log& log, const Clock& clock,
                           Counters& counters)
    : options_(std::move(options)),
      log_(log),
      clock_(clock),
      counters_(counters),
      started_(clock.WallNow()),
      own_databases_("", clock) {}

void WriteHandler::Handle(HttpRequest request, HttpReply reply) {
  const std::shared_ptr<const WriteHandlerOptions> options = options_.Get();
  FoundIngestPath found = FindIngestPath(request.path, options->path_prefix);
  const bool only_routed =
      found.endpoint() == Endpoint::kQueryV2 || found.endpoint() == Endpoint::kQueryV3;
  if (only_routed && !options->queries) found.path = nullptr;
  const HttpReply counted = [this, endpoint = found.endpoint(),
                             reply = std::move(reply)](HttpResponse response) {
    counters_.Answered(endpoint, response.status);
    reply(std::move(response));
  };
  if (found.path == nullptr) return counted(ErrorAnswer(found.api, 404, "404 page not found"));
  if (request.method == "OPTIONS") {
    return counted({.status = 204, .headers = {{"Allow", std::string(found.path->methods)}}});
  }
  if (!found.Allows(request.method)) return counted(OnlyBy(found.api, found.path->methods));
  Answer(*found.path, std::move(request), counted);
}

HttpResponse WriteHandler::Refusal(int status, std::string_view message) {
  return RefusalOf("", status, message);
}

HttpResponse WriteHandler::RefusalOf(std::string_view path, int status, std::string_view message) {
  const FoundIngestPath found = FindIngestPath(path, options_.Get()->path_prefix);
  counters_.Answered(found.endpoint(), status);
  return ErrorAnswer(found.api, status, message);
}

// Requests that only ask whether the relay is up need no credentials, as with InfluxDB.
void WriteHandler::Answer(const IngestPath& path, HttpRequest request, const HttpReply& reply) {
  switch (path.endpoint) {
    case Endpoint::kPing: {
      const Result<QueryParameters> parameters = QueryParameters::Parse(request.query);
      return reply(AnswerPing(parameters.ok() ? parameters.value() : QueryParameters(),
                              options_.Get()->ping_status));
    }
    case Endpoint::kHealth: return reply(AnswerHealth());
    case Endpoint::kReady: return reply(AnswerReady(log_.Health(), started_, clock_.WallNow()));
    default: return AnswerAllowed(path, std::move(request), reply);
  }
}

void WriteHandler::AnswerAllowed(const IngestPath& path, HttpRequest request,
                                 const HttpReply& reply) {
  WriteContext context{.api = path.api, .path = &path, .options = options_.Get(), .parameters = {}};
  Result<QueryParameters> parameters = QueryParameters::Parse(request.query);
  if (!parameters.ok()) return reply(ErrorAnswer(context.api, 400, parameters.error().message()));
  context.parameters = std::move(parameters).value();
  const std::shared_ptr<const Users>& users = context.options->users;
  if (users && users->Any()) {
    const Users::Verdict verdict = users->Identify(request, context.parameters);
    if (verdict.user == nullptr) return reply(Unauthorized(context.api, verdict.has_credentials));
    context.user = verdict.user;
  }
  if (context.options->pass_credentials) {
    Result<ClientCredentials> passed = PassedCredentials(request, context.parameters);
    if (!passed.ok()) return reply(ErrorAnswer(context.api, 401, passed.error().message()));
    context.credentials = std::move(passed).value();
  }
  if (!TakeHops(context, request, reply)) return;
  switch (path.endpoint) {
    case Endpoint::kQuery: return Query(std::move(context), request, reply);
    case Endpoint::kQueryV2: return PassOnFlux(context, request, reply);
    case Endpoint::kQueryV3: return PassOnV3(context, request, reply);
    default: break;
  }
  Write(std::move(context), std::move(request), reply);
}

bool WriteHandler::TakeHops(WriteContext& context, const HttpRequest& request,
                            const HttpReply& reply) {
  const std::string_view header = request.Header(kHopsHeader);
  if (header.empty() || context.options->relay_id.empty()) return true;
  Result<std::string> hops = HopsOf(header, context.options->relay_id);
  if (hops.ok()) {
    context.hops = std::move(hops).value();
    return true;
  }
  constexpr int kLoopDetected = 508;
  const bool is_loop = hops.error().code() == ErrorCode::kConflict;
  if (is_loop) counters_.Looped();
  reply(ErrorAnswer(context.api, is_loop ? kLoopDetected : 400, hops.error().message()));
  return false;
}

void WriteHandler::Query(WriteContext context, const HttpRequest& request, const HttpReply& reply) {
  Result<QueryParameters> all = WithForm(std::move(context.parameters), request);
  if (!all.ok()) return reply(ErrorAnswer(Api::kV1, 400, all.error().message()));
  context.parameters = std::move(all).value();
  const std::string& text = context.parameters.Get("q");
  if (PassesOn(context, request, reply)) return;
  if (context.options->log_statements && !OnlyShows(text)) return Statements(context, reply);
  HttpResponse answer = AnswerOwnQuery(context, text);
  NamesOf(*context.options).WhenSaved([reply, answer = std::move(answer)] { reply(answer); });
}

DatabaseNames& WriteHandler::NamesOf(const WriteHandlerOptions& options) {
  return options.databases != nullptr ? *options.databases : own_databases_;
}

HttpResponse WriteHandler::AnswerOwnQuery(const WriteContext& context, const std::string& text) {
  const Router& router = *context.options->router;
  if (context.options->refuses_creation) {
    const std::string reason = WhyNotCreated(router, text);
    if (!reason.empty()) return ErrorAnswer(Api::kV1, 400, reason);
  }
  return AnswerQuery(text, {.names = NamesOf(*context.options),
                            .may_see =
                                [user = context.user](const std::string& database) {
                                  return user == nullptr || user->MayWrite(database);
                                },
                            .note =
                                [&router](const std::string& database) {
                                  return NoteOnCreation(router, database);
                                }});
}

// Answers a query that only reads, if those are passed on; returns false if it is for the relay.
bool WriteHandler::PassesOn(const WriteContext& context, const HttpRequest& request,
                            const HttpReply& reply) {
  const std::string& text = context.parameters.Get("q");
  if (!context.options->queries || request.method == "HEAD" || AsksNothing(text)) return false;
  Result<ReadingText> read = ReadReading(text);
  if (!read.ok()) {
    reply(ErrorAnswer(Api::kV1, 400, read.error().message()));
    return true;
  }
  ReadingText& reading = read.value();
  if (!reading.only_reads) return false;
  QueryCall call = CallOf(context, request);
  call.databases = std::move(reading.databases);
  if (const std::string& named = context.parameters.Get("db"); !named.empty()) {
    call.databases.insert(named);
  }
  call.reads_points = !reading.shows_server;
  if (!MayRead(context.user, call)) {
    reply(MayNotRead(Api::kV1, *context.user));
    return true;
  }
  // Clients ask for databases before they write; a write never depends on a backend.
  call.refusal = [this, text, context](int status, std::string_view why) {
    const bool is_known = status == 503 && ParseQueryStatements(text).ok();
    if (!is_known) return ErrorAnswer(Api::kV1, status, why);
    return AnswerOwnQuery(context, text);
  };
  context.options->queries->Ask(call, reply);
  return true;
}

void WriteHandler::PassOnFlux(const WriteContext& context, const HttpRequest& request,
                              const HttpReply& reply) {
  const FluxText flux = ReadFlux(FluxOf(request));
  if (flux.may_write) {
    return reply(ErrorAnswer(Api::kV2, 400,
                             "the relay passes on only queries that read: send one with to() to a "
                             "database"));
  }
  QueryCall call = CallOf(context, request);
  call.databases = flux.databases;
  // A text in Flux may read more than it names.
  if (context.user != nullptr && !context.user->databases.empty()) {
    return reply(MayNotRead(Api::kV2, *context.user));
  }
  context.options->queries->Ask(call, reply);
}

void WriteHandler::PassOnV3(const WriteContext& context, const HttpRequest& request,
                            const HttpReply& reply) {
  if (request.method == "HEAD") return reply(OnlyBy(Api::kV3, "GET, OPTIONS, POST"));
  QueryCall call = CallOf(context, request);
  std::string named = context.parameters.Get("db");
  if (request.method == "POST") named = MemberOf(request.body, "db");
  if (!named.empty()) call.databases.insert(named);
  if (!MayRead(context.user, call)) return reply(MayNotRead(Api::kV3, *context.user));
  context.options->queries->Ask(call, reply);
}

// Logs all statements, or answers which one cannot be logged.
void WriteHandler::Statements(const WriteContext& context, const HttpReply& reply) {
  if (context.options->pass_credentials && context.credentials.empty()) {
    return reply(Unauthorized(Api::kV1, false));  // No backend executes it without credentials.
  }
  const Result<std::vector<LoggedStatement>> parsed =
      ParseLoggedStatements(context.parameters.Get("q"), context.parameters.Get("db"));
  if (!parsed.ok()) return reply(ErrorAnswer(Api::kV1, 400, parsed.error().message()));
  const std::vector<LoggedStatement>& statements = parsed.value();
  const Router& router = *context.options->router;
  for (const LoggedStatement& statement : statements) {
    if (context.user != nullptr && !context.user->MayWrite(statement.database)) {
      return reply(MayNotWrite(Api::kV1, *context.user, statement.database));
    }
    if (router.TakersOf(statement.database)->empty()) {
      return reply(ErrorAnswer(
          Api::kV1, 404, fmt::format("no backend accepts database \"{}\"", statement.database)));
    }
  }
  AppendStatements(
      {log_, router, clock_.WallNow(), context.credentials, context.hops}, statements,
      [this, context, statements, reply](const Status& done) {
        if (!done.ok()) {
          return reply(ErrorAnswer(Api::kV1, 503, done.error().message()));
        }
        const std::size_t count = statements.size();
        counters_.Accepted(count, Bytes(0));
        NoteStatements(context, statements);
        HttpResponse answer{.status = 200, .body = ResultsOf(count)};
        answer.headers.emplace_back("Content-Type", "application/json");
        NamesOf(*context.options).WhenSaved([reply, answer = std::move(answer)] { reply(answer); });
      });
}

void WriteHandler::NoteStatements(const WriteContext& context,
                                  const std::vector<LoggedStatement>& statements) {
  DatabaseNames& names = NamesOf(*context.options);
  for (const LoggedStatement& statement : statements) {
    if (statement.text.starts_with("DROP DATABASE ")) {
      names.Remove(statement.database);
    } else {
      names.Note(statement.database);
    }
  }
}

// The parameter counts only where it is configured: clients send it unasked, to servers that ignore
// it. The header is the relay's own.
Status WriteHandler::ReadConsistency(const HttpRequest& request, WriteContext& context) {
  if (!context.options->honours_consistency) context.query.consistency = Consistency::kLog;
  const std::string_view demanded = request.Header("X-Relay-Consistency");
  if (demanded.empty()) return Ok();
  ASSIGN_OR_RETURN(context.query.consistency, ParseConsistency(demanded));
  return Ok();
}

void WriteHandler::Write(WriteContext context, HttpRequest request, const HttpReply& reply) {
  const Api api = context.api;
  const Result<RemoteWriteVersion> version = VersionOf(*context.path, request);
  if (!version.ok()) return reply(ErrorAnswer(api, 415, version.error().message()));
  context.version = version.value();
  context.parameters.AddDefault("db", context.path->default_database);
  Result<WriteQuery> query = ParseWriteQuery(
      api, context.parameters, context.options->default_retention_policy,
      context.options->router->SendsBuckets() ? BucketNames::kWhole : BucketNames::kOfDatabases);
  if (!query.ok()) return reply(ErrorAnswer(api, StatusOf(query.error()), query.error().message()));
  context.query = std::move(query).value();
  const Status demanded = ReadConsistency(request, context);
  if (!demanded.ok()) return reply(ErrorAnswer(api, 400, demanded.error().message()));
  context.query.params.credentials = std::move(context.credentials);
  context.query.params.hops = std::move(context.hops);
  WriteParams& params = context.query.params;
  if (context.user != nullptr && !context.user->MayWrite(params.database)) {
    return reply(MayNotWrite(api, *context.user, params.database));
  }
  Result<std::string> body = PlainBody(request, context);
  if (!body.ok()) return reply(ErrorAnswer(api, StatusOf(body.error()), body.error().message()));
  if (context.has_samples()) {
    return WriteSamples(std::move(context), std::move(body).value(), reply);
  }
  if (context.query.may_be_nanoseconds && EndsWithNanoseconds(body.value())) {
    params.precision = Precision::kNanosecond;
  }
  ScannedLines scanned = ScanLines(std::move(body).value(), params.precision, clock_.WallNow(),
                                   context.options->max_line);
  if (context.query.guess_times) scanned.lines = WithGuessedTimes(std::move(scanned.lines));
  Store(std::move(context), std::move(scanned), reply);
}

void WriteHandler::WriteSamples(WriteContext context, std::string body, const HttpReply& reply) {
  Result<ScannedSamples> samples = ScanSamples(
      body, clock_.WallNow(), context.version,
      {.line = context.options->max_line, .memory = SampleMemoryMax(context.options->max_body)});
  if (samples.ok()) {
    std::string().swap(body);
    const Status reserved = ReserveLines(samples.value().scanned, context);
    if (!reserved.ok()) samples = reserved.error();
  } else if (samples.error().code() == ErrorCode::kFull) {
    counters_.Reached(HttpLimit::kInflatedBody);
  }
  if (!samples.ok()) {
    const Error& error = samples.error();
    return reply(ErrorAnswer(context.api, StatusOf(error), error.message()));
  }
  context.query.params.precision = Precision::kMillisecond;
  ScannedLines& scanned = samples.value().scanned;
  if (context.version == RemoteWriteVersion::k1) {
    return Store(std::move(context), std::move(scanned), reply);
  }
  context.counts = std::make_shared<SampleCounts>(samples.value().counts);
  const HttpReply counting = WithCounts(context.counts, reply);
  Store(std::move(context), std::move(scanned), counting);
}

void WriteHandler::Store(WriteContext context, ScannedLines scanned, const HttpReply& reply) {
  counters_.RefusedLines(scanned.refused);
  if (scanned.too_long > 0) counters_.Reached(HttpLimit::kLine);
  Refused refused = RefusedOf(scanned);
  if (auto answer = NothingIn(context.query, scanned, refused)) return reply(*std::move(answer));
  const Router& router = *context.options->router;
  // An import may bring opaque lines by any API.
  const Router::IsOpaque is_opaque =
      MayHaveOpaqueSamples(scanned.lines) ? &IsOpaqueSample : nullptr;
  RoutedLines routed =
      router.Route(context.query.params, std::move(scanned.lines), scanned.points, is_opaque);
  counters_.UnroutedPoints(routed.unrouted);
  counters_.UntranslatedSamples(routed.untranslated);
  if (context.counts && routed.unrouted + routed.untranslated > 0) {
    *context.counts = CountRouted(routed);
  }
  if (routed.unrouted > 0 && router.unrouted() == Unrouted::kRefuse) {
    refused.unrouted = routed.why;
    refused.dropped = routed.unrouted;
  }
  const bool whole = context.query.all_or_nothing;
  if (!refused.unrouted.empty() && (whole || routed.parts.empty())) {
    return reply(NothingStored(context.api, 404, whole, refused));
  }
  if (routed.parts.empty()) return reply(NothingToStore());
  Append(std::move(context), std::move(routed), std::move(refused), reply);
}

void WriteHandler::Append(WriteContext context, RoutedLines routed, Refused refused,
                          const HttpReply& reply) {
  const Totals size = routed.size;
  const WriteParams params = context.query.params;
  const WriteHandlerOptions& options = *context.options;
  AppendParts(log_, {params, options.codec, clock_.WallNow(), options.judge}, std::move(routed),
              [this, context = std::move(context), size, reply,
               refused = std::move(refused)](Result<std::vector<StoredPart>> done) {
                if (!done.ok()) return reply(NotStored(context.api, done.error()));
                counters_.Accepted(size.points, size.bytes);
                DatabaseNames& names = NamesOf(*context.options);
                const std::string& database = context.query.params.database;
                counters_.databases().Accepted(database, size.points, size.bytes);
                if (names.IsNoted(database) || names.Note(database)) {
                  return OnStored(context, std::move(done).value(), refused, reply);
                }
                names.WhenSaved([this, context, parts = std::move(done).value(), refused, reply] {
                  OnStored(context, parts, refused, reply);
                });
              });
}

// Answers that the log has the write, unless the client requires backends to have it.
void WriteHandler::OnStored(const WriteContext& context, std::vector<StoredPart> parts,
                            Refused refused, const HttpReply& reply) {
  const Consistency consistency = context.query.consistency;
  if (consistency == Consistency::kLog || !context.options->waiter) {
    return reply(Stored(parts, context.api, refused));
  }
  std::vector<DeliveryWaiter::Needed> needed = NeededBy(parts);
  const std::size_t all = needed.size();
  const std::size_t enough = EnoughFor(consistency, all);
  context.options->waiter->Wait(std::move(needed), enough, context.options->consistency_timeout,
                                [api = context.api, all, enough, parts = std::move(parts),
                                 refused = std::move(refused), reply](std::size_t have) {
                                  if (have < enough)
                                    return reply(StoredOnly(parts, {.have = have, .of = all}));
                                  reply(Stored(parts, api, refused));
                                });
}

Result<std::string> WriteHandler::PlainBody(HttpRequest& request, WriteContext& context) {
  const std::string_view encoding = request.Header("Content-Encoding");
  if (context.has_samples()) {
    return Reserved(UncompressSnappy(request.body, context.options->max_body), context);
  }
  if (encoding.empty() || encoding == "identity") return std::move(request.body);
  if (encoding != "gzip" && encoding != "x-gzip") {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("unknown Content-Encoding \"{}\" (use gzip or identity)", encoding));
  }
  return Reserved(InflateGzip(request.body, context.options->max_body), context);
}

// Reserves memory for a decompressed body, or refuses it.
Result<std::string> WriteHandler::Reserved(Result<std::string> plain, WriteContext& context) {
  if (!plain.ok()) {
    if (plain.error().code() == ErrorCode::kFull) counters_.Reached(HttpLimit::kInflatedBody);
    return plain;
  }
  context.reservation =
      MemoryReservation::Take(context.options->admission, Bytes(plain.value().size()));
  if (context.reservation || !context.options->admission) return plain;
  counters_.Reached(HttpLimit::kInFlight);
  return Error(ErrorCode::kUnavailable, "too much is waiting to be stored");
}

// Reserves memory for lines in the place of their body, which was smaller.
Status WriteHandler::ReserveLines(const ScannedLines& scanned, WriteContext& context) {
  context.reservation.reset();
  context.reservation =
      MemoryReservation::TakeForLines(context.options->admission, Bytes(scanned.lines.size()));
  if (context.reservation || !context.options->admission) return Ok();
  counters_.Reached(HttpLimit::kInFlight);
  return Error(ErrorCode::kUnavailable, "too much is waiting to be stored");
}

}  // namespace relay
