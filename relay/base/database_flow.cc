#include "relay/base/database_flow.h"

#include <mutex>

namespace relay {

void DatabaseFlow::Accepted(std::string_view database, PointCount points, Bytes bytes) {
  if (limit_ == 0) return;
  Cell& cell = CellOf(database);
  cell.points += points;
  cell.bytes += bytes.count();
}

DatabaseFlow::Cell& DatabaseFlow::CellOf(std::string_view database) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = cells_.find(database); found != cells_.end()) return found->second;
    const auto others = cells_.find(kOthers);
    const std::size_t named = cells_.size() - (others == cells_.end() ? 0 : 1);
    if (others != cells_.end() && named >= limit_) return others->second;
  }
  const std::unique_lock lock(mutex_);
  const std::size_t named = cells_.size() - cells_.count(kOthers);
  const bool is_known = cells_.contains(database);
  return cells_[is_known || named < limit_ ? std::string(database) : std::string(kOthers)];
}

std::map<std::string, DatabaseFlow::Figures> DatabaseFlow::Read() const {
  std::map<std::string, Figures> figures;
  if (limit_ == 0) return figures;
  const std::shared_lock lock(mutex_);
  for (const auto& [name, cell] : cells_) figures[name] = {cell.points, Bytes(cell.bytes)};
  return figures;
}

}  // namespace relay
