// The status of a relay at one moment, the same whether it is requested from the admin port or read
// from the data directory of a stopped relay.
//
// THREADS. Values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "relay/base/human_format.h"
#include "relay/status/throughput.h"
#include "wal/base/histogram.h"
#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

// A lane that holds something, or that an operator holds.
struct LaneReport {
  HeldLane held;
  std::string why;     // Empty: unknown, because read from the directory.
  std::string remedy;  // What a person can do; empty where nothing need be done.
};

struct BackendStatus {
  std::string name;
  std::string state;  // In words; "not running" when read from the directory.
  std::string why;    // Empty while all is well.
  std::string last_answer;
  std::string remedy;             // What a person can do about `why`.
  bool takes_writes = false;      // Except for held lanes.
  bool stuck = false;             // Owed something, and nothing has moved for a while.
  std::optional<WallTime> since;  // When the state began.
  QueueStats figures;
  std::vector<LaneReport> lanes;
  std::optional<Flow> flow;       // nullopt: the relay has not run long enough.
  Histogram::Reading send_times;  // Since the start.
};

struct RelayStatus {
  std::string version;
  WallTime now;
  bool running = false;
  std::string log_path;
  std::string log_failure;  // Empty: appends are taken.
  // Why the newest configuration is not in use; empty: it is.
  std::string configuration_failure;
  std::vector<std::string> log_alarms;  // Damage that was found, a sentence each.
  DiskUse disk;                         // All zero when read from the directory.
  Histogram::Reading append_times;  // From a write's lines to its place on disk; since the start.
  Histogram::Reading sync_times;
  std::vector<BackendStatus> backends;
};

// "metrics", "metrics.week".
std::string ShownLane(const Lane& lane);

// Returns the age of the oldest record owed; zero: nothing is owed.
std::chrono::nanoseconds OldestOwedAge(const BackendStatus& backend, WallTime now);

// Estimates the time until the backend has caught up; nullopt: it does not catch up.
std::optional<std::chrono::seconds> DrainEta(const BackendStatus& backend);

// The state of a backend that its queries tolerate.
struct Tolerance {
  std::chrono::milliseconds max_lag{0};  // The age of the oldest point that it lacks.
  // Whose points on hold count too; empty: none's, for one database that is
  // missing must not keep the queries of all others away.
  std::string database = {};
};

// Says why queries should avoid the backend: it accepts no writes now, or lacks points older than
// tolerated. Empty: it is ready.
std::string WhyNotReady(const BackendStatus& backend, WallTime now, const Tolerance& tolerance);

// Returns the size of payloads that every backend has and that are kept only for a rewind: they are
// deleted before the log is full.
Bytes KeptByAll(const RelayStatus& status);

// Until the log is full, at the rate at which what is owed grows: the rate of
// the backend that is worst off. Nothing: it does not grow.
std::optional<std::chrono::seconds> FullEta(const RelayStatus& status);

// Estimates how long all backends may be down from now on before the log is full; nullopt: no
// writes come in.
std::optional<std::chrono::seconds> OutageTolerance(const RelayStatus& status);

// The JSON of `/api/v1/status` and of `status --json`, one line.
std::string ToJson(const RelayStatus& status);

// One of its backends alone, one line.
std::string ToJson(const BackendStatus& backend, WallTime now);

// kInvalidInput: not such a document.
Result<RelayStatus> StatusFromJson(const std::string& json);

// For a person: a row per backend, then the log, then what is wrong with those
// where something is. A `width` in columns leaves the least telling figures out
// of the rows; 0: all are there.
std::string ToTable(const RelayStatus& status, std::size_t width = 0);

// From the log in `path`, with no relay running. Errors as OpenLogView.
Result<RelayStatus> OfflineStatus(const std::string& path, WallTime now);

// Returns the stats of each backend in a log; if they cannot be read, `why` says so.
std::vector<BackendStatus> BackendStatuses(const LogView& log);

}  // namespace relay
