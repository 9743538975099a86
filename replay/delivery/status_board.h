// The status of one delivery, readable while it is delivering.
//
// INVARIANT. `on_change` is called after every change of the state, of its
// reason, or of being stuck, and for nothing else; never under the mutex.
//
// THREADS. Snapshot from any; the rest one at a time. The clock outlives it.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "replay/delivery/pacing.h"
#include "replay/delivery/worker_status.h"
#include "replay/transport/transport.h"
#include "wal/base/clock.h"
#include "wal/base/result.h"

namespace relay {

// Returns a response that was not a success as one line, or why there was none; empty: it was one.
std::string ShownAnswer(const Result<Reply>& answer);

class DeliveryStatusBoard {
 public:
  using OnChange = std::function<void(const WorkerStatus&)>;

  // The current figures of the requests.
  struct Gauges {
    std::uint32_t failures_in_a_row = 0;
    std::size_t in_flight = 0;
    std::size_t in_flight_max = 1;
    Bytes batch_bytes_max{0};
    std::optional<Clock::TimePoint> retries_at = std::nullopt;  // The end of the back-off.
  };
  struct State {
    WorkerState state = WorkerState::kCaughtUp;
    std::string reason = {};
    std::string remedy = {};
  };

  DeliveryStatusBoard(std::chrono::milliseconds stuck_after, OnChange on_change, Clock& clock);

  void Answered(const Result<Reply>& answer);
  void Resolved(PointCount points);
  void CursorMoved() { progressed_at_ = clock_.Now(); }

  void Show(const State& state, const Gauges& gauges);
  void ShowLanes(std::vector<LaneStatus> lanes);

  // Updates whether the delivery is stuck: it owes `lag` records, is not paused, and the cursor has
  // not moved for `stuck_after`; or `longest_held` has waited that long (a lane that waits for its
  // database is stuck, even if others go on). nullopt: no lane is held.
  void CheckStuck(RecordCount lag, bool is_paused, const std::optional<LaneStatus>& longest_held);

  WorkerState state() const;
  WorkerStatus Snapshot() const;

 private:
  WallTime WallAt(Clock::TimePoint time) const;
  WorkerStatus Current() const;
  std::optional<Stuck> FindStuck(bool stands, const std::optional<LaneStatus>& longest_held) const;

  const std::chrono::milliseconds stuck_after_;
  const OnChange on_change_;
  Clock& clock_;
  Clock::TimePoint progressed_at_;

  mutable std::mutex mutex_;  // Guards what follows.
  WorkerStatus status_;       // Its `since` as the clock said then.
  Clock::TimePoint since_;    // The start of its state.
  std::optional<Clock::TimePoint> retries_at_;
  RateMeter resolved_points_;
};

}  // namespace relay
