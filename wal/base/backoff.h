// Computes how long to wait before the next try: doubles from `first` up to `max`. The upper half
// of each wait is random, so that many relays that lost the same backend do not all retry at once.
#pragma once

#include <chrono>
#include <cstdint>

namespace relay {

struct Backoff {
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds max{30'000};

  // `chance` in [0, 1): 0 gives half of the full wait, close to 1 nearly all of it.
  // REQUIRES: failures >= 1.
  std::chrono::milliseconds After(std::uint32_t failures, double chance) const;
};

}  // namespace relay
