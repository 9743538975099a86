#include "relay/service/retention_policies.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include "config/schema/value_format.h"
#include "relay/base/event_log.h"
#include "relay/service/backend_transport.h"

namespace relay {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::milliseconds kPatience{2'000};

// The text comes from a backend and goes into a statement to another one.
std::optional<std::string> DurationIn(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  const auto text = value.get<std::string>();
  if (text == "0" || text == "0s") return "INF";
  if (!PolicyDuration().parse(text).ok()) return std::nullopt;
  return text;
}

const Json& At(const Json& row, const Json& columns, const char* column) {
  static const Json nothing;
  const auto found = std::find(columns.begin(), columns.end(), Json(column));
  const auto index = static_cast<std::size_t>(found - columns.begin());
  return found == columns.end() || index >= row.size() ? nothing : row.at(index);
}

std::optional<PolicyForm> FormIn(const Json& row, const Json& columns) {
  const auto duration = DurationIn(At(row, columns, "duration"));
  const auto shard_duration = DurationIn(At(row, columns, "shardGroupDuration"));
  if (!duration) return std::nullopt;
  PolicyForm form{.duration = *duration};
  if (shard_duration && *shard_duration != "INF") form.shard_duration = *shard_duration;
  return form;
}

}  // namespace

std::optional<PolicyForm> PolicyIn(const std::string& answer, const std::string& policy) try {
  const Json series = Json::parse(answer).at("results").at(0).at("series").at(0);
  const Json& columns = series.at("columns");
  for (const Json& row : series.at("values")) {
    if (At(row, columns, "name") == policy) return FormIn(row, columns);
  }
  return std::nullopt;
} catch (const Json::exception&) {  // An error, or a server of another kind.
  return std::nullopt;
}

void RetentionPolicies::Set(const Config& config) {
  const std::lock_guard lock(mutex_);
  configured_ = config.retention_policies;
  servers_.clear();
  std::copy_if(config.backends.begin(), config.backends.end(), std::back_inserter(servers_),
               [](const BackendConfig& one) { return !one.url.udp && one.api == Api::kV1; });
}

std::optional<PolicyForm> RetentionPolicies::InConfig(const WriteParams& params) const {
  const std::lock_guard lock(mutex_);
  for (const RetentionPolicyConfig& one : configured_) {
    const bool of_database = one.database.empty() || one.database == params.database;
    if (!of_database || one.name != params.retention_policy) continue;
    return PolicyForm{.duration = one.duration, .shard_duration = one.shard_duration};
  }
  return std::nullopt;
}

PolicyForm RetentionPolicies::Configured(const WriteParams& params) const {
  return InConfig(params).value_or(PolicyForm{});
}

PolicyForm RetentionPolicies::FormFor(const BackendId& backend, const WriteParams& params) const {
  const auto log = [&](Level level, const PolicyForm& form, const std::string& source) {
    LogEvent(level, "creating a retention policy",
             {{"backend", backend.text()},
              {"database", params.database},
              {"retention_policy", params.retention_policy},
              {"duration", form.duration},
              {"source", source}});
    return form;
  };
  if (params.retention_policy.empty()) return {};
  if (const auto form = InConfig(params)) return log(Level::kInfo, *form, "retention_policies");
  std::vector<BackendConfig> servers;
  {
    const std::lock_guard lock(mutex_);
    servers = servers_;
  }
  for (BackendConfig& server : servers) {
    if (server.name == backend) continue;
    server.timeout = std::min(server.timeout, kPatience);
    const std::string there = NamesOn(TargetOf(server), params).retention_policy;
    const auto form = PolicyIn(ShowPolicies(server, params), there);
    if (form) return log(Level::kInfo, *form, "backend " + server.name.text());
  }
  return log(
      Level::kWarning, {},
      "none: add it to retention_policies, or alter the policy, if its points are to expire");
}

}  // namespace relay
