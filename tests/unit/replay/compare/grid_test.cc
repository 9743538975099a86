#include "replay/compare/grid.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "replay/compare/windows.h"
#include "tests/support/seed.h"

namespace relay::test::unit_replay_compare_grid_test {
namespace {

using std::chrono::hours;

Tally One(std::uint64_t digest) {
  Tally tally;
  Add(tally, 1, 2, digest);
  return tally;
}

TEST_CASE("grid: the order of values does not count, and each value does") {
  const Region region{.range = {0, 1'000}};
  Grid a(region);
  Grid b(region);
  for (int i = 0; i < 1'000; ++i) a.Add(Mix(static_cast<std::uint64_t>(i)), i, One(7));
  for (int i = 999; i >= 0; --i) b.Add(Mix(static_cast<std::uint64_t>(i)), i, One(7));
  CHECK(Grid::Differences(a, b).empty());
  a.Add(Mix(5), 5, One(8));
  b.Add(Mix(5), 5, One(9));
  CHECK_EQ(Grid::Differences(a, b).size(), 1);
}

TEST_CASE("grid: the parts that differ hold the difference and are smaller, at any size") {
  std::mt19937_64 random(PrintedSeed());
  for (int run = 0; run < 200; ++run) {
    const std::int64_t tick = run % 2 == 0 ? 1 : 1'000'000;
    Region region;
    if (run % 3 != 0) {
      region.range.from = static_cast<std::int64_t>(random() % 1'000) * tick;
      region.range.to = region.range.from + static_cast<std::int64_t>(1 + random() % 300) * tick;
    } else if (tick != 1) {
      region.range = {-1'000'000 * tick, 1'000'000 * tick};
    }
    const std::uint64_t series = random();
    const auto steps = region.range.length() / static_cast<std::uint64_t>(tick);
    const std::int64_t time =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(region.range.from) +
                                  random() % steps * static_cast<std::uint64_t>(tick));
    for (int depth = 0; depth < 40; ++depth) {
      Grid a(region, tick);
      const Grid b(region, tick);
      a.Add(series, time, One(1));
      const std::vector<Region> parts = Grid::Differences(a, b);
      REQUIRE_EQ(parts.size(), 1);
      CHECK(parts[0].Has(series, time));
      CHECK_EQ(parts[0].range.from % tick == 0 || region.range.from % tick != 0, true);
      const bool smaller = parts[0].range.length() < region.range.length() ||
                           parts[0].series.level > region.series.level ||
                           region.series.level == SeriesSet::kLevelMax;
      CHECK(smaller);
      region = parts[0];
    }
    CHECK_EQ(region.range.length(), static_cast<std::uint64_t>(tick));
    CHECK_EQ(region.series.level, SeriesSet::kLevelMax);
  }
}

TEST_CASE("windows: they are hours, and fit shards of another length from year 1 on") {
  CHECK_EQ(WindowsFor(hours(168), hours(24)).length, hours(1));
  CHECK_EQ(WindowsFor(hours(168), hours(24)).offset, 0);
  CHECK_EQ(WindowsFor(hours(0), hours(0)).length, hours(1));
  // 7 minutes do not divide the time from year 1 to 1970: 62,135,596,800 s is 240 s more.
  const WindowShape odd = WindowsFor(hours(168), std::chrono::minutes(7));
  CHECK_EQ(odd.length, std::chrono::minutes(7));
  CHECK_EQ(odd.offset, (420 - 62'135'596'800 % 420) % 420 * 1'000'000'000);
}

TEST_CASE("windows: ranges have every window, joined up to a number of values") {
  const std::vector<TimeWindow> windows = UnionOf({{0, 5}, {10, 5}, {40, 1}}, {{10, 5}, {20, 4}});
  REQUIRE_EQ(windows.size(), 4);
  CHECK_EQ(windows[1].values, 10);
  const std::chrono::nanoseconds length{10};
  const TimeRange within{3, 45};
  CHECK(RangesOf(windows, length, within, 1'000) == std::vector<TimeRange>{{3, 45}});
  CHECK(RangesOf(windows, length, within, 10) ==
        std::vector<TimeRange>{{3, 10}, {10, 20}, {20, 45}});
  CHECK(RangesOf(windows, length, within, 0) ==
        std::vector<TimeRange>{{3, 10}, {10, 20}, {20, 30}, {40, 45}});
  CHECK(RangesOf(windows, length, {30, 35}, 0).empty());
  CHECK(Covering({{3, 10}, {20, 30}}, {0, 45}) == std::vector<TimeRange>{{0, 20}, {20, 45}});
  CHECK(Covering({}, {0, 45}) == std::vector<TimeRange>{{0, 45}});
}

}  // namespace
}  // namespace relay::test::unit_replay_compare_grid_test
