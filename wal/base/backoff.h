// How long to wait before the next try: doubling from `first` up to `max`, the
// upper half of each wait left to chance, so that many relays that lost the
// same backend do not come back in step.
#pragma once

#include <chrono>
#include <cstdint>

namespace relay {

struct Backoff {
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds max{30'000};

  // `chance` in [0, 1): from half of the wait to nearly all of it.
  // REQUIRES: failures >= 1.
  std::chrono::milliseconds After(std::uint32_t failures, double chance) const;
};

}  // namespace relay
