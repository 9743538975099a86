// The newest records as they were accepted: a backend that keeps up is served
// from here, without reading the disk and without inflating the same lines
// once for each backend.
//
// INVARIANT. Only records that are on stable storage; bounded in memory.
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

  // REQUIRES: `id` is above all added before.
  void Add(PayloadId id, std::shared_ptr<const Record> record);

  // Nothing where it is too old or was never here.
  std::shared_ptr<const Record> Find(PayloadId id) const;

 private:
  struct Kept {
    PayloadId id;
    std::shared_ptr<const Record> record;
  };

  const Bytes bytes_max_;
  mutable std::mutex mutex_;
  std::deque<Kept> kept_;  // Ascending ids.
  Bytes bytes_{0};
};

}  // namespace relay
