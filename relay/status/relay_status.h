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

// A lane with records on hold, or held by an operator.
struct LaneReport {
  HeldLane held;
  std::string why;     // Empty: unknown, read from the directory.
  std::string remedy;  // Says what an operator can do; empty: nothing.
};

struct BackendStatus {
  std::string name;
  std::string state;  // "delivering"; "not running" when read from the directory.
  std::string why;    // Empty: no problem.
  std::string last_answer;
  std::string remedy;             // Says what an operator can do about `why`.
  bool takes_writes = false;      // Except for held lanes.
  bool stuck = false;             // Records are owed, without progress for a while.
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
  std::string log_failure;  // Empty: the log accepts appends.
  // Says why the newest configuration is not in use; empty: it is.
  std::string configuration_failure;
  std::vector<std::string> log_alarms;  // One sentence for each damage found.
  DiskUse disk;                         // All zero when read from the directory.
  Histogram::Reading append_times;      // Time from an append to stable storage; since the start.
  Histogram::Reading sync_times;
  std::vector<BackendStatus> backends;
};

// Returns "metrics" or "metrics.week".
std::string ShownLane(const Lane& lane);

// Returns the age of the oldest record owed; zero: nothing is owed.
std::chrono::nanoseconds OldestOwedAge(const BackendStatus& backend, WallTime now);

// Estimates the time until the backend has caught up; nullopt: it does not catch up.
std::optional<std::chrono::seconds> DrainEta(const BackendStatus& backend);

// The lag of a backend that its queries tolerate.
struct Tolerance {
  std::chrono::milliseconds max_lag{0};  // The age of the oldest missing point.
  // Points on hold for this database count too; empty: none, because one missing
  // database must not block the queries to all others.
  std::string database = {};
};

// Returns why queries should avoid the backend: it accepts no writes now, or lacks points older
// than tolerated. Empty: it is ready.
std::string WhyNotReady(const BackendStatus& backend, WallTime now, const Tolerance& tolerance);

// Returns the size of payloads that every backend has and that are kept only for a rewind: they are
// deleted before the log is full.
Bytes KeptByAll(const RelayStatus& status);

// Returns the size of the stored dead letters, of all backends.
Bytes DeadBytes(const RelayStatus& status);

// Estimates the time until the log is full, at the growth rate of what is owed to the
// worst backend. nullopt: it does not grow.
std::optional<std::chrono::seconds> FullEta(const RelayStatus& status);

// Estimates how long all backends may be down from now on before the log is full; nullopt: no
// writes come in.
std::optional<std::chrono::seconds> OutageTolerance(const RelayStatus& status);

// Returns the JSON of `/api/v1/status` and of `status --json`, one line.
std::string ToJson(const RelayStatus& status);

// Returns one of its backends, one line.
std::string ToJson(const BackendStatus& backend, WallTime now);

// Parses such a document. kInvalidInput: not one.
Result<RelayStatus> StatusFromJson(const std::string& json);

// Formats it for people: a row per backend, the log, then the backends' problems. The
// least important columns are left out to fit `width`; 0: no limit.
std::string ToTable(const RelayStatus& status, std::size_t width = 0);

// Reads the status from the log in `path`, without a running relay. Errors as
// OpenLogView.
Result<RelayStatus> OfflineStatus(const std::string& path, WallTime now);

// Returns the stats of each backend in a log; if they cannot be read, `why` says so.
std::vector<BackendStatus> BackendStatuses(const LogView& log);

}  // namespace relay
