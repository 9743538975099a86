// Group commit: one thread writes all pending appends and changes as one batch,
// syncs once, makes them visible and answers their callers. It alone writes to
// the store, so that a record never becomes visible before the one it follows.
// Committer::Commit in committer.cc shows all of it.
//
// INVARIANT. A caller is told of success only after the batch with its append or change
// was synced and can be read.
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
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "wal/base/result.h"
#include "wal/log.h"
#include "wal/log/batch_builder.h"
#include "wal/log/batch_timer.h"
#include "wal/log/commit_queue.h"
#include "wal/log/disk_budget.h"
#include "wal/log/group.h"
#include "wal/log/log_change.h"
#include "wal/log/opener.h"
#include "wal/log/options.h"
#include "wal/log/queue_table.h"
#include "wal/log/reserve.h"
#include "wal/log/shared_store.h"
#include "wal/reading/record_cache.h"

namespace relay {

class Committer {
 public:
  // The parts of the log that the committer uses; they outlive it.
  struct Parts {
    SharedStore& store;
    QueueTable& queues;
    DiskBudget& budget;
    RecentRecords& recent;
    Opener& opener;
    const DiskReserve& reserve;
  };

  Committer(const LogOptions& options, const Parts& parts);
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;
  ~Committer() { Stop(); }

  // Opens the store; if it opens for reading only, the log starts closed and is
  // reopened as soon as writing works. To be called before Start.
  Status Open();

  void Start();

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
  void OnReadable(std::function<void()> listener) { on_readable_ = std::move(listener); }

  Status Health() const { return waiting_.Health(); }
  std::optional<Error> closed_because() const { return waiting_.closed_because(); }
  std::chrono::nanoseconds DiskWait() const { return timer_.Waiting(); }

 private:
  void CommitLoop();
  Group NextGroup();
  void Commit(Group group);
  Status WriteBatch(Group& group);
  void Publish(Group& group);
  void Answer(Group& group);
  void AnswerAppend(WaitingAppend& append);
  void CloseAfter(Group failed, const Error& failure);
  Status OpenToWrite();
  bool MustReopen();
  void ReopenWhenDue();

  const LogOptions& options_;
  const Parts parts_;
  BatchTimer timer_;
  CommitQueue waiting_;
  // Used by the committer's thread alone.
  BatchBuilder builder_;
  std::chrono::milliseconds reopen_after_{0};
  std::string last_damage_;
  std::function<void()> on_readable_;
  std::thread thread_;
};

}  // namespace relay
