// Decides when a request to one backend may start, and how large it may be: the back-off while the
// backend accepts nothing, the rest after a slow request, the concurrency and size that it seems to
// bear, and the operator's rate limit. Pure: the time and the chance are given.
//
// INVARIANT. While the backend fails, at most one request is under way: it finds out whether the
// backend accepts anything again. Concurrent failures count once.
//
// THREADS. One at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "replay/batch/send_batch.h"
#include "replay/delivery/pacing.h"
#include "replay/delivery/status_board.h"
#include "wal/base/backoff.h"
#include "wal/base/clock.h"
#include "wal/record/model.h"

namespace relay {

// The most that may be sent per second while there is a backlog; 0: no limit.
struct RateLimit {
  PointCount points_per_second = 0;
  Bytes bytes_per_second{0};
};

class RequestGate {
 public:
  struct Options {
    PointCount batch_points_max = 1;
    Bytes batch_bytes_max{1};
    std::size_t at_once_max = 1;
    Clock::Duration timeout{0};
    RateLimit rate;
  };

  // REQUIRES: at_once_max >= 1.
  explicit RequestGate(const Options& options);

  bool MayStart(Clock::TimePoint now) const { return has_room() && OpensAt(now) <= now; }
  bool has_room() const { return under_way_ < at_once(); }
  Clock::TimePoint OpensAt(Clock::TimePoint now) const;
  BatchLimit Limit() const;

  // Reports a started request; each ends once.
  void Started(const SendBatch& batch, Clock::TimePoint now);
  void Ended() { --under_way_; }
  std::size_t under_way() const { return under_way_; }

  // Reports that the backend accepted a request, at least in part, after `took`.
  void Took(Clock::Duration took, PointCount points, Clock::TimePoint now);
  void TookWhole(Bytes size, Clock::TimePoint now) { size_.OnAccepted(size, now); }

  // Reports that the backend answers: whatever kept it from accepting requests is over.
  void Open(Clock::TimePoint now);
  void ForgetFailures() { failures_in_a_row_ = 0; }

  // Ends the back-off: the next request may start now.
  void RetryNow(Clock::TimePoint now) { closed_until_ = std::min(closed_until_, now); }

  // The reason why the gate closes.
  struct Failure {
    DeliveryStatusBoard::State shown;
    std::optional<std::chrono::milliseconds> retry_after;  // nullopt: the backend did not ask.
  };

  // Closes the gate for the back-off after so many failures, and at least for the failure's
  // `retry_after`.
  void Close(const Backoff& backoff, double chance, Failure failure, Clock::TimePoint now);

  void TooLarge(Bytes size, Clock::TimePoint now) { size_.TooLarge(size, now); }
  void Overloaded() { limiter_.Overloaded(); }
  void Unreachable() { limiter_.Unreachable(); }  // It is down, not slow.

  // Raises the rate limit above the intake, given what was accepted in all: a lower one would make
  // the backlog grow for ever.
  void NoteAccepted(const Totals& accepted, Clock::TimePoint now);
  bool is_rate_limited() const;

  bool is_failing() const { return failures_in_a_row_ > 0; }
  const DeliveryStatusBoard::State& failure() const { return failure_; }
  DeliveryStatusBoard::Gauges gauges() const;

 private:
  std::size_t at_once() const { return is_failing() ? 1 : limiter_.at_once(); }

  const PointCount points_max_;
  Clock::TimePoint closed_until_;
  DeliveryStatusBoard::State failure_;  // The last one.
  Clock::TimePoint rest_until_;
  std::uint32_t failures_in_a_row_ = 0;
  std::size_t under_way_ = 0;
  AdaptiveBatchSize size_;
  ConcurrencyLimiter limiter_;
  RaisedLimit points_allowed_;
  RaisedLimit bytes_allowed_;
  std::optional<Totals> accepted_before_;  // nullopt: not known yet.
};

}  // namespace relay
