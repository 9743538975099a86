#include "relay/ingest/ingest_paths.h"

#include <algorithm>
#include <string>

#include "relay/base/url_path.h"

namespace relay {
namespace {

constexpr std::string_view kWriteMethods = "OPTIONS, POST";
constexpr std::string_view kReadMethods = "GET, HEAD, OPTIONS";

// VictoriaMetrics has the paths of InfluxDB below this one too.
constexpr std::string_view kInfluxFolder = "/influx";

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
      {"/query", Endpoint::kQuery, Api::kV1, "GET, HEAD, OPTIONS, POST",
       "CREATE DATABASE and SHOW DATABASES; more with log_statements. No other queries."},
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
  const std::string_view wanted = WithoutPrefix(route, kInfluxFolder);
  for (const IngestPath& one : IngestPaths()) {
    if (one.path == wanted) return {&one, one.api};
  }
  return {nullptr, ApiLike(wanted)};
}

}  // namespace relay
