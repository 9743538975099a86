#include "wal/log/live_queues.h"

#include <utility>

#include "wal/base/crash_point.h"

namespace relay {

// Takes the store before the queue, which must not belong to a store that is closed meanwhile.
Result<OpenQueue> LiveQueues::Open(const BackendId& backend) const {
  Result<SharedStore::Lease> lease = store_.Use();
  ASSIGN_OR_RETURN(Queue queue, queues_.SnapshotOf(backend));
  if (!lease.ok()) return std::move(lease).error();
  return OpenQueue{QueueReader(*lease.value().store, std::move(queue), &recent_),
                   std::move(lease.value().open)};
}

Status LiveQueues::Apply(const BackendId& backend, const Plan& plan, Wakes wakes) const {
  RETURN_IF_ERROR(queues_.LeaseOf(backend));
  return ApplyToAny(backend, plan, wakes);
}

Status LiveQueues::ApplyToAny(const BackendId& backend, const Plan& plan, Wakes wakes) const {
  const QueueLock alone(queues_, backend);
  ASSIGN_OR_RETURN(Change change, PlanNow(backend, plan));
  PassCrashPoint(CrashPoint::kChangePlanned);
  return committer_.Write(backend, std::move(change), wakes);
}

Result<Change> LiveQueues::PlanNow(const BackendId& backend, const Plan& plan) const {
  Result<SharedStore::Lease> lease = store_.Use();
  ASSIGN_OR_RETURN(Queue queue, queues_.SnapshotOf(backend));
  if (!lease.ok()) return std::move(lease).error();
  return plan(ChangePlan(*lease.value().store, backend, queue));
}

}  // namespace relay
