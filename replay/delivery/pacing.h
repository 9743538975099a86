// The parts that pace the requests to a backend: its observed capacity and its operator's limits.
// Pure: the time is given.
//
// THREADS. One at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "wal/base/clock.h"
#include "wal/base/types.h"

namespace relay {

// The largest request that a backend accepts. Halved when one was too large, then raised again:
// slowly, and beyond the refused size only after a while, since the limit may have been raised but
// most likely was not.
class AdaptiveBatchSize {
 public:
  explicit AdaptiveBatchSize(Bytes configured) : configured_(configured), now_(configured) {}

  Bytes now() const { return now_; }

  void TooLarge(Bytes size, Clock::TimePoint at);
  void OnAccepted(Bytes size, Clock::TimePoint at);

 private:
  Bytes configured_;
  Bytes now_;
  std::optional<Bytes> refused_;  // The smallest one refused.
  Clock::TimePoint refused_at_;
  std::uint32_t full_in_a_row_ = 0;
};

// Allows a number per second, averaged over a second; 0: no limit. Spending more than is left makes
// a debt that must be waited for.
class TokenBucket {
 public:
  void Allow(double per_second) { per_second_ = per_second; }

  void Spend(double amount, Clock::TimePoint at);

  // Returns the time until something may be spent again.
  Clock::Duration Wait(Clock::TimePoint at) const;

 private:
  double LeftAt(Clock::TimePoint at) const;

  double per_second_ = 0;
  double left_ = 0;
  Clock::TimePoint at_;
};

// Slows down at once if a backend is overloaded, becomes slow or does not answer, and recovers step
// by step: fewer concurrent requests, smaller ones, and a rest after each that is a multiple of its
// duration. A request that takes longer than `longest` counts as too large: over a slow link, no
// answer to a larger one would come in time.
class ConcurrencyLimiter {
 public:
  ConcurrencyLimiter(std::size_t at_once_max, Clock::Duration longest)
      : at_once_max_(at_once_max), longest_(longest) {}

  void OnAccepted(Clock::Duration took, PointCount points);
  void Overloaded();
  void Unreachable();  // Once back, it gets small requests first.

  std::size_t at_once() const;
  double share() const { return share_; }  // The fraction of a full request, in (0, 1].
  Clock::Duration RestAfter(Clock::Duration took) const;

 private:
  std::size_t at_once_max_;
  Clock::Duration longest_;
  double share_ = 1;
  double strain_ = 0;              // The rest, as a multiple of the request's duration.
  double usual_ms_per_point_ = 0;  // The best seen lately.
};

// Events per second, averaged over the last half minute or so.
class RateMeter {
 public:
  void Add(double amount, Clock::TimePoint at);
  double PerSecond(Clock::TimePoint at) const;

 private:
  double sum_ = 0;  // Decays.
  Clock::TimePoint at_;
};

// A limit per second that rises with the intake: at least a little above what was accepted lately;
// 0: no limit.
class RaisedLimit {
 public:
  explicit RaisedLimit(double configured) : configured_(configured) { allowed_.Allow(configured); }

  bool is_limited() const { return configured_ > 0; }
  void Accepted(double amount, Clock::TimePoint at);
  void Spend(double amount, Clock::TimePoint at) { allowed_.Spend(amount, at); }
  Clock::Duration Wait(Clock::TimePoint at) const { return allowed_.Wait(at); }

 private:
  double configured_;
  TokenBucket allowed_;
  RateMeter accepted_;
};

}  // namespace relay
