#include "replay/delivery/status_board.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/base/ascii.h"

namespace relay {
namespace {

constexpr std::size_t kShownAnswerMax = 512;

// Formats an answer as one line that cannot disturb a terminal or a log.
std::string Shown(const Reply& reply) {
  std::string text = fmt::format("HTTP {}", reply.http_status);
  if (!reply.location.empty()) text += " to " + reply.location;
  if (!reply.body.empty()) text += ": " + reply.body.substr(0, kShownAnswerMax);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return Printable(text);
}

}  // namespace

std::string_view ToString(WorkerState state) {
  switch (state) {
    case WorkerState::kCaughtUp: return "caught up";
    case WorkerState::kDelivering: return "delivering";
    case WorkerState::kRetrying: return "retrying";
    case WorkerState::kHeld: return "held";
    case WorkerState::kLogFailing: return "log failing";
    case WorkerState::kPaused: return "paused";
    case WorkerState::kStandby: return "standby";
  }
  INVARIANT(false);
}

std::string ShownAnswer(const Result<Reply>& answer) {
  if (!answer.ok()) return answer.error().message();
  return answer.value().http_status / 100 == 2 ? "" : Shown(answer.value());
}

DeliveryStatusBoard::DeliveryStatusBoard(std::chrono::milliseconds stuck_after, OnChange on_change,
                                         Clock& clock)
    : stuck_after_(stuck_after),
      on_change_(std::move(on_change)),
      clock_(clock),
      progressed_at_(clock.Now()),
      since_(progressed_at_) {
  status_.since = clock_.WallNow();
}

void DeliveryStatusBoard::Answered(const Result<Reply>& answer) {
  const std::lock_guard lock(mutex_);
  ++status_.requests;
  if (std::string shown = ShownAnswer(answer); !shown.empty()) {
    status_.last_answer = std::move(shown);
  }
}

void DeliveryStatusBoard::Resolved(PointCount points) {
  const std::lock_guard lock(mutex_);
  resolved_points_.Add(static_cast<double>(points), clock_.Now());
}

void DeliveryStatusBoard::Show(const State& state, const Gauges& gauges) {
  WorkerStatus changed;
  {
    const std::lock_guard lock(mutex_);
    status_.failures_in_a_row = gauges.failures_in_a_row;
    status_.in_flight = gauges.in_flight;
    status_.in_flight_max = gauges.in_flight_max;
    status_.batch_bytes_max = gauges.batch_bytes_max;
    status_.remedy = state.remedy;
    retries_at_ = gauges.retries_at;
    if (status_.state == state.state && status_.reason == state.reason) return;
    if (status_.state != state.state) {
      since_ = clock_.Now();
      status_.since = clock_.WallNow();
    }
    status_.state = state.state;
    status_.reason = state.reason;
    changed = Current();
  }
  on_change_(changed);
}

void DeliveryStatusBoard::ShowLanes(std::vector<LaneStatus> lanes) {
  const std::lock_guard lock(mutex_);
  status_.lanes = std::move(lanes);
}

void DeliveryStatusBoard::CheckStuck(RecordCount lag, bool is_paused,
                                     const std::optional<LaneStatus>& longest_held) {
  const bool stands = lag > 0 && !is_paused && clock_.Now() - progressed_at_ >= stuck_after_;
  if (lag == 0) progressed_at_ = clock_.Now();
  WorkerStatus changed;
  {
    const std::lock_guard lock(mutex_);
    std::optional<Stuck> stuck = FindStuck(stands, longest_held);
    const bool same = status_.stuck.has_value() == stuck.has_value();
    status_.stuck = std::move(stuck);
    if (same) return;
    changed = Current();
  }
  on_change_(changed);
}

// REQUIRES: the mutex is held.
std::optional<Stuck> DeliveryStatusBoard::FindStuck(
    bool stands, const std::optional<LaneStatus>& longest_held) const {
  if (stands) {
    return Stuck{WallAt(progressed_at_), status_.reason, status_.last_answer, status_.remedy};
  }
  if (!longest_held || clock_.Now() - longest_held->since < stuck_after_) return std::nullopt;
  return Stuck{WallAt(longest_held->since), longest_held->reason, longest_held->last_answer,
               longest_held->remedy};
}

// Durations go by the monotonic clock: the wall clock may have been set meanwhile.
WallTime DeliveryStatusBoard::WallAt(Clock::TimePoint time) const {
  return clock_.WallNow() - std::chrono::duration_cast<WallTime::duration>(clock_.Now() - time);
}

// REQUIRES: the mutex is held.
WorkerStatus DeliveryStatusBoard::Current() const {
  constexpr std::chrono::milliseconds kStepLeast{500};  // Less is the time between two readings.
  WorkerStatus status = status_;
  const WallTime since = WallAt(since_);
  if (std::chrono::abs(since - status.since) >= kStepLeast) status.since = since;
  if (retries_at_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*retries_at_ - clock_.Now());
    status.retries_in = std::max(left, std::chrono::milliseconds(0));
  }
  return status;
}

WorkerState DeliveryStatusBoard::state() const {
  const std::lock_guard lock(mutex_);
  return status_.state;
}

WorkerStatus DeliveryStatusBoard::Snapshot() const {
  const std::lock_guard lock(mutex_);
  WorkerStatus status = Current();
  status.points_per_second = resolved_points_.PerSecond(clock_.Now());
  return status;
}

}  // namespace relay
