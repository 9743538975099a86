// What there is to know of a relay at one moment, the same whether it is asked
// over the admin port or read from the data directory of one that is down.
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
  std::string why;     // Empty where nobody knows: read from the directory.
  std::string remedy;  // What a person can do; empty where nothing need be done.
};

struct BackendStatus {
  std::string name;
  std::string state;  // In words; "not running" when read from the directory.
  std::string why;    // Empty while all is well.
  std::string last_answer;
  std::string remedy;             // What a person can do about `why`.
  bool takes_writes = false;      // But for lanes that are on hold.
  bool stuck = false;             // Owed something, and nothing has moved for a while.
  std::optional<WallTime> since;  // When the state began.
  QueueStats figures;
  std::vector<LaneReport> lanes;
  std::optional<Flow> flow;       // Of a relay that runs for long enough.
  Histogram::Reading send_times;  // Since the start.
};

struct RelayStatus {
  std::string version;
  WallTime now;
  bool running = false;
  std::string log_path;
  std::string log_failure;  // Empty: appends are taken.
  // Why the configuration that was given last is not the one that runs; empty: it is.
  std::string configuration_failure;
  std::vector<std::string> log_alarms;  // Damage that was found, a sentence each.
  DiskUse disk;                         // All zero when read from the directory.
  Histogram::Reading append_times;  // From a write's lines to its place on disk; since the start.
  Histogram::Reading sync_times;
  std::vector<BackendStatus> backends;
};

// "metrics", "metrics.week".
std::string ShownLane(const Lane& lane);

// The age of the oldest record that is owed; zero if nothing is.
std::chrono::nanoseconds OldestOwedAge(const BackendStatus& backend, WallTime now);

// Until the backend has everything, as things go; nothing: it does not catch up.
std::optional<std::chrono::seconds> DrainEta(const BackendStatus& backend);

// What those who query a backend put up with.
struct Tolerance {
  std::chrono::milliseconds max_lag{0};  // The age of the oldest point that it lacks.
  // Whose points on hold count too; empty: none's, for one database that is
  // missing must not keep the queries of all others away.
  std::string database = {};
};

// Why queries should be kept away from the backend: it takes nothing now, or
// lacks points that are older than is tolerated. Empty: they need not.
std::string WhyNotReady(const BackendStatus& backend, WallTime now, const Tolerance& tolerance);

// Payloads that every backend has, kept for a rewind alone: they go before the
// log is full.
Bytes KeptByAll(const RelayStatus& status);

// Until the log is full, at the rate at which what is owed grows: the rate of
// the backend that is worst off. Nothing: it does not grow.
std::optional<std::chrono::seconds> FullEta(const RelayStatus& status);

// How long every backend may be away from now on before the log is full.
// Nothing: nothing comes in.
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

// The figures of a log for each of its backends; a backend whose figures cannot
// be read says so in its `why`.
std::vector<BackendStatus> BackendStatuses(const LogView& log);

}  // namespace relay
