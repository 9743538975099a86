#include "replay/delivery/read_budget.h"

#include <algorithm>

namespace relay {

Bytes ReadBudget::Share::Take() {
  if (!std::exchange(is_counted_, true)) ++of_->shares_;
  const std::uint64_t shares = std::max<std::uint64_t>(of_->shares_, 1);
  return std::max(kLeast, Bytes(of_->all_ / shares));
}

void ReadBudget::Share::Leave() {
  if (std::exchange(is_counted_, false)) --of_->shares_;
}

}  // namespace relay
