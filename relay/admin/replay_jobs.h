// The manual replays of a relay. Each is a job with its own file, from which it
// resumes after a restart.
//
// DURABILITY. A job's file is replaced as a whole, synced, once a second while the
// job progresses and when it ends: after a crash it sends at most one second's
// records again.
//
// ORDER. A backend that gets old points beside its queue must get what its queue has last, or an
// old value would remain over a newer one: such a job pauses the backend's delivery and resumes it
// when it no longer needs that, also after a restart. It fails if somebody else resumes it before.
//
// THREADS. Any number at once; each running job has a thread. Everything that the
// parts refer to outlives the jobs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "replay/manual_replay.h"
#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

enum class JobKind : std::uint8_t { kReplay, kSeed, kRepair };

// Returns "replay", "seed" or "repair".
std::string_view ToString(JobKind kind);

struct ReplayRequest {
  JobKind kind = JobKind::kReplay;
  std::string backend;     // Whose records are sent; the target of a seed or a repair.
  std::string source;      // The backend that a seed or a repair reads.
  std::string to_backend;  // Empty: the backend itself; else another one. Excludes a URL.
  std::string from;        // A position (ResolveRange); empty: the oldest kept.
  std::string to;          // A position (ResolveRange); empty: the head.
  std::string to_url;      // Empty: the backend itself; else a configured target.
  std::string checkpoint;  // Empty: from the log; else from this copy.
  std::string database;
  std::string measurement;
  double points_per_second = 0;
};

struct ReplayReport {
  std::uint64_t id = 0;
  JobKind kind = JobKind::kReplay;
  std::string source;  // Empty: the log.
  std::string target;  // The backend's name, or the URL.
  WallTime started;
  std::string checkpoint;  // Empty: from the log.
  ReplayRange range;
  ReplayProgress progress;
  WallTime resumed;  // When this process started or resumed it, and at which record.
  Sequence resumed_after = Sequence::BeforeFirst();
  std::uint64_t resumed_values = 0;
  std::string pauses;   // The backend whose delivery is paused meanwhile; empty: none.
  bool paused = false;  // It is, by this job.
};

class ReplayJobs {
 public:
  static constexpr std::size_t kRunningMax = 4;
  static constexpr std::size_t kKeptMax = 50;  // Reports of ended jobs.

  // kNotFound, kInvalidInput: not an allowed target.
  using TransportMaker = std::function<Result<std::unique_ptr<Transport>>(const BackendId& backend,
                                                                          const std::string& url)>;

  // Makes a job that reads the report's source. kInvalidInput, kNotFound: it cannot be done.
  using FillMaker = std::function<Result<std::unique_ptr<BackendJob>>(const ReplayReport& report)>;

  // kInvalidInput, kNotFound: records of the first may not be sent to the second.
  using Permission = std::function<Status(const BackendId& from, const BackendId& to)>;

  // Opens a copy of the log for reading. kNotFound, kInvalidInput: no such copy.
  using CheckpointOpener = std::function<Result<std::unique_ptr<LogView>>(const std::string& name)>;

  struct Parts {
    Log& log;
    CheckpointOpener checkpoint;
    TransportMaker transport;
    Permission may_send;
    FillMaker fill;
  };

  // Resumes the jobs that ran when the last process ended.
  ReplayJobs(const std::string& log_path, Clock& clock, Parts parts);
  ~ReplayJobs();
  ReplayJobs(const ReplayJobs&) = delete;
  ReplayJobs& operator=(const ReplayJobs&) = delete;

  // Describes what would be sent: the most records and points.
  Result<std::string> Describe(const ReplayRequest& request) const;

  // Returns the job's number. kFull: too many run. kInvalidInput, kNotFound: as
  // Describe.
  Result<std::uint64_t> Start(const ReplayRequest& request);

  // kNotFound: no such job is running.
  Status Cancel(std::uint64_t id);

  std::vector<ReplayReport> Reports() const;  // The newest first.

 private:
  struct Running;

  // The log that records are read from.
  struct Source {
    std::unique_ptr<LogView> checkpoint;
    const LogView* log = nullptr;  // The checkpoint's, or the relay's.
  };

  Result<Source> SourceFor(const std::string& checkpoint) const;
  Result<ReplayRange> RangeFor(const LogView& log, const ReplayRequest& request) const;
  Result<BackendId> CheckedTarget(const ReplayRequest& request) const;
  Result<ReplayReport> ReportFor(const LogView& log, const ReplayRequest& request) const;
  Status CheckFree(const ReplayReport& report) const;
  Status Pause(ReplayReport& report) const;
  void Unpause(ReplayReport& report) const;
  Status MakeJob(Running& running) const;
  Status KeepPaused(Running& running) const;
  Status Launch(ReplayReport report, const std::string& url, Source source);
  Status Resume(ReplayReport report, const std::string& url);
  void Restore(ReplayReport report, const std::string& url);
  void Run(Running& running, const std::stop_token& stop);
  void Save(const ReplayReport& report, const std::string& url) const;
  void Load();
  void Reap();

  const std::string directory_;
  Clock& clock_;
  const Parts parts_;
  mutable std::mutex mutex_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, ReplayReport> ended_;
  std::map<std::uint64_t, std::unique_ptr<Running>> running_;
};

// Returns {"replays":[…]}.
std::string ReplaysJson(const std::vector<ReplayReport>& reports, WallTime now);

}  // namespace relay
