// Group commit: one thread writes all pending appends and changes as one batch,
// syncs once, makes them visible and answers all who waited. It alone writes to
// the store, so that a record never becomes visible before the one it follows.
// Commit (committer.cc) is the whole of it.
//
// INVARIANT. A caller is answered with success only after the sync of the batch
// that holds what it asked for, and after that can be read.
//
// DURABILITY. A store that failed a write is never written to again: the
// committer refuses everything that waits, closes the store, opens it anew (at
// once, then after `reopen_first`, later every `reopen_max`) and goes on.
// Meanwhile readers are served where the store opens for reading.
//
// THREADS. Any number may call what is public between Start and Stop. AppendDone and
// the listener are called on the committer's thread: they must not block.
//
// ERRORS. As CommitQueue; kUnavailable also where a batch failed: what it held
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
#include "wal/log/shared_store.h"
#include "wal/reading/record_cache.h"

namespace relay {

class Committer {
 public:
  // The parts of a log that the committer works on; they outlive it.
  struct Parts {
    SharedStore& store;
    QueueTable& queues;
    DiskBudget& budget;
    RecentRecords& recent;
    Opener& opener;
  };

  Committer(const LogOptions& options, const Parts& parts);
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;
  ~Committer() { Stop(); }

  // Opens the store, for reading alone where that is all that works: it is then
  // closed, and opened again as soon as that succeeds. To be called before Start.
  Status Open();

  void Start();

  // Commits what waits, with the cursors, and closes the store.
  void Stop();

  // `done` is called exactly once, here where it is refused at once.
  void Append(std::vector<AppendRequest> parts, AppendDone done);
  void AppendSmall(SmallWrite write, AppendDone done);

  // Writes a change and waits for it. REQUIRES: the caller holds the QueueLock.
  Status Write(const BackendId& backend, Change change, Wakes wakes);

  // Gives new backends their queues and waits for it.
  Status AddBackends(std::vector<BackendId> names);

  // How far the log has come, once its cursors are on stable storage too.
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
  // The committer's own.
  BatchBuilder builder_;
  std::chrono::milliseconds reopen_after_{0};
  std::string last_damage_;
  std::function<void()> on_readable_;
  std::thread thread_;
};

}  // namespace relay
