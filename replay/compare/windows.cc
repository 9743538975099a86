#include "replay/compare/windows.h"

#include <algorithm>

namespace relay {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::hours kLengthMax{1'000'000};

// Returns the start of the first window after 1970-01-01.
std::int64_t OffsetOf(nanoseconds length) {
  // 1970 is four times as many nanoseconds after year 1, too many for one number.
  constexpr std::uint64_t kQuarter = 15'533'899'200'000'000'000U;
  const auto unit = static_cast<std::uint64_t>(length.count());
  const std::uint64_t behind = 4 * (kQuarter % unit) % unit;
  return static_cast<std::int64_t>((unit - behind) % unit);
}

TimeRange Clipped(const TimeWindow& window, nanoseconds length, const TimeRange& within) {
  const bool overflows = window.start > TimeRange::kLatest - length.count();
  const std::int64_t end = overflows ? TimeRange::kLatest + 1 : window.start + length.count();
  return {std::max(window.start, within.from), std::min(end, within.to)};
}

}  // namespace

WindowShape WindowsFor(nanoseconds shards_a, nanoseconds shards_b) {
  constexpr nanoseconds kHour = std::chrono::hours(1);
  const auto fitting = [&](nanoseconds shards) {
    const bool odd = shards >= std::chrono::seconds(1) && shards <= kLengthMax;
    return odd && shards % kHour != nanoseconds(0) ? std::min(shards, kHour) : kHour;
  };
  const nanoseconds length = std::min(fitting(shards_a), fitting(shards_b));
  return {.length = length, .offset = OffsetOf(length)};
}

std::vector<TimeWindow> UnionOf(const std::vector<TimeWindow>& a,
                                const std::vector<TimeWindow>& b) {
  std::vector<TimeWindow> both;
  auto left = a.begin();
  auto right = b.begin();
  while (left != a.end() || right != b.end()) {
    const bool from_a = right == b.end() || (left != a.end() && left->start <= right->start);
    const TimeWindow& next = from_a ? *left++ : *right++;
    if (!both.empty() && both.back().start == next.start) {
      both.back().values += next.values;
    } else {
      both.push_back(next);
    }
  }
  return both;
}

std::vector<TimeRange> RangesOf(const std::vector<TimeWindow>& windows, nanoseconds length,
                                const TimeRange& within, std::uint64_t values_max) {
  std::vector<TimeRange> ranges;
  std::uint64_t values = 0;
  for (const TimeWindow& window : windows) {
    const TimeRange range = Clipped(window, length, within);
    if (range.empty()) continue;
    if (!ranges.empty() && values + window.values <= values_max) {
      values += window.values;
      ranges.back().to = range.to;
    } else {
      values = window.values;
      ranges.push_back(range);
    }
  }
  return ranges;
}

std::vector<TimeRange> Covering(std::vector<TimeRange> ranges, const TimeRange& within) {
  if (ranges.empty()) return {within};
  for (std::size_t i = 0; i + 1 < ranges.size(); ++i) ranges[i].to = ranges[i + 1].from;
  ranges.front().from = within.from;
  ranges.back().to = within.to;
  return ranges;
}

}  // namespace relay
