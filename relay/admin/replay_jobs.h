// The manual replays of a relay: each is a job with a file of its own, from
// which it goes on after a restart.
//
// DURABILITY. A job's file is replaced as a whole, synced, once a second while
// it moves and when it ends: after a crash it sends at most that much again.
//
// THREADS. Any number at once; each running job has a thread. What the parts
// refer to outlives the jobs.
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

struct ReplayRequest {
  std::string backend;
  std::string from;        // As ResolveRange; empty: the oldest that is kept.
  std::string to;          // As ResolveRange; empty: the head.
  std::string to_url;      // Empty: the backend itself; else one that the configuration allows.
  std::string checkpoint;  // Empty: from the log; else from this copy of it.
  std::string database;
  std::string measurement;
  double points_per_second = 0;
};

struct ReplayReport {
  std::uint64_t id = 0;
  std::string target;  // The backend's name, or the URL.
  WallTime started;
  std::string checkpoint;  // Empty: from the log.
  ReplayRange range;
  ReplayProgress progress;
  WallTime resumed;  // When this process took it up, and how far it was.
  Sequence resumed_after = Sequence::BeforeFirst();
};

class ReplayJobs {
 public:
  static constexpr std::size_t kRunningMax = 4;
  static constexpr std::size_t kKeptMax = 50;  // Reports of jobs that ended.

  // kNotFound, kInvalidInput: it may not be sent there.
  using TransportMaker = std::function<Result<std::unique_ptr<Transport>>(const BackendId& backend,
                                                                          const std::string& url)>;

  // Opens a copy of the log to be read. kNotFound, kInvalidInput: there is no
  // such copy.
  using CheckpointOpener = std::function<Result<std::unique_ptr<LogView>>(const std::string& name)>;

  struct Parts {
    const LogView& log;
    CheckpointOpener checkpoint;
    TransportMaker transport;
  };

  // Goes on with the jobs that ran when the last process ended.
  ReplayJobs(const std::string& log_path, Clock& clock, Parts parts);
  ~ReplayJobs();
  ReplayJobs(const ReplayJobs&) = delete;
  ReplayJobs& operator=(const ReplayJobs&) = delete;

  // What would be sent: how many records and points at most, in words.
  Result<std::string> Describe(const ReplayRequest& request) const;

  // kFull: too many run. kInvalidInput, kNotFound: as Describe. The job's number.
  Result<std::uint64_t> Start(const ReplayRequest& request);

  // kNotFound: no such job runs.
  Status Cancel(std::uint64_t id);

  std::vector<ReplayReport> Reports() const;  // The newest first.

 private:
  struct Running;

  // Where records are read from.
  struct Source {
    std::unique_ptr<LogView> checkpoint;
    const LogView* log = nullptr;  // That of the checkpoint, or the relay's.
  };

  Result<Source> SourceFor(const std::string& checkpoint) const;
  Result<ReplayRange> RangeFor(const LogView& log, const ReplayRequest& request) const;
  Status Launch(ReplayReport report, const std::string& url, Source source);
  Status Resume(ReplayReport report, const std::string& url);
  void TakeUp(ReplayReport report, const std::string& url);
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

// {"replays":[…]}
std::string ReplaysJson(const std::vector<ReplayReport>& reports, WallTime now);

}  // namespace relay
