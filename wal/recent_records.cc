#include "wal/recent_records.h"

#include <algorithm>
#include <utility>

namespace relay {

void RecentRecords::Add(PayloadId id, std::shared_ptr<const Record> record) {
  const std::lock_guard lock(mutex_);
  INVARIANT(kept_.empty() || kept_.back().id < id);
  bytes_ += Bytes(record->lines.size());
  kept_.push_back({id, std::move(record)});
  while (bytes_ > bytes_max_) {
    bytes_ = bytes_ - Bytes(kept_.front().record->lines.size());
    kept_.pop_front();
  }
}

std::shared_ptr<const Record> RecentRecords::Find(PayloadId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::lower_bound(kept_.begin(), kept_.end(), id,
                                      [](const Kept& kept, PayloadId at) { return kept.id < at; });
  if (found == kept_.end() || found->id != id) return nullptr;
  return found->record;
}

}  // namespace relay
