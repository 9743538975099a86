// The status of a relay at one moment, the same whether it is requested from the admin port or read
// from the data directory of a stopped relay.
//
// THREADS. Values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/human_format.h"
#include "relay/status/clock_steps.h"
#include "relay/status/expiry.h"
#include "relay/status/throughput.h"
#include "wal/base/histogram.h"
#include "wal/base/result.h"
#include "wal/log.h"
#include "wal/order/shared_status.h"

namespace relay {

// A lane with records on hold, or held by an operator.
struct LaneReport {
  HeldLane held;
  std::string why;               // Empty: unknown, read from the directory.
  std::string remedy;            // Says what an operator can do; empty: nothing.
  std::string last_answer = {};  // The backend's last one to its lines that was not a success.
};

// A backend lacks what it acknowledged.
struct DivergenceReport {
  std::string kind;  // "put back", "emptied", "gone" or "swapped".
  WallTime since;
  Sequence from = Sequence::BeforeFirst();  // Some of what came later may be missing.
  std::string reason;
  std::string remedy;
};

// The findings of the marks that are written into a backend.
struct WatermarkReport {
  bool watched = false;
  std::string why;                 // Why it is not watched, or what went wrong; empty: all is well.
  std::uint64_t lanes = 0;         // Databases and retention policies with marks.
  std::optional<Sequence> newest;  // The newest mark: everything up to it was delivered;
  std::optional<WallTime> newest_at;   // when it was written.
  std::optional<WallTime> checked_at;  // When all of them were found last, or found missing.
  std::optional<DivergenceReport> diverged;
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
  // The time until it is asked again; nullopt: nothing waits for that.
  std::optional<std::chrono::milliseconds> retries_in;
  // The relay that delivers; empty: none does. nullopt: the log is not shared.
  std::optional<std::string> delivered_by;
  QueueStats figures;
  std::vector<LaneReport> lanes;
  std::optional<WatermarkReport> watermarks;  // nullopt: read from the directory.
  std::optional<ExpiryReport> expiry;         // The same.
  // Dead letters that operators delivered again, and deleted, since the start.
  std::uint64_t dead_letters_redriven = 0;
  std::uint64_t dead_letters_dropped = 0;
  std::optional<Flow> flow;       // nullopt: the relay has not run long enough.
  Histogram::Reading send_times;  // Since the start.
};

// Figures of the service for monitoring. nullopt: not known, or there is none.
struct ServiceFigures {
  struct Certificate {
    std::string address;  // The listener's.
    WallTime expires;
  };
  bool reload_failed = false;          // The last configuration is not in use.
  std::optional<WallTime> reloaded;    // When a configuration was last taken into use.
  std::optional<WallTime> checkpoint;  // When the newest checkpoint was made.
  bool has_checkpoint_plan = false;    // log.checkpoints.every is set.
  std::vector<Certificate> certificates;
};

struct RelayStatus {
  std::string version;
  std::string host;  // The machine's name; empty: read from the directory.
  WallTime now;
  bool running = false;
  std::string log_path;
  std::string log_failure;  // Empty: the log accepts appends.
  // Says why the newest configuration is not in use; empty: it is.
  std::string configuration_failure;
  // Says why the last scheduled checkpoint was not made or shipped; empty: it was.
  std::string checkpoint_failure;
  // One sentence for each damage found, and for a start on a checkpoint.
  std::vector<std::string> log_alarms;
  // The steps of the wall clock; nullopt: not known, read from the directory.
  std::optional<ClockSteps> clock;
  DiskUse disk;                     // All zero when read from the directory.
  Histogram::Reading append_times;  // Time from an append to stable storage; since the start.
  Histogram::Reading sync_times;
  std::optional<SharedLogStatus> shared;  // nullopt: the log is this relay's alone.
  std::vector<BackendStatus> backends;
  std::optional<ServiceFigures> service;  // For metrics alone.
};

// Returns why an operator should look at a shared log that accepts writes: fewer copies than
// wanted. Empty: all is well, or the log is not shared.
std::string WhyDegraded(const RelayStatus& status);

// Returns "metrics" or "metrics.week".
std::string ShownLane(const Lane& lane);

// Returns the time from `then` to `now`; zero, if the clock says that `then` is still to come.
std::chrono::nanoseconds AgeAt(WallTime now, WallTime then);

// Returns the age of the oldest record owed; zero: nothing is owed.
std::chrono::nanoseconds OldestOwedAge(const BackendStatus& backend, WallTime now);

// Returns the points that the backend does not have yet: owed, or on hold.
PointCount UndeliveredPoints(const BackendStatus& backend);

// Returns the age of the oldest of them; zero: there are none.
std::chrono::nanoseconds OldestUndeliveredAge(const BackendStatus& backend, WallTime now);

// Returns whether the backend lacks what it acknowledged.
bool IsDiverged(const BackendStatus& backend);

// Names the state as it is shown: a backend that was delivered everything but what is on hold is
// "held", not "caught up"; one that diverged is "diverged", whatever is delivered to it.
std::string ShownState(std::string_view state, const QueueStats& figures, bool is_diverged);

// Estimates the time until the backend has caught up; nullopt: it does not catch up, or only points
// on hold are missing, or nothing is delivered to it now.
std::optional<std::chrono::seconds> DrainEta(const BackendStatus& backend);

// Estimates how long it will take to catch up once it takes points again, at its last rate;
// nullopt: it takes them now, or that is not known.
std::optional<std::chrono::seconds> EtaOnReturn(const BackendStatus& backend);

// Says when a backend will have caught up: "5.0s", "after it is back: about 20.0s at its last
// rate", "not catching up"; empty: it is owed nothing, or there is nothing to say.
std::string ShownEta(const BackendStatus& backend);

// The lag of a backend that its queries tolerate.
struct Tolerance {
  std::chrono::milliseconds max_lag{0};  // The age of the oldest missing point.
  // Points on hold count only for this database; empty: for any.
  std::string database = {};
  // Points on hold do not count at all, so that one missing database does not block the queries to
  // all others.
  bool ignores_held = false;
};

// Returns why the backend lacks points older than tolerated; empty: it does not.
std::string WhyBehind(const BackendStatus& backend, WallTime now, const Tolerance& tolerance);

// Returns why queries should avoid the backend: it accepts no writes now, or lacks points older
// than tolerated. Empty: it is ready.
std::string WhyNotReady(const BackendStatus& backend, WallTime now, const Tolerance& tolerance);

// Returns the size of payloads that every backend has and that are kept only for a rewind: they are
// deleted before the log is full.
Bytes KeptByAll(const RelayStatus& status);

// Says what to do before the log is full, or when it is: which backend's records take the room, and
// which setting limits it.
std::string DiskRemedy(const RelayStatus& status);

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
