// The status of a worker: values that the status board fills in and that the admin API, the metrics
// and the event log read.
//
// THREADS. Values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/clock.h"
#include "wal/base/types.h"
#include "wal/log.h"

namespace relay {

enum class WorkerState : std::uint8_t {
  kCaughtUp,    // Every record is resolved.
  kDelivering,  // The backend accepted the last request.
  kRetrying,    // The backend accepts nothing now.
  kHeld,        // The backend or a lane is misconfigured; see `reason`.
  kLogFailing,  // The log cannot be read or written.
  kPaused,      // An operator paused it.
  kStandby,     // Another relay that shares the log delivers.
};

// Returns "caught up", "delivering", "retrying", "held", "log failing", "paused" or
// "standby".
std::string_view ToString(WorkerState state);

// A lane that is not live.
struct LaneStatus {
  Lane lane;
  std::string state;  // "held", "held by operator", "draining", "retrying".
  std::string reason;
  std::string remedy;            // A hint for the operator; empty: nothing need be done.
  Clock::TimePoint since;        // When it began to be in its state, for its reason.
  std::string last_answer = {};  // The last response to its lines that was not a success.
};

// The reason shown for a lane that only an operator holds.
inline constexpr const char* kHeldByOperator = "held by an operator";

// Records are owed, and none was resolved for a while.
struct Stuck {
  WallTime since;
  std::string reason;
  std::string last_answer;
  std::string remedy;
};

// Completes the log's stats of a backend.
struct WorkerStatus {
  WorkerState state = WorkerState::kCaughtUp;
  WallTime since;           // The start of the state, in terms of what the clock says now.
  std::string reason;       // Empty: no problem.
  std::string last_answer;  // The last response that was not a success, with its status; truncated.
  std::string remedy;       // A hint for the operator about `reason`.
  std::uint32_t failures_in_a_row = 0;
  std::optional<std::chrono::milliseconds> retries_in;  // nullopt: it does not wait for a retry.
  std::uint64_t requests = 0;
  std::size_t in_flight = 0;
  std::size_t in_flight_max = 1;  // The concurrency that the backend seems to bear now.
  double points_per_second = 0;   // Resolved lately.
  Bytes batch_bytes_max{0};       // Less than configured after a 413.
  std::vector<LaneStatus> lanes;  // At most kLanesShown.
  std::optional<Stuck> stuck;     // nullopt: it makes progress or owes nothing.

  static constexpr std::size_t kLanesShown = 100;
};

}  // namespace relay
