#include "wal/record/lane_rename.h"

#include <algorithm>
#include <utility>

namespace relay {

Result<LaneName> LaneName::Parse(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  if (slash == 0) {
    return Error(ErrorCode::kInvalidInput, "expected a database, or database/retention-policy");
  }
  LaneName name{.database = std::string(text.substr(0, slash))};
  if (slash < text.size()) name.retention_policy = std::string(text.substr(slash + 1));
  return name;
}

std::string ToString(const LaneName& name) {
  return name.retention_policy ? name.database + '/' + *name.retention_policy : name.database;
}

WriteParams Renamed(const std::vector<LaneRename>& renames, WriteParams params) {
  const auto found =
      std::find_if(renames.begin(), renames.end(), [&params](const LaneRename& rename) {
        const LaneName& from = rename.from;
        return from.database == params.database &&
               from.retention_policy.value_or(params.retention_policy) == params.retention_policy;
      });
  if (found == renames.end()) return params;
  params.database = found->to.database;
  if (found->to.retention_policy) params.retention_policy = *found->to.retention_policy;
  return params;
}

WriteParams AsDatabase(WriteParams params) {
  const std::size_t slash = params.database.find('/');
  if (slash == 0 || slash == std::string::npos || !params.retention_policy.empty()) return params;
  params.retention_policy = params.database.substr(slash + 1);
  params.database.resize(slash);
  return params;
}

}  // namespace relay
