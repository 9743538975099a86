// DurableLog implements Log on a Store. It holds these parts, each with a contract of
// its own:
//
//   committer     group commit: one batch and one sync for all pending appends and changes
//   queue_table   the backends' queues in memory
//   live_queues   reading a queue, planning and writing a change of it
//   opener        opening, repair, the high-water mark, alarms
//   disk_budget   limits and measured use of the disk
//   reserve       room to open on a full disk
//   retention     trimming, and dropping the oldest
//   checkpoint    copies while the log is in use
//
// The path of an append: Committer::Append -> CommitQueue -> BatchBuilder ->
// Store::Write -> QueueTable::Publish -> `done`.
//
// The contract is Log's. A store that failed a write is never written to again:
// it is closed and opened anew; meanwhile appends are refused and, if the
// store opens for reading, deliveries go on.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wal/base/files.h"
#include "wal/commit/committer.h"
#include "wal/commit/disk_budget.h"
#include "wal/commit/opener.h"
#include "wal/commit/options.h"
#include "wal/commit/queue_table.h"
#include "wal/commit/reserve.h"
#include "wal/commit/shared_store.h"
#include "wal/log.h"
#include "wal/log/checkpoint.h"
#include "wal/log/copy_start.h"
#include "wal/log/live_queues.h"
#include "wal/log/record_ages.h"
#include "wal/log/retention.h"
#include "wal/reading/queue_view.h"
#include "wal/reading/record_cache.h"

namespace relay {

class DurableLog final : public QueueView<Log> {
 public:
  // Opens or creates the log; backends that it does not know begin with an empty queue.
  // A damaged log opens without the lost records, and Alarms reports them; a log
  // that can only be read refuses appends, and is reopened once writing works.
  // kInvalidInput: its format is newer; it is left untouched. kUnavailable: another
  // process uses it. Any other error: it cannot even be read.
  static Result<std::unique_ptr<DurableLog>> Open(const LogOptions& options,
                                                  const std::vector<BackendId>& backends);

  // Does one turn of housekeeping, to be called about every second by one thread. It
  // measures the disk and trims delivered records that need no longer be kept. If the
  // log has reached its limit, it gives up what is kept for a rewind, the older half
  // each turn; if nothing is kept any more and the log is to drop the oldest, it drops
  // records of the backend that is furthest behind, a file's worth at a time, until
  // there is room.
  Status EnforceRetention(const Moment& now);

  DiskUse disk_use() const;

  // Returns for how long the disk has kept the current batch waiting; zero: there is none.
  std::chrono::nanoseconds DiskWait() const;

  // Returns a sentence for the operator about each damage found since the log was
  // opened. Lost records are in the gap ledger once the cursor has reached them.
  std::vector<std::string> Alarms() const;

  // Returns since when and until when points may be missing because the log was started on a
  // checkpoint. nullopt: it was not, an operator has taken note, or the log is shared: it gets what
  // it lacks from the order.
  std::optional<StartedCopy> UnacknowledgedCopy() const { return copy_start_.Unacknowledged(); }

  // Takes note of that. kConflict: there is nothing to take note of.
  Status AcknowledgeCopy(WallTime now) { return copy_start_.Acknowledge(now); }

  // Returns what the log knows of the order and of the relays that share it. nullopt: it is not
  // shared.
  std::optional<SharedLogStatus> ReadSharedStatus() const { return committer_.ReadSharedStatus(); }

  // Founds the order of a shared log anew behind this log, which has found its end missing; every
  // relay whose log ends at the same place goes on with it. `only_tries`: checks that it may.
  // kConflict: nothing is missing, the log is not shared, or another relay has founded it.
  Status FoundOrder(bool only_tries) { return committer_.FoundOrder(only_tries); }

  // Returns the relay that delivers to a backend; an empty name: none does, or the log is not
  // shared.
  SharedLogStatus::Deliverer DelivererOf(const BackendId& backend) const {
    return committer_.DelivererOf(backend);
  }

  // Sets the limits; they apply from the next append and the next EnforceRetention.
  void SetLimits(const LogLimits& limits);

  // Sets the configured backends: a new one begins with an empty queue, one that is no
  // longer named keeps its queue. Waits for the disk. kUnavailable: nothing changed.
  Status SetBackends(const std::vector<BackendId>& backends);

  // Copies the log into a new directory while it is in use. The copy is a log of its
  // own with everything that was acknowledged and resolved before the call, every
  // cursor included, and perhaps some of what came during the call. It shares files
  // that no longer change (hard links). It is called NAME.incomplete until it is complete
  // and on stable storage (wal/recovery/checkpoint_draft.h). Appends and deliveries go on.
  // kInvalidInput: the directory exists, or cannot share files with the log.
  // kUnavailable: another checkpoint is being made, or the log is closed. kFull: the
  // disk is full, and a copy would hold on to files that the log deletes. After any
  // error this log is unchanged.
  Status Checkpoint(const CheckpointRequest& request);

  // Commits what waits, syncs the cursors and closes the log.
  ~DurableLog() override;

  std::vector<BackendId> Backends() const override;
  void Append(AppendRequest request, AppendDone done) override;
  void AppendParts(std::vector<AppendRequest> parts, AppendDone done) override;
  void AppendSmall(SmallWrite write, AppendDone done) override;
  Status Resolve(const BackendId& backend, Resolution resolution) override;
  Status ResolveHeld(const BackendId& backend, const Lane& lane,
                     HeldResolution resolution) override;
  Result<CommandResult> Execute(const BackendId& backend, const LogCommand& command) override;
  Result<Sequence> LastOlderThan(const BackendId& backend, std::chrono::nanoseconds age,
                                 Clock::TimePoint now) const override;
  Marks MarksOf(const BackendId& backend) const override;
  bool PausedOf(const BackendId& backend) const override;
  Result<std::uint64_t> LeaseOf(const BackendId& backend) const override;
  void OnReadable(std::function<void()> listener) override;
  bool Gave(const WritePosition& position) const override;
  Status Health() const override;

 private:
  DurableLog(const LogOptions& options, const std::vector<BackendId>& backends);

  Status JoinOrder(const std::vector<BackendId>& backends);
  Status NoteCopy(WallTime now);

  Result<OpenQueue> OpenQueueOf(const BackendId& backend) const override;
  Result<CommandResult> ForgetBackend(const BackendId& backend);

  const LogOptions options_;
  CopyStart copy_start_;
  std::unique_ptr<DirectoryLock> lock_;
  SharedStore store_;
  QueueTable queues_;
  DiskBudget budget_;
  const DiskReserve reserve_;
  RecentRecords recent_;
  Opener opener_;
  Committer committer_;
  const LiveQueues live_;
  RecordAges ages_;
  Retention retention_;
  Checkpointer checkpointer_;
};

}  // namespace relay
