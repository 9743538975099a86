// A summary of the values in a range of time: the range is cut into slots of time, the series into
// slots by their hash, and each pair of slots has a tally. Two grids of the same range say which
// slots differ, however many values there are, in memory that is always the same.
//
// THREADS. Values; each belongs to one thread.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "replay/compare/hash.h"

namespace relay {

// Nanoseconds since 1970. INVARIANT: from <= to.
struct TimeRange {
  // The earliest and the latest time that InfluxDB stores.
  static constexpr std::int64_t kEarliest = std::numeric_limits<std::int64_t>::min() + 2;
  static constexpr std::int64_t kLatest = std::numeric_limits<std::int64_t>::max() - 1;

  std::int64_t from = kEarliest;
  std::int64_t to = kLatest + 1;  // Not included.

  bool empty() const { return from >= to; }
  std::uint64_t length() const {
    return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
  }
  bool Has(std::int64_t time) const { return from <= time && time < to; }

  friend bool operator==(const TimeRange&, const TimeRange&) = default;
};

// Some of the series, by their hashes: those that begin with `prefix`, of 6 bits a level, and
// whose next 6 bits are one of `slots`.
struct SeriesSet {
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kLevelMax = 9;

  unsigned level = 0;
  std::uint64_t prefix = 0;
  std::uint64_t slots = ~std::uint64_t{0};

  unsigned SlotOf(std::uint64_t series) const {
    return static_cast<unsigned>(series >> (64 - kBits * (level + 1))) & ((1U << kBits) - 1);
  }
  bool Has(std::uint64_t series) const {
    const bool inside = level == 0 || series >> (64 - kBits * level) == prefix;
    return inside && (slots >> SlotOf(series) & 1U) != 0;
  }
  // Returns the series of one slot, all of them. REQUIRES: level < kLevelMax.
  SeriesSet Inside(unsigned slot) const {
    return {.level = level + 1, .prefix = prefix << kBits | slot};
  }
};

// Some series in a range of time.
struct Region {
  TimeRange range;
  SeriesSet series = {};

  bool Has(std::uint64_t hash, std::int64_t time) const {
    return range.Has(time) && series.Has(hash);
  }
};

class Grid {
 public:
  static constexpr unsigned kSlots = 64;

  // `tick`: all times are multiples of it. REQUIRES: so are the ends of the region.
  explicit Grid(const Region& region, std::int64_t tick = 1);

  // REQUIRES: the region has them.
  void Add(std::uint64_t series, std::int64_t time, const Tally& values) {
    Tally& cell = cells_[SlotOf(time) * kSlots + region_.series.SlotOf(series)];
    cell.values += values.values;
    cell.low += values.low;
    cell.high += values.high;
  }

  const Region& region() const { return region_; }

  // Returns the parts of the region in which the two differ, in order of time: smaller than the
  // region in time, or if that is a tick, in series. Empty: they are equal. A region that
  // cannot be made smaller is returned as it is. REQUIRES: both are of the same region.
  static std::vector<Region> Differences(const Grid& a, const Grid& b);

 private:
  std::size_t SlotOf(std::int64_t time) const {
    return (static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(region_.range.from)) /
           width_;
  }
  TimeRange RangeOf(std::size_t slot) const;

  Region region_;
  std::uint64_t tick_;
  std::uint64_t width_;  // Nanoseconds in a slot.
  std::vector<Tally> cells_;
};

}  // namespace relay
