// Line protocol as agents on a few thousand hosts send it: 3 tags, 10 fields,
// about 330 bytes a line, a nanosecond timestamp rounded to the interval. The
// digits of its values are chosen so that a hundred lines shrink to about a
// quarter with zstd level 1, as real metrics do: a generator whose values repeat
// would flatter everything that writes less after compressing.
//
// THREADS. Pure functions; the same number gives the same line everywhere.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "wal/record.h"

namespace relay::bench {

// A well-mixed value for `number` (splitmix64).
inline std::uint64_t Mixed(std::uint64_t number) {
  number += 0x9E3779B97F4A7C15U;
  number = (number ^ (number >> 30U)) * 0xBF58476D1CE4E5B9U;
  number = (number ^ (number >> 27U)) * 0x94D049BB133111EBU;
  return number ^ (number >> 31U);
}

inline void AppendSampleLine(std::string& lines, std::uint64_t number) {
  constexpr std::array<std::string_view, 6> kShares = {
      "usage_user", "usage_system", "usage_idle", "usage_iowait", "usage_irq", "usage_steal"};
  constexpr std::array<std::string_view, 4> kCounts = {"context_switches", "interrupts",
                                                       "processes_running", "processes_blocked"};
  const auto out = std::back_inserter(lines);
  fmt::format_to(out, "cpu,cpu=cpu{},host=web-{:04}.fra1,region=eu-1 ", number % 16,
                 number / 16 % 4096);
  for (std::size_t i = 0; i < kShares.size(); ++i) {
    const std::uint64_t value = Mixed(number * 16 + i);
    fmt::format_to(out, "{}={}.{:012},", kShares.at(i), value % 60,
                   (value >> 8U) % 1'000'000'000'000);
  }
  for (std::size_t i = 0; i < kCounts.size(); ++i) {
    const std::uint64_t value = 400'000'000 + Mixed(number * 16 + 8 + i) % 1'000'000'000;
    fmt::format_to(out, "{}={}i{}", kCounts.at(i), value, i + 1 < kCounts.size() ? "," : "");
  }
  fmt::format_to(out, " {}\n", 1'700'000'000'000'000'000 + number / 65'536 * 10'000'000'000);
}

// Lines `first` to `first + count - 1`.
inline std::string SampleLines(std::uint64_t first, std::uint64_t count) {
  std::string lines;
  lines.reserve(count * 360);
  for (std::uint64_t i = 0; i < count; ++i) AppendSampleLine(lines, first + i);
  return lines;
}

// `count` records of `points` lines each, no line twice.
inline std::vector<Record> SampleRecords(std::uint64_t count, PointCount points) {
  std::vector<Record> records(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    records[i].params.database = "metrics";
    records[i].points = points;
    records[i].lines = SampleLines(i * points, points);
  }
  return records;
}

}  // namespace relay::bench
