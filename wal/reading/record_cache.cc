#include "wal/reading/record_cache.h"

#include <algorithm>
#include <utility>

namespace relay {
namespace {

// Overhead exceeds the lines in small records.
Bytes MemoryOf(const Record& record) {
  constexpr std::size_t kAround = 256;
  return Bytes(kAround + record.lines.capacity() + record.params.database.capacity() +
               record.params.retention_policy.capacity());
}

}  // namespace

void RecentRecords::Add(PayloadId id, std::shared_ptr<const Record> record) {
  const std::lock_guard lock(mutex_);
  INVARIANT(kept_.empty() || kept_.back().id < id);
  bytes_ += MemoryOf(*record);
  kept_.push_back({id, std::move(record)});
  while (bytes_ > bytes_max_ && kept_.size() > 1) {
    bytes_ = bytes_ - MemoryOf(*kept_.front().record);
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
