// Line protocol as agents on a few thousand hosts send it: 3 tags, 10 fields,
// about 330 bytes a line, a nanosecond timestamp rounded to the interval. Its
// digits are chosen so that a hundred lines shrink to about a quarter with zstd
// level 1, as real metrics do: a generator whose values repeat would flatter
// everything that writes less after compressing.
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

#include "wal/record/record.h"

namespace relay::bench {

// Returns a well-mixed value for `number` (splitmix64).
inline std::uint64_t Mixed(std::uint64_t number) {
  number += 0x9E3779B97F4A7C15U;
  number = (number ^ (number >> 30U)) * 0xBF58476D1CE4E5B9U;
  number = (number ^ (number >> 27U)) * 0x94D049BB133111EBU;
  return number ^ (number >> 31U);
}

// Appends a line like telegraf's `cpu` input: most values are quotients with
// all their digits, some are zero nearly always.
inline void AppendSampleLine(std::string& lines, std::uint64_t number) {
  constexpr std::array<std::string_view, 10> kFields = {
      "usage_user", "usage_system", "usage_idle",  "usage_iowait", "usage_softirq",
      "usage_nice", "usage_irq",    "usage_steal", "usage_guest",  "usage_guest_nice"};
  constexpr std::size_t kVaried = 7;
  const auto out = std::back_inserter(lines);
  fmt::format_to(out, "cpu,cpu=cpu{},host=web-{:04}.fra1,region=eu-1 ", number % 16,
                 number / 16 % 4096);
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    const std::uint64_t value = Mixed(number * 16 + i);
    const std::string_view comma = i == 0 ? "" : ",";
    if (i < kVaried) {
      fmt::format_to(out, "{}{}={}.{:014}", comma, kFields.at(i), value % 60,
                     (value >> 8U) % 100'000'000'000'000);
    } else {
      fmt::format_to(out, "{}{}={}", comma, kFields.at(i), value % 64 == 0 ? 1 : 0);
    }
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
