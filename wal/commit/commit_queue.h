// Queues appends and changes for the committer, and refuses them while the log is full,
// closed or stopped.
//
// INVARIANT. Appends are taken in the order they were added, the parts of a write
// together. While the log is closed or stopped, nothing is added and nothing taken;
// the committer answers every `done` and every promise that was accepted before.
//
// DURABILITY. None until the committer has written the group.
//
// THREADS. Any thread may add. The committer calls Next, Close and Reopen.
//
// ERRORS. kUnavailable: the log is closed after a failure or is being stopped, the
// disk hangs, or too much already waits for it. kFull: as DiskBudget::CheckRoom.
// kNotFound: the log does not know the backend. After an error nothing was added.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "wal/base/result.h"
#include "wal/commit/batch_timer.h"
#include "wal/commit/disk_budget.h"
#include "wal/commit/options.h"
#include "wal/commit/queue_table.h"
#include "wal/group/append_queue.h"
#include "wal/group/group.h"

namespace relay {

class CommitQueue {
 public:
  // The arguments outlive the queue.
  CommitQueue(const LogOptions& options, DiskBudget& budget, const QueueTable& queues,
              const BatchTimer& timer)
      : options_(options), budget_(budget), queues_(queues), timer_(timer) {}

  // REQUIRES: `parts` is not empty. Only the committer calls `done`.
  Status AddAppend(std::vector<AppendRequest> parts, AppendDone& done);
  Status AddSmall(SmallWrite write, AppendDone& done);

  // REQUIRES: the caller holds the backend's QueueLock; `waiting` lives until its
  // promise is kept.
  Status AddChange(WaitingChange& waiting);
  Status AddBackends(WaitingBackends& waiting);
  Status AddMark(WaitingMark& waiting);

  // Takes the next group, after waiting for work: at most for as long as a cursor may
  // stay unwritten, or, while the log is closed, for `reopen_after`.
  Group Next(std::chrono::milliseconds reopen_after);

  // Refuses everything from now on. Returns what was waiting.
  Group Close(const Error& because);
  void Reopen();

  // Refuses new entries; Next returns what still waits, and marks the last group `last`.
  void Stop();
  bool stopping() const;

  // nullopt: the log is not closed after a failure.
  std::optional<Error> closed_because() const;

  // Returns Ok, or the reason why appends are refused at this moment.
  Status Health() const;

 private:
  template <typename Add>
  Status Enqueue(Bytes memory, Bytes stored, const Add& add);
  template <typename Waiting>
  Status AddWaiting(std::vector<Waiting*>& to, Waiting& waiting);
  Status CheckHealth() const;
  Status CheckWritable() const;
  Status Admit(Bytes memory) const;
  bool empty() const;
  void MoveWaitingInto(Group& group);

  const LogOptions& options_;
  DiskBudget& budget_;
  const QueueTable& queues_;
  const BatchTimer& timer_;
  mutable std::mutex mutex_;  // Guards what follows. Taken before the table's and the budget's.
  std::condition_variable work_;
  AppendQueue appends_;
  std::vector<WaitingChange*> changes_;
  std::vector<WaitingBackends*> backends_;
  std::vector<WaitingMark*> marks_;
  std::optional<Error> closed_because_;
  bool stopping_ = false;
};

// Returns the error for everything that is pending when the log closes.
Error ClosedBecause(const Error& failure);

}  // namespace relay
