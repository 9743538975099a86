#include "relay/queries/listener_queries.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "relay/http/query_parameters.h"
#include "relay/queries/passed_headers.h"
#include "wal/base/ascii.h"

namespace relay {
namespace {

constexpr std::size_t kPositionsMax = 100;

// Parses the positions of X-Relay-Position, separated by commas.
Result<std::vector<WritePosition>> PositionsIn(std::string_view text) {
  std::vector<WritePosition> positions;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    ASSIGN_OR_RETURN(const WritePosition position,
                     WritePosition::Parse(Trimmed(text.substr(0, end))));
    positions.push_back(position);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (positions.size() > kPositionsMax) {
      return Error(ErrorCode::kInvalidInput, fmt::format("more than {} positions", kPositionsMax));
    }
  }
  return positions;
}

// Removes the user name and the password from the query of a URL.
std::string WithoutUser(std::string_view query) {
  std::string kept;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const Result<QueryParameters> parsed = QueryParameters::Parse(pair);
    if (parsed.ok() && (parsed.value().Has("u") || parsed.value().Has("p"))) continue;
    if (!kept.empty()) kept += '&';
    kept += pair;
  }
  return kept;
}

std::string TargetOf(const QueryCall& call) {
  const std::string query =
      call.has_user ? WithoutUser(call.request.query) : std::string(call.request.query);
  return query.empty() ? std::string(call.path) : fmt::format("{}?{}", call.path, query);
}

bool Serves(Api backend, const QueryCall& call) {
  if (call.api == Api::kV2) return backend == Api::kV1 || backend == Api::kV2;
  return call.api != Api::kV3 || backend == Api::kV3;
}

}  // namespace

ListenerQueries::ListenerQueries(const Config& config, const HttpListenerConfig& listener,
                                 std::shared_ptr<const Router> router, QueryProxy& proxy)
    : listener_(listener), router_(std::move(router)), proxy_(proxy) {
  if (listener.backends.empty()) backends_ = config.backends;
  for (const BackendId& name : listener.backends) {
    const auto found = std::find_if(config.backends.begin(), config.backends.end(),
                                    [&name](const BackendConfig& one) { return one.name == name; });
    if (found != config.backends.end()) backends_.push_back(*found);
  }
}

void ListenerQueries::Ask(const QueryCall& call, const HttpReply& reply) const {
  Result<std::vector<WritePosition>> after = PositionsIn(call.request.Header("X-Relay-Position"));
  if (!after.ok()) {
    return reply(call.refusal(400, "X-Relay-Position: " + after.error().message()));
  }
  QueryRequest query{.method = std::string(call.request.method),
                     .target = TargetOf(call),
                     .headers = HeadersForBackend(call.request.headers, !call.has_user),
                     .body = call.request.body,
                     .as_relay = call.has_user,
                     .is_influxql = call.api == Api::kV1,
                     .terms = {.max_lag = listener_.query_max_lag,
                               .databases = call.databases,
                               .reads_points = call.reads_points},
                     .after = std::move(after).value(),
                     .wait = listener_.query_wait,
                     .silence = listener_.query_timeout,
                     .refusal = call.refusal};
  for (const BackendConfig& backend : backends_) {
    query.backends.push_back({backend.name.text(), WhyUnfit(backend, call)});
  }
  proxy_.Ask(std::move(query), call.request.watch, reply);
}

std::string ListenerQueries::WhyUnfit(const BackendConfig& backend, const QueryCall& call) const {
  if (backend.url.udp) return "queries cannot go to udp://";
  if (!backend.takes_queries) return "it has queries: false";
  if (backend.api == Api::kPrometheus || !Serves(backend.api, call)) {
    return fmt::format("its API does not have {}", call.path);
  }
  if (!call.reads_points) return "";
  if (call.databases.empty() && (!backend.only.empty() || !backend.except.empty())) {
    return "it may be sent only a part of the points (only, except)";
  }
  for (const std::string& database : call.databases) {
    if (std::string why = WhyNotWhole(backend, database); !why.empty()) return why;
  }
  return "";
}

// Returns why the backend does not have all points of the database under its name.
std::string ListenerQueries::WhyNotWhole(const BackendConfig& backend,
                                         const std::string& database) const {
  const BackendSet takers = router_->TakersOfAll(database);
  if (std::find(takers->begin(), takers->end(), backend.name) == takers->end()) {
    return fmt::format("it is not sent all points of database \"{}\" (only, except)", database);
  }
  const bool is_renamed = std::any_of(
      backend.renames.begin(), backend.renames.end(),
      [&database](const LaneRename& rename) { return rename.from.database == database; });
  if (!is_renamed) return "";
  return fmt::format("it has another name for database \"{}\" (rename)", database);
}

}  // namespace relay
