#include "relay/cli/log_directory.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "config/load.h"
#include "relay/base/json_text.h"
#include "wal/base/clock.h"
#include "wal/offline.h"

namespace relay {

Result<std::string> LogDirectory(const LogLocation& where) {
  if (!where.data.empty()) return where.data;
  Result<Config> config = LoadConfig(where.config_path);
  if (config.ok()) return config.value().log.path;
  return Error(ErrorCode::kInvalidInput, config.error().message());
}

Result<std::unique_ptr<LogView>> OpenLogIn(const std::string& directory) {
  Result<std::unique_ptr<LogView>> log = OpenLogView(directory);
  if (log.ok() || log.error().code() != ErrorCode::kNotFound) return log;
  return Error(ErrorCode::kNotFound, "there is no log in " + directory);
}

Result<BackendId> ChooseBackend(const LogView& log, const std::string& name) {
  const std::vector<BackendId> known = log.Backends();
  std::string names;
  for (const BackendId& backend : known) names += (names.empty() ? "" : ", ") + backend.text();
  if (name.empty() && known.size() == 1) return known.front();
  const auto found = std::find_if(known.begin(), known.end(), [&name](const BackendId& backend) {
    return backend.text() == name;
  });
  if (found != known.end()) return *found;
  if (name.empty()) {
    return Error(ErrorCode::kInvalidInput, "specify --backend, one of: " + names);
  }
  return Error(ErrorCode::kNotFound,
               fmt::format("the log has no backend '{}'; it has: {}", name, names));
}

Result<OpenedLog> OpenLogFor(const LogLocation& where, const std::string& backend) {
  ASSIGN_OR_RETURN(std::string directory, LogDirectory(where));
  ASSIGN_OR_RETURN(std::unique_ptr<LogView> log, OpenLogIn(directory));
  ASSIGN_OR_RETURN(BackendId named, ChooseBackend(*log, backend));
  return OpenedLog{std::move(log), std::move(named)};
}

Result<LogRange> RangeOf(const LogView& log, const BackendId& backend, const std::string& from,
                         const std::string& to) {
  ASSIGN_OR_RETURN(QueueStats stats, log.StatsOf(backend));
  const LogRange owed{.after = stats.marks.cursor, .last = stats.marks.head};
  return ResolveRange(log, backend, {from, to, "--", SystemClock().WallNow()}, owed);
}

int PrintFailure(const char* command, const Error& error, bool json) {
  if (json) {
    fmt::print("{}\n", DumpJson({{"error", error.message()}}));
  } else {
    fmt::print(stderr, "{}: {}\n", command, error.message());
  }
  return error.code() == ErrorCode::kInvalidInput ? kWrongUsage : kFailed;
}

}  // namespace relay
