// DurableLog implements Log on a Store. It holds the parts of which each has a
// contract of its own:
//
//   committer     group commit: one batch and one sync for all that waits
//   queue_table   the backends' queues in memory
//   live_queues   reading one of them, planning and writing a change of it
//   opener        opening, repair, the high-water mark, alarms
//   disk_budget   limits and measured use of the disk
//   retention     trimming, and dropping the oldest
//   checkpoint    copies while the log is in use
//
// The way of an append: Committer::Append -> CommitQueue -> BatchBuilder ->
// Store::Write -> QueueTable::Publish -> `done`.
//
// The contract is Log's. A store that failed a write is never written to again:
// it is closed and opened anew; meanwhile appends are refused and, where the
// store opens for reading, deliveries go on.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wal/base/files.h"
#include "wal/log.h"
#include "wal/log/checkpoint.h"
#include "wal/log/committer.h"
#include "wal/log/disk_budget.h"
#include "wal/log/live_queues.h"
#include "wal/log/opener.h"
#include "wal/log/options.h"
#include "wal/log/queue_table.h"
#include "wal/log/retention.h"
#include "wal/log/shared_store.h"
#include "wal/reading/queue_view.h"
#include "wal/reading/record_cache.h"

namespace relay {

class DurableLog final : public QueueView<Log> {
 public:
  // Opens or creates the log; names in `backends` that it does not know begin
  // at their first append. A log that is damaged opens without what is gone, and
  // Alarms says so; one that can only be read refuses appends, and is opened
  // once that works. kInvalidInput: of a newer format, and untouched.
  // kUnavailable: in use by another process. Others: not even to be read.
  static Result<std::unique_ptr<DurableLog>> Open(const LogOptions& options,
                                                  const std::vector<BackendId>& backends);

  // One turn of housekeeping, to be called about every second: measures the
  // disk, trims what was delivered and outlived its keeping, and, where the
  // log has reached its limit, gives up what is kept for a rewind, the older
  // half each turn; when that is gone and it is to drop the oldest, it drops, a
  // file's worth at a time, from the backend that is furthest behind until
  // there is room. By one thread.
  Status EnforceRetention(WallTime now);

  DiskUse disk_use() const;

  // How long the disk has kept the batch under way waiting; zero: none is.
  std::chrono::nanoseconds DiskWait() const;

  // Messages for the operator about damage found since the log was opened, a
  // sentence each. Lost records are in the gap ledger once the cursor is there.
  std::vector<std::string> Alarms() const;

  // Takes effect with the next append and the next EnforceRetention.
  void SetLimits(const LogLimits& limits);

  // Sets the configured backends: one that the log does not know begins empty,
  // one that is not named any more keeps what it has. Waits for the disk.
  // kUnavailable: nothing changed.
  Status SetBackends(const std::vector<BackendId>& backends);

  // Makes a copy of the log in a new directory, while it is in use: a log of its
  // own that holds all that was acknowledged and resolved before the call, every
  // cursor included, and perhaps some of what came during it. It shares the
  // files that do not change any more (hard links). Under its name it is whole
  // and on stable storage; until then it is NAME.incomplete (wal/recovery/checkpoint_draft.h).
  // Appends and deliveries go on. kInvalidInput: the directory is there already,
  // or cannot share files with the log. kUnavailable: another one is being made,
  // or the log is closed. kFull: the disk is, and a copy would keep on it what
  // the log gives back. Whatever fails, this log is as it was.
  Status Checkpoint(const CheckpointRequest& request);

  // Commits what waits, syncs the cursors, closes.
  ~DurableLog() override;

  std::vector<BackendId> Backends() const override;
  void Append(AppendRequest request, AppendDone done) override;
  void AppendParts(std::vector<AppendRequest> parts, AppendDone done) override;
  void AppendSmall(SmallWrite write, AppendDone done) override;
  Status Resolve(const BackendId& backend, Resolution resolution) override;
  Status ResolveHeld(const BackendId& backend, const Lane& lane,
                     HeldResolution resolution) override;
  Result<CommandResult> Execute(const BackendId& backend, const LogCommand& command) override;
  Marks MarksOf(const BackendId& backend) const override;
  bool PausedOf(const BackendId& backend) const override;
  void OnReadable(std::function<void()> listener) override;
  Status Health() const override;

 private:
  DurableLog(const LogOptions& options, const std::vector<BackendId>& backends);

  Result<OpenQueue> OpenQueueOf(const BackendId& backend) const override;
  Result<CommandResult> ForgetBackend(const BackendId& backend);

  const LogOptions options_;
  std::unique_ptr<DirectoryLock> lock_;
  SharedStore store_;
  QueueTable queues_;
  DiskBudget budget_;
  RecentRecords recent_;
  Opener opener_;
  Committer committer_;
  const LiveQueues live_;
  Retention retention_;
  Checkpointer checkpointer_;
};

}  // namespace relay
