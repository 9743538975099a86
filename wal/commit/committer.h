// Group commit: one thread writes all pending appends and changes as one batch,
// syncs once, makes them visible and answers their callers. It alone writes to
// the store, so that a record never becomes visible before the one it follows.
// Committer::Commit in committer.cc shows all of it.
//
// INVARIANT. A caller is told of success only after the batch with its append or change
// was synced and can be read.
//
// A log that is shared with other relays commits through their order instead (shared_commit.h).
//
// DURABILITY. A store that failed a write is never written to again: the
// committer refuses everything that waits, closes the store and opens it anew (at
// once, then after `reopen_first`, later every `reopen_max`).
// Meanwhile readers are served if the store opens for reading. A disk without room gets that of the
// reserve.
//
// THREADS. Any thread may call the public methods between Start and Stop. AppendDone and
// the listener are called on the committer's thread: they must not block.
//
// ERRORS. As CommitQueue; kUnavailable also if a batch failed: its appends and changes
// may turn out to be stored.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "wal/base/result.h"
#include "wal/commit/batch_builder.h"
#include "wal/commit/batch_timer.h"
#include "wal/commit/commit_queue.h"
#include "wal/commit/disk_budget.h"
#include "wal/commit/opener.h"
#include "wal/commit/options.h"
#include "wal/commit/queue_table.h"
#include "wal/commit/shared_commit.h"
#include "wal/commit/shared_store.h"
#include "wal/group/group.h"
#include "wal/group/log_change.h"
#include "wal/log.h"

namespace relay {

class Committer {
 public:
  // The parts of the log that the committer uses; they outlive it.
  struct Parts {
    WrittenParts written;
    DiskBudget& budget;
  };

  Committer(const LogOptions& options, const Parts& parts);
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;
  ~Committer() { Stop(); }

  // Opens the store; if it opens for reading only, the log starts closed and is
  // reopened as soon as writing works; a shared log must open for writing. To be called before
  // Start.
  Status Open();

  Status Start();

  // Commits what waits, with the moved cursors, and ends the thread.
  void Stop();

  // Calls `done` exactly once: on the caller's thread if the append is refused at once.
  void Append(std::vector<AppendRequest> parts, AppendDone done);
  void AppendSmall(SmallWrite write, AppendDone done);

  // Writes a change and waits for it. REQUIRES: the caller holds the QueueLock.
  Status Write(const BackendId& backend, Change change, Wakes wakes);

  // Creates the queues of new backends and waits until they are on stable storage.
  Status AddBackends(std::vector<BackendId> names);

  // Waits until all moved cursors are on stable storage, and returns the log's state there.
  Result<HighWater> MarkNow();

  // Set once, before the first append. See Log::OnReadable.
  void OnReadable(std::function<void()> listener) { writer_.OnReadable(std::move(listener)); }

  // Waits until the log can take writes: at once if it is not shared. As SharedCommit.
  Status WaitUntilOpen(std::chrono::milliseconds wait);

  // Returns the moment from which the log's owner may not deliver any more. nullopt: the log is not
  // shared, and it may always.
  std::optional<Clock::TimePoint> MayDeliverUntil() const;

  // See SharedCommit; a log that is not shared has none.
  SharedLogStatus::Deliverer DelivererOf(const BackendId& backend) const;
  std::optional<SharedLogStatus> ReadSharedStatus() const;
  void KeepOrderShort();
  // kConflict: the log is not shared; else as SharedCommit.
  Status FoundOrder(bool only_tries);

  Status Health() const;
  std::optional<Error> closed_because() const { return waiting_.closed_because(); }
  std::chrono::nanoseconds DiskWait() const { return timer_.Waiting(); }

 private:
  Status CheckCopies() const;
  Status CheckAlone() const;
  void CommitLoop();
  Group NextGroup();
  void Commit(Group group);
  Status WriteBatch(Group& group);
  void CloseAfter(Group failed, const Error& failure);
  bool MustReopen();
  void ReopenWhenDue();

  const LogOptions& options_;
  BatchTimer timer_;
  CommitQueue waiting_;
  // Used by the committer's thread alone.
  GroupWriter writer_;
  std::chrono::milliseconds reopen_after_{0};
  std::thread thread_;
  std::unique_ptr<SharedCommit> shared_;  // nullptr: the log is this relay's alone.
};

}  // namespace relay
