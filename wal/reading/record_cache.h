// Caches the newest records as accepted: a backend that keeps up is served from here, without
// reading the disk and without decompressing the same lines once per backend.
//
// INVARIANT. Holds only records on stable storage; bounded in memory.
// THREADS. Any number at once.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "wal/base/types.h"
#include "wal/record/record.h"

namespace relay {

class RecentRecords {
 public:
  explicit RecentRecords(Bytes bytes_max) : bytes_max_(bytes_max) {}

  // REQUIRES: `id` is greater than all added before.
  void Add(PayloadId id, std::shared_ptr<const Record> record);

  // nullptr: too old, or never added.
  std::shared_ptr<const Record> Find(PayloadId id) const;

 private:
  struct Kept {
    PayloadId id;
    std::shared_ptr<const Record> record;
  };

  const Bytes bytes_max_;
  mutable std::mutex mutex_;
  std::deque<Kept> kept_;  // In ascending order of id.
  Bytes bytes_{0};
};

}  // namespace relay
