// The backends' queues as they are in memory: marks, sums and lanes, and of each
// the state that is known to be on stable storage.
//
// INVARIANT. A record is seen here only once it is on stable storage. A queue's
// state changes in two ways: MoveCursor changes it at once, everything else is
// planned and written under a QueueLock and appears here with Publish. While a
// queue is locked, only its head moves.
//
// DURABILITY. A moved cursor is dirty until the committer has taken and written
// it. SyncedState never tells of anything that is not on stable storage.
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
#include <set>
#include <vector>

#include "wal/base/result.h"
#include "wal/log.h"
#include "wal/log/group.h"
#include "wal/reading/load.h"
#include "wal/reading/queue.h"
#include "wal/recovery/high_water.h"

namespace relay {

class QueueTable {
 public:
  // All queues at one moment.
  struct Snapshot {
    Queues queues;
    PayloadId newest_payload{0};  // The last one that can be read.
  };

  explicit QueueTable(std::vector<BackendId> configured);

  std::vector<BackendId> Names() const;
  Result<Queue> SnapshotOf(const BackendId& backend) const;
  Snapshot All() const;
  Marks MarksOf(const BackendId& backend) const;  // REQUIRES: a known backend.
  bool PausedOf(const BackendId& backend) const;  // REQUIRES: the same.

  // The queues as they are on stable storage, of all that was answered for.
  HighWater SyncedState() const;

  std::vector<BackendId> Configured() const;
  void SetConfigured(std::vector<BackendId> names);

  // Those of `names` that have no queue.
  std::vector<BackendId> UnknownOf(const std::vector<BackendId>& names) const;

  // Moves the cursor, and waits for that as long as somebody holds a QueueLock.
  // kConflict: it is not at `resolution.after`.
  Status MoveCursor(const BackendId& backend, const Resolution& resolution);

  // Whether `change` still is the next one of its queue. kUnavailable: the log was
  // reopened since it was planned.
  Status CheckNext(const BackendId& backend, const Change& change) const;

  // The cursors that moved and are not written yet; from here on they count as written.
  std::map<BackendId, QueueState> TakeDirtyCursors();

  // What was taken has not been written after all.
  void MarkDirty(const Group& failed);

  // Makes visible what is on stable storage now.
  void Publish(const Group& group, const Numbers& numbers);

  // Takes over what was read from disk. Where this process already knew the queues, what it
  // did since is kept: a cursor that was not yet written. But a change that was
  // reported as failed and is on disk has happened. `epoch` is that of this opening.
  void Adopt(LoadedLog loaded, std::uint64_t epoch);

 private:
  friend class QueueLock;

  void PublishChange(const WaitingChange& waiting);

  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable unlocked_;
  std::vector<BackendId> configured_;
  Queues queues_;
  std::map<BackendId, QueueState> synced_;
  std::set<BackendId> dirty_;   // Whose cursor is not written yet.
  std::set<BackendId> locked_;  // Whose state only the holder of its QueueLock changes.
  std::uint32_t last_backend_ = 0;
  PayloadId newest_payload_{0};
  std::uint64_t epoch_ = 0;
};

// Keeps a queue as it is, but for its head, from when a change is planned until
// it is published. The next one that wants it waits.
class QueueLock {
 public:
  // Both outlive the lock.
  QueueLock(QueueTable& table, const BackendId& backend);
  QueueLock(const QueueLock&) = delete;
  QueueLock& operator=(const QueueLock&) = delete;
  ~QueueLock();

 private:
  QueueTable& table_;
  const BackendId& backend_;
};

}  // namespace relay
