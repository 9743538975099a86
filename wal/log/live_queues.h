// Reads and changes one backend's queue of the open log.
//
// INVARIANT. A change is planned from the current queue, written in one batch and made
// visible before the next change of that queue is planned.
//
// DURABILITY. A change is on stable storage when Apply returns ok.
//
// THREADS. Any number at once. Changes of one queue wait for each other.
//
// ERRORS. kNotFound: the log does not know the backend. kUnavailable: the log is
// being reopened, or takes no writes. A plan's errors are returned as they are.
#pragma once

#include <functional>

#include "wal/base/result.h"
#include "wal/commit/committer.h"
#include "wal/commit/queue_table.h"
#include "wal/commit/shared_store.h"
#include "wal/group/group.h"
#include "wal/group/log_change.h"
#include "wal/reading/queue_view.h"
#include "wal/reading/record_cache.h"

namespace relay {

class LiveQueues {
 public:
  using Plan = std::function<Result<Change>(ChangePlan)>;

  // The arguments outlive this object.
  LiveQueues(const SharedStore& store, QueueTable& queues, const RecentRecords& recent,
             Committer& committer)
      : store_(store), queues_(queues), recent_(recent), committer_(committer) {}

  // Returns a reader of the current queue; the store stays open while the reader lives.
  Result<OpenQueue> Open(const BackendId& backend) const;

  // Plans a change, has the committer write it and waits for that.
  // kElsewhere: another log delivers to the backend, and changes its queue.
  Status Apply(const BackendId& backend, const Plan& plan, Wakes wakes) const;

  // Does the same for a backend that no log delivers to.
  Status ApplyToAny(const BackendId& backend, const Plan& plan, Wakes wakes) const;

 private:
  Result<Change> PlanNow(const BackendId& backend, const Plan& plan) const;

  const SharedStore& store_;
  QueueTable& queues_;
  const RecentRecords& recent_;
  Committer& committer_;
};

}  // namespace relay
