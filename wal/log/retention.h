// Keeps the log within its limits: removes dead letters beyond their budget, deletes delivered
// records that need no longer be kept and, if the log is full and configured to, drops the oldest.
//
// INVARIANT. Records that are kept for a rewind are deleted before any that are owed or
// held; dropped records and removed dead letters are in the gap ledger, written in one step with
// their removal.
//
// DURABILITY. Rows are deleted only once the marks that allow it are on stable storage.
//
// THREADS. One.
//
// ERRORS. As the parts of the log it uses; a queue that cannot be trimmed does not stop
// the others from being trimmed.
#pragma once

#include <optional>
#include <vector>

#include "wal/base/result.h"
#include "wal/commit/committer.h"
#include "wal/commit/disk_budget.h"
#include "wal/commit/queue_table.h"
#include "wal/commit/shared_store.h"
#include "wal/log/live_queues.h"
#include "wal/log/record_ages.h"

namespace relay {

// The oldest record that a backend is owed, or that one of its lanes holds.
struct OldestKept {
  BackendId backend;
  std::optional<Lane> lane;  // nullopt: owed.
  WallTime accepted_at;
};

// Returns the candidate that was accepted first, of equals the first in the list; nullptr: the
// list is empty.
const OldestKept* FirstAccepted(const std::vector<OldestKept>& candidates);

// Returns the most that one queue keeps for a rewind.
Bytes MostKept(const Queues& queues);

// The oldest dead letters of one backend.
struct OldestDead {
  BackendId backend;
  WallTime when;                  // The time of its first letter.
  std::optional<AgeLimit> limit;  // On its letters. nullopt: no age is too old.
  bool is_too_old = false;
};

class Retention {
 public:
  // The parts of the log that this object uses; they outlive it.
  struct Parts {
    const SharedStore& store;
    QueueTable& queues;
    DiskBudget& budget;
    const Committer& committer;
    const LiveQueues& live;
    RecordAges& ages;
  };

  // `file_size`, as in StoreOptions, is the least that is worth dropping at once.
  Retention(Bytes file_size, const Parts& parts) : file_size_(file_size), parts_(parts) {}

  // Does one turn. See DurableLog::EnforceRetention.
  Status Enforce(const Moment& now);

 private:
  KeepPolicy PolicyNow() const;
  Status DropUntilThereIsRoom(const Moment& now);
  Status DropOldest(const OldestKept& oldest, WallTime now);
  Result<std::vector<OldestKept>> Candidates() const;
  Status ShrinkDead(const Moment& now);
  Result<bool> RemoveOldestDead(const Moment& now);
  std::optional<AgeLimit> DeadTooOld(BackendNumber queue, Clock::TimePoint now) const;
  Result<std::optional<OldestDead>> FirstDeadOf(const BackendId& backend,
                                                Clock::TimePoint now) const;
  std::vector<BackendId> Delivered() const;
  Status Trim(const KeepPolicy& keep, Clock::TimePoint now);
  Status TrimQueue(const BackendId& backend, const KeepPolicy& keep, Clock::TimePoint now);
  Status DiscardTrimmed();

  const Bytes file_size_;
  const Parts parts_;
  bool nothing_kept_ = false;  // A turn ago the log was full and kept nothing for a rewind.
};

}  // namespace relay
