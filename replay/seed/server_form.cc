#include "replay/seed/server_form.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "replay/transport/create_database.h"
#include "wal/record/lane_rename.h"

namespace relay {
namespace {

std::string InInfluxQl(std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  return seconds == 0 ? "INF" : fmt::format("{}s", seconds);
}

std::string FormOf(const PolicyInfo& policy) {
  std::string form = " DURATION " + InInfluxQl(policy.duration);
  form += " REPLICATION 1";
  if (policy.shard_duration >= std::chrono::seconds(1)) {
    form += " SHARD DURATION " + InInfluxQl(policy.shard_duration);
  }
  return form + (policy.is_default ? " DEFAULT" : "");
}

bool IsAs(const PolicyInfo& wanted, const PolicyInfo& there) {
  return wanted.duration == there.duration && wanted.shard_duration == there.shard_duration &&
         (there.is_default || !wanted.is_default);
}

}  // namespace

Result<std::vector<std::string>> StatementsToMake(const std::string& database, Source& from,
                                                  Source& to, const std::string& name_on_target) {
  Result<std::vector<PolicyInfo>> wanted = from.Policies(database);
  if (!wanted.ok()) return std::move(wanted).error().Within(from.name());
  Result<std::vector<PolicyInfo>> there = to.Policies(database);
  const std::string on = QuotedName(name_on_target);
  std::vector<std::string> statements;
  if (!there.ok() && there.error().code() != ErrorCode::kNotFound) {
    return std::move(there).error().Within(to.name());
  }
  // A new database comes with the server's own default policy.
  const bool is_new = !there.ok();
  if (is_new) statements.push_back("CREATE DATABASE " + on);
  const std::vector<PolicyInfo> policies =
      is_new ? std::vector<PolicyInfo>{{.name = "autogen"}} : there.value();
  for (const PolicyInfo& policy : wanted.value()) {
    const auto same = std::find_if(policies.begin(), policies.end(),
                                   [&](const PolicyInfo& one) { return one.name == policy.name; });
    if (same != policies.end() && IsAs(policy, *same)) continue;
    statements.push_back(fmt::format("{} RETENTION POLICY {} ON {}{}",
                                     same == policies.end() ? "CREATE" : "ALTER",
                                     QuotedName(policy.name), on, FormOf(policy)));
  }
  return statements;
}

Status MakeDatabases(const std::vector<std::string>& databases, Source& from, Source& to,
                     const HttpTransportOptions& options) {
  for (const std::string& database : databases) {
    const std::string name = Renamed(options.target.renames, {.database = database}).database;
    ASSIGN_OR_RETURN(const std::vector<std::string> statements,
                     StatementsToMake(database, from, to, name));
    for (const std::string& statement : statements) {
      Result<std::vector<StatementRow>> done = RunStatement(options, statement);
      if (!done.ok()) return std::move(done).error().Within(to.name() + ": " + statement);
    }
  }
  return Ok();
}

std::vector<std::string> NotCopied(const HttpTransportOptions& options) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& statement, auto&& shown) {
    const Result<std::vector<StatementRow>> rows = RunStatement(options, statement);
    if (!rows.ok()) return;
    for (const StatementRow& row : rows.value()) {
      if (!row.texts.empty() && !row.texts[0].empty()) names.push_back(shown(row));
    }
  };
  add("SHOW CONTINUOUS QUERIES", [](const StatementRow& row) {
    return fmt::format("continuous query {}.{}", row.series, row.texts[0]);
  });
  add("SHOW USERS", [](const StatementRow& row) { return "user " + row.texts[0]; });
  return names;
}

}  // namespace relay
