#include "replay/transport/create_database.h"

#include <fmt/format.h>

#include <algorithm>

namespace relay {
namespace {

constexpr unsigned char kFirstPlain = 0x20;

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) {
    constexpr unsigned char kDelete = 0x7f;
    return c < kFirstPlain || c == kDelete;
  });
}

std::string JsonText(std::string_view text) {
  std::string escaped;
  for (const char c : QuotedName(text)) {
    const auto byte = static_cast<unsigned char>(c);
    escaped += byte < kFirstPlain ? fmt::format("\\u{:04x}", byte) : std::string(1, c);
  }
  return escaped;
}

}  // namespace

// Escapes the characters that would end the name.
std::string QuotedName(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string CreateStatements(const WriteParams& params, const PolicyForm& policy) {
  std::string statements = "CREATE DATABASE " + QuotedName(params.database);
  if (!params.retention_policy.empty() && params.api != Api::kStatement) {
    statements += fmt::format("; CREATE RETENTION POLICY {} ON {} DURATION {} REPLICATION 1",
                              QuotedName(params.retention_policy), QuotedName(params.database),
                              policy.duration);
    if (!policy.shard_duration.empty()) statements += " SHARD DURATION " + policy.shard_duration;
  }
  return statements;
}

std::string ShowPoliciesStatement(const WriteParams& params) {
  return "SHOW RETENTION POLICIES ON " + QuotedName(params.database);
}

std::string CreateBody(std::string_view database) {
  return "{\"db\":" + JsonText(database) + "}";
}

std::string ShellWord(std::string_view text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + '\'';
}

std::string CreateCommand(const Target& target, const Shown& backend, const WriteParams& params,
                          const PolicyForm& policy) {
  if (HasControl(params.database) || HasControl(params.retention_policy)) return "";
  const std::string bucket = BucketOf(target, params);
  const auto option = [](std::string_view name, const std::string& value) {
    return value.empty() ? "" : fmt::format(" {} {}", name, ShellWord(value));
  };
  switch (target.api) {
    case Api::kPrometheus:  // InfluxDB 1.x is the one that has databases.
    case Api::kV1:
      return fmt::format("curl -sS{} {} --data-urlencode {}", option("-u", backend.username),
                         ShellWord(backend.url + "/query"),
                         ShellWord("q=" + CreateStatements(params, policy)));
    case Api::kV2:
      return fmt::format("influx bucket create --host {}{} --name {}", ShellWord(backend.url),
                         option("--org", target.org), ShellWord(bucket));
    case Api::kV3:
      return fmt::format("curl -sS {} --json {}",
                         ShellWord(backend.url + "/api/v3/configure/database"),
                         ShellWord(CreateBody(bucket)));
    case Api::kStatement: break;
  }
  INVARIANT(false);
}

}  // namespace relay
