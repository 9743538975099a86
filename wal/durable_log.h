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

#include <chrono>
#include <condition_variable>
#include <deque>
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

#include "wal/log.h"
#include "wal/log_reader.h"
#include "wal/run.h"
#include "wal/side_files.h"
#include "wal/store.h"

namespace relay {

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
  Bytes size_max = 64_GiB;   // On disk, all of the directory.
  Bytes free_min = 2_GiB;    // Left to others on the file system.
  Bytes file_size = 64_MiB;  // See StoreOptions.
  std::chrono::milliseconds reopen_first{1'000};
  std::chrono::milliseconds reopen_max{30'000};
};

class DurableLog final : public Log {
 public:
  // Opens or creates the log; names in `backends` that it does not know begin
  // at their first append. Errors as OpenStore and LoadLog.
  static Result<std::unique_ptr<DurableLog>> Open(const LogOptions& options,
                                                  const std::vector<BackendId>& backends);

  // One turn of housekeeping, to be called about every second: measures the
  // disk, trims what was delivered and outlived its keeping, and, where the
  // log has reached its limit, gives up what is kept for a rewind, the older
  // half each turn. By one thread.
  Status KeepHouse(WallTime now);

  DiskUse disk_use() const;

  // Commits what waits, syncs the cursors, closes.
  ~DurableLog() override;

  std::vector<BackendId> Backends() const override;
  Result<Figures> FiguresOf(const BackendId& backend) const override;
  Result<std::vector<StoredRecord>> Read(const BackendId& backend, Sequence after,
                                         ReadLimit limit) const override;
  Result<Sequence> LastBefore(const BackendId& backend, WallTime time) const override;
  Result<std::vector<StoredDeadLetter>> ReadDead(const BackendId& backend, std::uint64_t after,
                                                 std::size_t count_max) const override;
  void Append(AppendRequest request, AppendDone done) override;
  Status Advance(const BackendId& backend, const Position& through, PointCount delivered) override;
  Status SetAside(const BackendId& backend, const Position& through, PointCount delivered,
                  std::vector<DeadLetter> letters) override;
  Marks MarksOf(const BackendId& backend) const override;
  void OnReadable(std::function<void()> listener) override;
  Status Health() const override;

 private:
  struct WaitingAppend {
    AppendRequest request;
    AppendDone done;
    PayloadId payload{0};
  };
  // A change of a run that its caller waits for, on whose stack it lives.
  struct WaitingChange {
    const BackendId& backend;
    std::function<void(RunState&)> apply;  // To what is written, then to what is seen.
    std::vector<DeadLetter> letters;
    std::promise<Status> done;
  };
  // What one batch holds.
  struct Group {
    std::vector<WaitingAppend> appends;
    std::vector<WaitingChange*> changes;
    std::map<BackendId, RunState> cursors;
    bool last = false;

    bool empty() const { return appends.empty() && changes.empty() && cursors.empty(); }
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
  Status Adopt(LoadedLog loaded);
  Result<RunReader> ReaderOf(const BackendId& backend) const;
  Status CheckRoom() const;
  Status Admit(Bytes size) const;

  Status Change(const BackendId& backend, std::function<void(RunState&)> apply,
                std::vector<DeadLetter> letters);
  Status MeasureDisk();
  Status Trim(const KeepPolicy& keep, WallTime now);
  Status TrimRun(const BackendId& backend, const KeepPolicy& keep, WallTime now);
  Status DiscardTrimmed();

  void CommitLoop();
  Group NextGroup();
  void TakeAppends(Group& group);
  void TakeDirtyCursors(Group& group);
  void Commit(Group group);
  Status WriteGroup(Group& group);
  void StageAppend(WaitingAppend& append);
  void StageChange(const WaitingChange& change, RunState& state);
  void Publish(Group& group);
  void CloseAfter(Group& group, const Error& failure);
  void ReopenWhenDue();

  const LogOptions options_;
  const std::vector<BackendId> backends_;
  std::unique_ptr<DirectoryLock> lock_;

  // Held shared while the store is used, alone while it is replaced. Taken
  // before mutex_ where both are.
  mutable std::shared_mutex store_mutex_;
  std::unique_ptr<Store> store_;

  mutable std::mutex mutex_;  // Guards what follows, up to the blank line.
  std::condition_variable work_;
  Runs runs_;
  std::set<BackendId> dirty_;  // Whose cursor is not written yet.
  std::deque<WaitingAppend> appends_;
  Bytes waiting_{0};
  std::vector<WaitingChange*> changes_;
  std::optional<Error> closed_because_;
  DiskUse disk_;
  Bytes appended_since_measured_{0};
  PayloadId newest_payload_{0};  // That can be read.
  bool stopping_ = false;

  // The committer's own.
  std::map<BackendId, Tail> tails_;
  PayloadId last_payload_{0};
  std::unique_ptr<StoreBatch> batch_;
  std::chrono::milliseconds reopen_after_{0};

  RecentRecords recent_;
  std::function<void()> on_readable_;
  std::thread committer_;
};

}  // namespace relay
