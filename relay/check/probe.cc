#include "relay/check/probe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/service/backend_transport.h"
#include "replay/query/http_query.h"
#include "wal/base/clock.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kAnswerMax = 4U << 20U;

// ---------------------------------------------------------------- questions

std::string_view ListPath(Api api) {
  switch (api) {
    case Api::kV1: return "/query?q=SHOW%20DATABASES";
    case Api::kV2: return "/api/v2/buckets?limit=100";
    case Api::kV3: return "/api/v3/configure/database?format=json";
    default: return "";
  }
}

void AddStrings(const Json& json, std::set<std::string>& names) {
  if (json.is_string()) names.insert(json.get<std::string>());
  if (!json.is_structured()) return;
  for (const auto& one : json) AddStrings(one, names);
}

// Returns the names in a list of databases; nullopt: it is none. Strings that are no names do no
// harm: only names that the configuration has are looked for.
std::optional<std::set<std::string>> NamesIn(Api api, const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  std::set<std::string> names;
  if (api != Api::kV2) {
    AddStrings(json, names);
    return names;
  }
  if (!json.is_object() || !json.contains("buckets")) return std::nullopt;
  for (const Json& bucket : json["buckets"]) names.insert(bucket.value("name", ""));
  return names;
}

bool IsPattern(const std::string& name) {
  return name.find('*') != std::string::npos || (name.size() > 1 && name.starts_with('/'));
}

// Returns the names on the backend that the configuration says outright.
std::set<std::string> NamedDatabases(const BackendConfig& backend) {
  const Target target = TargetOf(backend);
  const auto on_backend = [&](const std::string& database) {
    const WriteParams params = NamesOn(target, {.database = database});
    const bool has_buckets = backend.api == Api::kV2 || backend.api == Api::kV3;
    return has_buckets ? BucketOf(target, params) : params.database;
  };
  std::set<std::string> names;
  for (const std::string& database : backend.only.databases) {
    if (!IsPattern(database)) names.insert(on_backend(database));
  }
  for (const LaneRename& rename : backend.renames) names.insert(on_backend(rename.from.database));
  if (!backend.bucket.empty() && backend.bucket.find('{') == std::string::npos) {
    names.insert(backend.bucket);
  }
  return names;
}

std::optional<std::chrono::sys_seconds> TimeIn(const std::string& date) {
  std::tm parts{};
  const char* end = strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(timegm(&parts)));
}

// Takes what every answer says.
void TakeHead(const Reply& head, Probed& probed) {
  if (probed.version.empty()) probed.version = head.version;
  const auto theirs = TimeIn(head.date);
  if (!theirs || probed.clock) return;
  const auto now = std::chrono::floor<std::chrono::seconds>(SystemClock().WallNow());
  probed.clock = *theirs - now;
}

void AskForDatabases(const BackendConfig& backend, HttpQuery& query, Probed& probed) {
  constexpr int kUnauthorized = 401;
  constexpr int kForbidden = 403;
  const std::string_view path = ListPath(backend.api);
  if (path.empty()) return;
  if (const Status asked = query.Ask({.path = std::string(path)}); !asked.ok()) {
    probed.trouble = asked.error().message();
    return;
  }
  const Result<std::string> body = query.Rest(kAnswerMax);
  const Reply& head = query.head();
  TakeHead(head, probed);
  if (head.http_status == kUnauthorized || head.http_status == kForbidden) {
    probed.access = BackendAccess::kRefused;
    return;
  }
  if (head.http_status / 100 != 2 || !body.ok()) return;
  const auto names = NamesIn(backend.api, body.value());
  if (!names) return;
  probed.access = BackendAccess::kAllowed;
  const std::set<std::string> wanted = NamedDatabases(backend);
  probed.databases = wanted.size();
  std::set_difference(wanted.begin(), wanted.end(), names->begin(), names->end(),
                      std::back_inserter(probed.missing));
  if (backend.create_databases) probed.missing.clear();  // The first write makes them.
}

Probed Probe(const BackendConfig& backend) {
  Probed probed{.name = backend.name.text(), .url = ToString(backend.url)};
  probed.is_packets = backend.url.udp;
  if (probed.is_packets) return probed;
  HttpQuery query(QueryOptionsFor(backend), backend.timeout);
  if (const Status asked = query.Ask({.path = "/ping"}); !asked.ok()) {
    probed.trouble = asked.error().message();
    return probed;
  }
  TakeHead(query.head(), probed);
  AskForDatabases(backend, query, probed);
  return probed;
}

// ---------------------------------------------------------------- the answers shown

std::string_view ToString(BackendAccess access) {
  switch (access) {
    case BackendAccess::kAllowed: return "yes";
    case BackendAccess::kRefused: return "REFUSED";
    case BackendAccess::kNotAsked: return "-";
  }
  return "-";
}

std::string DatabasesOf(const Probed& probed) {
  if (!probed.missing.empty()) return fmt::format("MISSING {}", fmt::join(probed.missing, ", "));
  return probed.databases == 0 ? "-" : fmt::format("{} there", probed.databases);
}

std::string ClockOf(const Probed& probed) {
  if (!probed.clock) return "-";
  constexpr std::chrono::seconds kTold{1};  // By the seconds of a Date header.
  if (*probed.clock <= kTold && -*probed.clock <= kTold) return "right";
  return ShownStep(*probed.clock);
}

std::string ReachedOf(const Probed& probed) {
  if (probed.is_packets) return "packets get no answer";
  return probed.trouble.empty() ? "yes" : "NO: " + OneLine(probed.trouble, 200);
}

Cells CellsOf(const Probed& probed) {
  const std::string version = probed.version.empty() ? "-" : OneLine(probed.version, 40);
  return {probed.name,         version,         std::string(ToString(probed.access)),
          DatabasesOf(probed), ClockOf(probed), ReachedOf(probed)};
}

Json JsonOf(const Probed& probed) {
  const auto or_null = [](bool is_known, Json value) {
    return is_known ? std::move(value) : Json();
  };
  const bool was_asked = probed.access != BackendAccess::kNotAsked;
  return {{"name", probed.name},
          {"url", probed.url},
          {"good", probed.is_good()},
          {"reachable", or_null(!probed.is_packets, probed.trouble.empty())},
          {"reason", probed.trouble},
          {"version", probed.version},
          {"authenticated", or_null(was_asked, probed.access == BackendAccess::kAllowed)},
          {"missing_databases", probed.missing},
          {"clock_ahead_seconds",
           or_null(probed.clock.has_value(), probed.clock ? probed.clock->count() : 0)}};
}

}  // namespace

bool Probed::is_good() const {
  const bool is_right = !clock || (*clock <= kClockMax && -*clock <= kClockMax);
  return trouble.empty() && access != BackendAccess::kRefused && missing.empty() && is_right;
}

std::vector<Probed> ProbeAll(const Config& config) {
  std::vector<Probed> all(config.backends.size());
  std::vector<std::jthread> asking;  // At once: one that does not answer takes its timeout.
  asking.reserve(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    asking.emplace_back([&all, &config, i] { all[i] = Probe(config.backends[i]); });
  }
  asking.clear();
  return all;
}

std::string ToTable(const std::vector<Probed>& probes) {
  std::vector<Cells> rows{{"BACKEND", "VERSION", "ACCESS", "DATABASES", "CLOCK", "REACHABLE"}};
  for (const Probed& probed : probes) rows.push_back(CellsOf(probed));
  constexpr std::size_t kLeft = 6;
  return Aligned(rows, kLeft);
}

std::string ToJson(const std::vector<Probed>& probes) {
  Json list = Json::array();
  for (const Probed& probed : probes) list.push_back(JsonOf(probed));
  return DumpJson(Json{{"backends", list}});
}

}  // namespace relay
