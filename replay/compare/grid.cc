#include "replay/compare/grid.h"

#include <algorithm>

#include "wal/base/invariant.h"

namespace relay {
namespace {

// Returns a multiple of the tick.
std::uint64_t WidthFor(std::uint64_t length, std::uint64_t tick) {
  const std::uint64_t share = length / Grid::kSlots + (length % Grid::kSlots == 0 ? 0 : 1);
  return std::max<std::uint64_t>(share / tick + (share % tick == 0 ? 0 : 1), 1) * tick;
}

}  // namespace

Grid::Grid(const Region& region, std::int64_t tick)
    : region_(region),
      tick_(static_cast<std::uint64_t>(tick)),
      width_(WidthFor(region.range.length(), tick_)),
      cells_(std::size_t{kSlots} * kSlots) {
  INVARIANT(!region.range.empty());
}

TimeRange Grid::RangeOf(std::size_t slot) const {
  const auto begin = static_cast<std::uint64_t>(region_.range.from);
  const std::uint64_t first = slot * width_;
  const std::uint64_t last = first + std::min(width_, region_.range.length() - first);
  return {static_cast<std::int64_t>(begin + first), static_cast<std::int64_t>(begin + last)};
}

std::vector<Region> Grid::Differences(const Grid& a, const Grid& b) {
  const Region& whole = a.region_;
  INVARIANT(whole.range == b.region_.range);
  std::vector<Region> parts;
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    std::uint64_t differing = 0;
    for (std::size_t series = 0; series < kSlots; ++series) {
      const std::size_t at = slot * kSlots + series;
      if (a.cells_[at] != b.cells_[at]) differing |= std::uint64_t{1} << series;
    }
    if (differing == 0) continue;
    SeriesSet set = whole.series;
    set.slots = differing;
    parts.push_back({a.RangeOf(slot), set});
  }
  if (whole.range.length() > a.tick_ || parts.empty()) return parts;
  if (whole.series.level == SeriesSet::kLevelMax) return parts;
  const SeriesSet set = parts.front().series;
  parts.clear();
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    if ((set.slots >> slot & 1U) != 0) parts.push_back({whole.range, set.Inside(slot)});
  }
  return parts;
}

}  // namespace relay
