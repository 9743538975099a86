// Keeps the log within its limits: gives back what was delivered and outlived its
// keeping, and, where the log is full and told to, drops the oldest.
//
// INVARIANT. What is kept for a rewind goes before anything that is owed or held
// does; what is dropped is in the gap ledger.
//
// DURABILITY. Rows are given back only once the marks that say so are on stable
// storage.
//
// THREADS. One.
//
// ERRORS. As the parts that it asks; a queue that cannot be trimmed does not keep
// the others from it.
#pragma once

#include <optional>
#include <vector>

#include "wal/base/result.h"
#include "wal/log/committer.h"
#include "wal/log/disk_budget.h"
#include "wal/log/live_queues.h"
#include "wal/log/queue_table.h"
#include "wal/log/shared_store.h"

namespace relay {

// The oldest record that a backend is owed, or that one of its lanes holds.
struct OldestKept {
  BackendId backend;
  std::optional<Lane> lane;  // nullopt: owed.
  WallTime accepted_at;
};

// The one that was accepted first; of equals, the first of the list. nullptr: it is empty.
const OldestKept* FirstAccepted(const std::vector<OldestKept>& candidates);

// The most that one queue keeps for a rewind.
Bytes MostKept(const Queues& queues);

class Retention {
 public:
  // The parts of a log that this works on; they outlive it.
  struct Parts {
    const SharedStore& store;
    QueueTable& queues;
    DiskBudget& budget;
    const Committer& committer;
    const LiveQueues& live;
  };

  // `file_size` as StoreOptions: the least that is worth giving up at once.
  Retention(Bytes file_size, const Parts& parts) : file_size_(file_size), parts_(parts) {}

  // One turn. See DurableLog::EnforceRetention.
  Status Enforce(WallTime now);

 private:
  KeepPolicy PolicyNow() const;
  Status DropUntilThereIsRoom(WallTime now);
  Status DropOldest(const OldestKept& oldest, WallTime now);
  Result<std::vector<OldestKept>> Candidates() const;
  Status Trim(const KeepPolicy& keep, WallTime now);
  Status TrimQueue(const BackendId& backend, const KeepPolicy& keep, WallTime now);
  Status DiscardTrimmed();

  const Bytes file_size_;
  const Parts parts_;
  bool nothing_kept_ = false;  // The log was full a turn ago, and nothing was kept for a rewind.
};

}  // namespace relay
