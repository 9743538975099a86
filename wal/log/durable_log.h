// The Log on a store: a committer thread joins whatever waits into one batch
// and one sync. It alone writes, and gives out sequences and payload ids in
// commit order, so that a record never becomes visible before the one it
// follows.
//
// The contract is Log's. A store that failed a write is never written to again:
// the committer closes it, opens it anew (at once, then every second, later
// every half minute) and goes on; meanwhile appends are refused and, where the
// store opens for reading, deliveries go on.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "wal/base/files.h"
#include "wal/base/histogram.h"
#include "wal/log.h"
#include "wal/log/append_queue.h"
#include "wal/log/log_change.h"
#include "wal/reading/load.h"
#include "wal/reading/queue.h"
#include "wal/reading/queue_view.h"
#include "wal/record/identity.h"
#include "wal/recovery/high_water.h"
#include "wal/store/store.h"

namespace relay {

struct LogTimes {
  std::function<std::chrono::nanoseconds()> now;  // Never steps; from any thread.
  Histogram appends;                              // From Append to a place on stable storage.
  Histogram syncs;                                // Of one batch.
};

struct LogOptions {
  std::string directory;        // The relay's log.path.
  rocksdb::Env* env = nullptr;  // See StoreOptions.

  // A cursor is on stable storage this much later than it moved, at most: what
  // is sent again after a crash.
  std::chrono::milliseconds cursor_interval{100};
  // One batch. Larger ones make a sync slower than the next one waits for.
  Bytes group_max = 8_MiB;
  // Memory of appends that wait for the committer: bounded when the disk is
  // slower than the clients.
  Bytes waiting_max = 128_MiB;
  // Lines kept in memory for the backends that keep up.
  Bytes recent_max = 32_MiB;
  KeepPolicy keep;
  Bytes size_max = 64_GiB;  // On disk, all of the directory.
  Bytes free_min = 2_GiB;   // Left to others on the file system.
  WhenFull when_full = WhenFull::kRefuse;
  Bytes file_size = 64_MiB;  // See StoreOptions.
  std::chrono::milliseconds reopen_first{1'000};
  std::chrono::milliseconds reopen_max{30'000};
  // Where to count how long appends and syncs take; it outlives the log.
  LogTimes* times = nullptr;
  // A batch takes longer than this: the disk hangs. From then on appends are
  // refused, so that clients go elsewhere. Without `times` it is not noticed.
  std::chrono::milliseconds stalled_after{10'000};
};

// What of the options can change while the log is open.
struct LogLimits {
  KeepPolicy keep;
  Bytes size_max = 64_GiB;
  Bytes free_min = 2_GiB;
  WhenFull when_full = WhenFull::kRefuse;
};

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

  // What an operator must be told of damage, a sentence each, found since the
  // log was opened. What is gone is in the gap ledger once the cursor is there.
  std::vector<std::string> Alarms() const;

  // From the next append and turn of housekeeping on.
  void SetLimits(const LogLimits& limits);

  // These are the configured backends from here on: one that the log does not
  // know begins empty, one that is not named any more keeps what it has. Waits
  // for the disk. kUnavailable: nothing changed.
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
  Result<Marks> Rewind(const BackendId& backend, Sequence to) override;
  Result<Gap> Skip(const BackendId& backend, Sequence to, const Actor& asked) override;
  Result<Gap> SkipHeld(const BackendId& backend, const Lane& lane, const Actor& asked) override;
  Status HoldLane(const BackendId& backend, const Lane& lane) override;
  Status ReleaseLane(const BackendId& backend, const Lane& lane) override;
  Status SetPaused(const BackendId& backend, bool paused) override;
  Status DropDead(const BackendId& backend, const std::vector<std::uint64_t>& numbers) override;
  Status Redrive(const BackendId& backend, const std::vector<std::uint64_t>& numbers,
                 WallTime now) override;
  Status Forget(const BackendId& backend) override;
  Marks MarksOf(const BackendId& backend) const override;
  bool PausedOf(const BackendId& backend) const override;
  void OnReadable(std::function<void()> listener) override;
  Status Health() const override;

 private:
  enum class Wakes : bool { kNobody, kListener };
  // A change of a run that its caller waits for, on whose stack it lives.
  struct WaitingChange {
    const BackendId& backend;
    Change change;
    std::vector<WaitingAppend> appends;  // What it adds to its own run.
    Wakes wakes;
    std::promise<Status> done;
  };
  // New backends that their caller waits for, on whose stack it lives.
  struct WaitingBackends {
    std::vector<BackendId> names;
    std::promise<Status> done;
  };
  // Somebody who waits until all that counts at this moment is on stable storage.
  struct WaitingMark {
    std::promise<Result<HighWater>> done;
  };
  using Plan = std::function<Result<Change>(ChangePlan)>;
  class QueueLock;
  // What one batch holds.
  struct Group {
    std::vector<WaitingAppend> appends;
    std::vector<WaitingChange*> changes;
    std::vector<WaitingBackends*> backends;
    std::map<BackendId, QueueState> cursors;
    std::vector<WaitingMark*> marks;
    bool last = false;

    bool has_rows() const {
      return !appends.empty() || !changes.empty() || !backends.empty() || !cursors.empty();
    }
    bool empty() const { return !has_rows() && marks.empty(); }
  };
  // Where the committer puts a backend's next record.
  struct Tail {
    BackendNumber number{0};
    Position head;
    WallTime last_accepted;
  };

  DurableLog(LogOptions options, std::vector<BackendId> backends);

  Status OpenAndLoad();
  Status RegisterNewBackends(Store& store, LoadedLog& loaded) const;
  void ReadMark(const FoundIdentity& identity);
  Status OpenOnce(const StoreMending& mending, std::vector<std::string>& alarms);
  Status OpenToRead(const Error& because);
  Status StartHighWater();
  HighWater SyncedState() const;
  void Adopt(LoadedLog loaded);
  bool MustReopen();
  static Status DiscardAllOf(Store& store, BackendNumber number);
  static Status DiscardLeftovers(Store& store, const LoadedLog& loaded);
  Result<OpenQueue> OpenQueueOf(const BackendId& backend) const override;
  Result<Queue> SnapshotOf(const BackendId& backend) const;
  std::vector<BackendId> Configured() const;
  LogLimits LimitsNow() const;
  Status CheckRoom() const;
  Status CheckTaking() const;
  Status Admit(Bytes size) const;
  template <typename Add>
  Status Enqueue(Bytes memory, Bytes stored, const Add& add);

  Status MoveCursor(const BackendId& backend, const Resolution& resolution);
  Status Apply(const BackendId& backend, const Plan& plan, Wakes wakes);
  Result<Change> PlanNow(const BackendId& backend, const Plan& plan) const;
  Status Write(const BackendId& backend, Change change, Wakes wakes);
  Status MeasureDisk();
  KeepPolicy PolicyNow() const;
  Status DropUntilThereIsRoom(WallTime now);
  struct Oldest {
    BackendId backend;
    std::optional<Lane> lane;  // On hold; nothing: what is owed.
    WallTime accepted_at;
  };
  Result<std::optional<Oldest>> FindOldest() const;
  Status Trim(const KeepPolicy& keep, WallTime now);
  Status TrimQueue(const BackendId& backend, const KeepPolicy& keep, WallTime now);
  Status DiscardTrimmed();

  Status CheckRoomForCopies() const;
  Result<HighWater> MarkNow();
  Status CopyInto(const std::string& directory);

  void CommitLoop();
  Group NextGroup();
  void TakeDirtyCursors(Group& group);
  void Commit(Group group);
  Status WriteGroup(Group& group);
  Status WriteBatch();
  std::chrono::nanoseconds Now() const;
  void StageAppend(WaitingAppend& append);
  void Answer(WaitingAppend& append);
  void StageChange(WaitingChange& waiting);
  void StageBackends(const WaitingBackends& waiting);
  void Publish(Group& group);
  void PublishChange(const WaitingChange& waiting);
  void CloseAfter(Group& group, const Error& failure);
  void ReopenWhenDue();

  const LogOptions options_;
  std::unique_ptr<DirectoryLock> lock_;

  // Held shared while the store is used, alone while it is replaced. Taken
  // before mutex_ where both are.
  mutable std::shared_mutex store_mutex_;
  std::unique_ptr<Store> store_;

  mutable std::mutex mutex_;  // Guards what follows, up to the blank line.
  std::condition_variable work_;
  std::condition_variable queue_unlocked_;
  std::vector<BackendId> backends_;  // That are configured.
  LogLimits limits_;
  Queues queues_;
  std::set<BackendId> locked_;  // Whose state nobody but the holder of a QueueLock changes.
  std::set<BackendId> dirty_;   // Whose cursor is not written yet.
  AppendQueue appends_;
  std::vector<WaitingChange*> changes_;
  std::map<BackendId, QueueState> synced_;  // As it is on stable storage.
  std::uint32_t last_backend_ = 0;
  std::vector<std::string> alarms_;
  std::vector<WaitingBackends*> new_backends_;
  std::vector<WaitingMark*> marks_;
  std::optional<Error> closed_because_;
  DiskUse disk_;
  Bytes appended_since_measured_{0};
  PayloadId newest_payload_{0};  // That can be read.
  bool stopping_ = false;

  // When the batch that is being written was begun; zero: none is.
  std::atomic<std::chrono::nanoseconds> batch_begun_{std::chrono::nanoseconds::zero()};

  // The committer's own.
  std::map<BackendId, Tail> tails_;
  PayloadId last_payload_{0};
  std::uint32_t staged_backend_ = 0;  // last_backend_ once the batch is synced.
  std::unique_ptr<StoreBatch> batch_;
  std::chrono::milliseconds reopen_after_{0};
  std::optional<HighWater> known_;  // What the store is held against when it opens.
  std::uint64_t mark_turn_ = 0;
  bool first_open_ = false;  // There was never a log here.
  std::uint64_t epoch_ = 0;
  std::string last_damage_;

  std::unique_ptr<HighWaterKeeper> high_water_;
  std::mutex checkpoint_mutex_;  // Held by the one that is being made; before all others.
  bool nothing_kept_ = false;    // The house-keeper's own: full a turn ago, and nothing to give up.
  RecentRecords recent_;
  std::function<void()> on_readable_;
  std::thread committer_;
};

}  // namespace relay
