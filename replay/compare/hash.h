// Hashes that tell whether two servers hold the same values: fast, and independent of the order in
// which values are read. They do not resist somebody who looks for collisions.
//
// A sum of 128 bits stands for a set of values: two sets that differ have the same sum with a
// chance of about 2^-128.
//
// THREADS. Values and pure functions.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "wal/base/mix.h"

namespace relay {

inline std::uint64_t HashOf(std::string_view text) {
  constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15U;
  std::uint64_t hash = Mix(text.size() + kStep);
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = text.size() < sizeof(word) ? text.size() : sizeof(word);
    std::memcpy(&word, text.data(), size);
    hash = Mix((hash ^ word) + kStep);
    text.remove_prefix(size);
  }
  return hash;
}

// Counts values and sums their hashes.
struct Tally {
  std::uint64_t values = 0;
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend bool operator==(const Tally&, const Tally&) = default;
};

// Identifies a point: its series and its time.
constexpr std::uint64_t PointHash(std::uint64_t series, std::int64_t time) {
  return Mix(series + Mix(static_cast<std::uint64_t>(time) + 0x632be59bd9b4e019U));
}

// Adds one value of a point.
constexpr void Add(Tally& tally, std::uint64_t point, std::uint64_t field, std::uint64_t digest) {
  const std::uint64_t place = Mix(point ^ field);
  ++tally.values;
  tally.low += Mix(place + digest);
  tally.high += Mix((place ^ 0xd6e8feb86659fd93U) + digest * 0x9e3779b97f4a7c15U);
}

}  // namespace relay
