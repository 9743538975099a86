#include "relay/ingest/ingest_paths.h"

#include <algorithm>
#include <array>
#include <string>

#include "relay/base/url_path.h"

namespace relay {
namespace {

constexpr std::string_view kWriteMethods = "OPTIONS, POST";
constexpr std::string_view kReadMethods = "GET, HEAD, OPTIONS";

// VictoriaMetrics has the paths of InfluxDB and Prometheus below these too.
constexpr std::array<std::string_view, 2> kFolders = {"/influx", "/prometheus"};

Api ApiLike(std::string_view path) {
  if (path.starts_with("/api/v2/")) return Api::kV2;
  if (path.starts_with("/api/v3/")) return Api::kV3;
  return Api::kV1;
}

}  // namespace

const std::vector<IngestPath>& IngestPaths() {
  static const std::vector<IngestPath> paths = {
      {"/write", Endpoint::kWrite, Api::kV1, kWriteMethods, "Accepts writes as InfluxDB 1.x does."},
      {"/api/v2/write", Endpoint::kWriteV2, Api::kV2, kWriteMethods,
       "Accepts writes as InfluxDB 2.x does."},
      {"/api/v3/write_lp", Endpoint::kWriteV3, Api::kV3, kWriteMethods,
       "Accepts writes as InfluxDB 3.x does."},
      {"/api/v1/prom/write", Endpoint::kRemoteWrite, Api::kV1, kWriteMethods,
       "Accepts Prometheus remote write as InfluxDB 1.x does."},
      {"/api/v1/write", Endpoint::kRemoteWrite, Api::kV1, kWriteMethods,
       "The same, as VictoriaMetrics and Prometheus do: the database is `prometheus` unless `db` "
       "names one.",
       "prometheus"},
      {"/api/v1/push", Endpoint::kRemoteWrite, Api::kV1, kWriteMethods, "The same, as Mimir does.",
       "prometheus"},
      {"/query", Endpoint::kQuery, Api::kV1, "GET, HEAD, OPTIONS, POST",
       "CREATE DATABASE and SHOW DATABASES; more with log_statements; queries with queries: "
       "route."},
      {"/api/v2/query", Endpoint::kQueryV2, Api::kV2, kWriteMethods,
       "Queries in Flux, with queries: route."},
      {"/api/v3/query_sql", Endpoint::kQueryV3, Api::kV3, "GET, HEAD, OPTIONS, POST",
       "Queries in SQL, with queries: route."},
      {"/api/v3/query_influxql", Endpoint::kQueryV3, Api::kV3, "GET, HEAD, OPTIONS, POST",
       "Queries in InfluxQL as InfluxDB 3.x has them, with queries: route."},
      {"/ping", Endpoint::kPing, Api::kV1, kReadMethods, "Answers if the relay is up."},
      {"/status", Endpoint::kPing, Api::kV1, kReadMethods, "The same as /ping."},
      {"/health", Endpoint::kHealth, Api::kV1, kReadMethods,
       "The same, in the form of InfluxDB 2.x."},
      {"/ready", Endpoint::kReady, Api::kV1, kReadMethods,
       "200 while writes are accepted, else 503."}};
  return paths;
}

bool FoundIngestPath::Allows(std::string_view method) const {
  std::string_view methods = path->methods;
  while (!methods.empty()) {
    const std::size_t end = std::min(methods.find(", "), methods.size());
    if (methods.substr(0, end) == method) return true;
    methods.remove_prefix(std::min(end + 2, methods.size()));
  }
  return false;
}

FoundIngestPath FindIngestPath(std::string_view path, std::string_view prefix) {
  const std::string route = RoutePath(path, prefix);
  std::string_view wanted = route;
  for (const std::string_view folder : kFolders) wanted = WithoutPrefix(wanted, folder);
  for (const IngestPath& one : IngestPaths()) {
    if (one.path == wanted) return {&one, one.api};
  }
  return {nullptr, ApiLike(wanted)};
}

bool HasStatementsInTarget(std::string_view target) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return false;
  const std::string_view parameters = target.substr(mark + 1);
  const bool has_statements =
      parameters.starts_with("q=") || parameters.find("&q=") != std::string_view::npos;
  return target.substr(0, mark).ends_with("/query") && has_statements;
}

}  // namespace relay
