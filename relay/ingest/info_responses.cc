#include "relay/ingest/info_responses.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/influxql/show_and_create.h"
#include "relay/ingest/responses.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

HttpResponse InfoAnswer(int status, const Json& body) {
  return {.status = status, .content_type = "application/json", .body = DumpJson(body) + "\n"};
}

// Formats a duration as Go does: "1h2m3s".
std::string GoDuration(std::chrono::nanoseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m{}s", seconds / 60, seconds % 60);
  return fmt::format("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

Json CreatedResult(const std::string& database, std::size_t id, const KnownDatabases& databases) {
  if (databases.may_see(database)) databases.names.Note(database);
  Json message = {{"level", "warning"}, {"text", databases.note(database)}};
  return {{"statement_id", id}, {"messages", Json::array({std::move(message)})}};
}

Json ListedResult(std::size_t id, const KnownDatabases& databases) {
  Json result = {{"statement_id", id}};
  Json series = {{"name", "databases"}, {"columns", {"name"}}};
  for (const std::string& name : databases.names.All()) {
    if (databases.may_see(name)) series["values"].push_back({name});
  }
  result["series"] = Json::array({series});
  return result;
}

}  // namespace

HttpResponse AnswerPing(const QueryParameters& parameters, std::uint64_t status) {
  const std::string& verbose = parameters.Get("verbose");
  if (verbose.empty() || verbose == "0" || verbose == "false") {
    return {.status = static_cast<int>(status)};
  }
  return InfoAnswer(200, {{"version", kInfluxVersion}});
}

HttpResponse AnswerHealth() {
  return InfoAnswer(200, {{"name", "influxdb-relay"},
                          {"message", "ready for queries and writes"},
                          {"status", "pass"},
                          {"checks", Json::array()},
                          {"version", kInfluxVersion}});
}

HttpResponse AnswerReady(const Status& log, WallTime started, WallTime now) {
  if (!log.ok()) {
    HttpResponse response =
        InfoAnswer(503, {{"status", "not ready"}, {"message", log.error().message()}});
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }
  return InfoAnswer(
      200,
      {{"status", "ready"}, {"started", ToRfc3339(started)}, {"up", GoDuration(now - started)}});
}

HttpResponse AnswerQuery(const std::string& text, const KnownDatabases& databases) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return ErrorAnswer(Api::kV1, 400, "missing required parameter \"q\"");
  }
  const Result<std::vector<QueryStatement>> statements = ParseQueryStatements(text);
  if (!statements.ok()) return ErrorAnswer(Api::kV1, 400, statements.error().message());
  Json results = Json::array();
  for (const QueryStatement& statement : statements.value()) {
    if (statement.kind == QueryStatement::Kind::kCreateDatabase) {
      results.push_back(CreatedResult(statement.database, results.size(), databases));
    } else {
      results.push_back(ListedResult(results.size(), databases));
    }
  }
  return InfoAnswer(200, {{"results", results}});
}

}  // namespace relay
