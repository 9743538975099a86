// The seed of a random test: printed before the test runs, taken from
// RELAY_SEED to repeat a run.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace relay::test {

inline std::uint64_t PrintedSeed() {
  const char* given = std::getenv("RELAY_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device()();
  std::printf("RELAY_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

}  // namespace relay::test
