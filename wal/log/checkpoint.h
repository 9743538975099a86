// Copies the log while it is in use.
//
// The committer first writes every cursor that so far only memory holds, in a batch like
// any other, and returns the high-water mark of that moment: the store holds at least
// that much from then on. Then the store is copied while appends go on; of what they
// write, the copy holds a prefix, as after a crash.
//
// INVARIANT. One checkpoint is made at a time. A failed one leaves the log unchanged.
//
// DURABILITY. A copy is complete and on stable storage once it has its name.
//
// THREADS. Any.
//
// ERRORS. As DurableLog::Checkpoint.
#pragma once

#include <mutex>
#include <string>

#include "wal/base/result.h"
#include "wal/commit/committer.h"
#include "wal/commit/disk_budget.h"
#include "wal/commit/options.h"
#include "wal/commit/shared_store.h"
#include "wal/log.h"

namespace relay {

class Checkpointer {
 public:
  // The arguments outlive this object.
  Checkpointer(const LogOptions& options, const SharedStore& store, const DiskBudget& budget,
               Committer& committer)
      : options_(options), store_(store), budget_(budget), committer_(committer) {}

  Status Make(const CheckpointRequest& request);

 private:
  Status CopyInto(const std::string& directory);

  const LogOptions& options_;
  const SharedStore& store_;
  const DiskBudget& budget_;
  Committer& committer_;
  std::mutex mutex_;  // Held while a checkpoint is made; taken before all others.
};

}  // namespace relay
