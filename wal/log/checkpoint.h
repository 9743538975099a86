// Copies the log while it is in use.
//
// The committer writes every cursor that only memory knows, in a batch like any
// other, and says at that point how far the log has come: the copy's high-water
// mark. What the store holds after it holds all of that. Then the store is
// copied, beside the appends that go on; what they add is a prefix of what was
// written, as after a crash.
//
// INVARIANT. One checkpoint at a time. Whatever fails, the log is as it was.
//
// DURABILITY. The copy is whole and on stable storage once it has its name.
//
// THREADS. Any.
//
// ERRORS. As DurableLog::Checkpoint.
#pragma once

#include <mutex>
#include <string>

#include "wal/base/result.h"
#include "wal/log.h"
#include "wal/log/committer.h"
#include "wal/log/disk_budget.h"
#include "wal/log/options.h"
#include "wal/log/shared_store.h"

namespace relay {

class Checkpointer {
 public:
  // All of them outlive this.
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
