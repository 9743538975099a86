// Holds the backends' queues in memory (marks, sums and lanes) and, for each, the state
// that is known to be on stable storage.
//
// INVARIANT. A record appears here only once it is on stable storage. A queue's
// state changes in two ways: MoveCursor changes it at once, everything else is
// planned and written under a QueueLock and appears here with Publish. While a
// queue is locked, only its head moves.
//
// DURABILITY. A moved cursor is dirty until the committer has taken and written
// it. SyncedState never includes anything that is not on stable storage.
//
// THREADS. Any number at once; TakeDirtyCursors, Publish and Adopt by the committer.
// No method calls out while it holds the mutex.
//
// ERRORS. kNotFound: the log does not know the backend. kConflict: the cursor
// was moved meanwhile.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "wal/base/result.h"
#include "wal/group/group.h"
#include "wal/log.h"
#include "wal/reading/load.h"
#include "wal/reading/queue.h"
#include "wal/recovery/high_water.h"

namespace relay {

class QueueTable {
 public:
  // All queues at one moment.
  struct Snapshot {
    Queues queues;
    PayloadId newest_payload{0};  // The last payload that can be read.
  };

  explicit QueueTable(std::vector<BackendId> configured);

  std::vector<BackendId> Names() const;
  Result<Queue> SnapshotOf(const BackendId& backend) const;
  Snapshot All() const;
  Marks MarksOf(const BackendId& backend) const;  // REQUIRES: a known backend.
  bool PausedOf(const BackendId& backend) const;  // REQUIRES: a known backend.

  // Returns the life of the log in which this opening gives numbers.
  LifeId life() const;

  // See LogView::Gave.
  bool Gave(const WritePosition& position) const;

  // Returns the queues as they are on stable storage.
  HighWater SyncedState() const;

  std::vector<BackendId> Configured() const;
  void SetConfigured(std::vector<BackendId> names);

  // From the first call on, this log delivers only to the backends that were set so, each time
  // under a new lease, and others move the cursors of the rest; before it, to all under one lease.
  // A backend that is given up has the cursor that is on stable storage.
  void SetDelivered(const BackendId& backend, bool is_delivered);
  void DeliverToNone();

  // Returns the number of the lease. kElsewhere: another log delivers to the backend, or none does.
  Result<std::uint64_t> LeaseOf(const BackendId& backend) const;

  // Returns those of `names` that have no queue.
  std::vector<BackendId> UnknownOf(const std::vector<BackendId>& names) const;

  // Moves the cursor, after waiting while anybody holds the backend's QueueLock.
  // kConflict: the cursor is not at `resolution.after`. kElsewhere: as LeaseOf.
  Status MoveCursor(const BackendId& backend, const Resolution& resolution);

  // Checks that `change` is still the next one of its queue. kUnavailable: the log was
  // reopened since the change was planned.
  Status CheckNext(const BackendId& backend, const Change& change) const;

  // Takes the cursors that moved and are not written yet; from then on they count as written.
  std::map<BackendId, QueueState> TakeDirtyCursors();

  // Makes a group visible that is on stable storage.
  void Publish(const Group& group, const Numbers& numbers);

  // Adopts the queues that were read from disk. A cursor that this process moved and has not
  // written yet is kept, unless a change that was reported as failed turns out to be on disk:
  // then the state on disk counts. `epoch` belongs to this opening.
  void Adopt(LoadedLog loaded, std::uint64_t epoch);

 private:
  friend class QueueLock;

  void PublishChange(const WaitingChange& waiting);
  bool Delivers(const BackendId& backend) const;
  Result<std::uint64_t> LeaseOfLocked(const BackendId& backend) const;

  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable unlocked_;
  std::vector<BackendId> configured_;
  Queues queues_;
  std::map<BackendId, QueueState> synced_;
  // The leases of the backends that this log delivers to. nullopt: it delivers to all.
  std::optional<std::map<BackendId, std::uint64_t>> leases_;
  std::uint64_t last_lease_ = 0;
  std::set<BackendId> dirty_;   // Queues whose cursor is not written yet.
  std::set<BackendId> locked_;  // Queues whose state only the holder of a QueueLock changes.
  std::uint32_t last_backend_ = 0;
  PayloadId newest_payload_{0};
  Lives lives_;
  std::uint64_t epoch_ = 0;
};

// Keeps a queue unchanged, except for its head, from the planning of a change until the
// change is published. The next lock of the same queue waits.
class QueueLock {
 public:
  // The arguments outlive the lock.
  QueueLock(QueueTable& table, const BackendId& backend);
  QueueLock(const QueueLock&) = delete;
  QueueLock& operator=(const QueueLock&) = delete;
  ~QueueLock();

 private:
  QueueTable& table_;
  const BackendId& backend_;
};

}  // namespace relay
