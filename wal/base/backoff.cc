#include "wal/base/backoff.h"

#include <algorithm>

#include "wal/base/invariant.h"

namespace relay {

std::chrono::milliseconds Backoff::After(std::uint32_t failures, double chance) const {
  INVARIANT(failures >= 1);
  INVARIANT(chance >= 0.0 && chance < 1.0);
  constexpr std::uint32_t kDoublingsMax = 20;
  const std::uint32_t doublings = std::min(failures - 1, kDoublingsMax);
  const std::chrono::milliseconds whole = std::min(max, first * (1U << doublings));
  const std::chrono::milliseconds half = whole / 2;
  const auto more = static_cast<std::int64_t>(static_cast<double>(half.count()) * chance);
  return whole - half + std::chrono::milliseconds(more);
}

}  // namespace relay
