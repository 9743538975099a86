#include "replay/delivery/pacing.h"

#include <algorithm>
#include <cmath>

namespace relay {
namespace {

using Seconds = std::chrono::duration<double>;

// A backend that refuses even small requests is not helped by smaller ones.
constexpr Bytes kSizeLeast = 64_KiB;
constexpr std::uint32_t kFullBeforeMore = 16;
constexpr std::chrono::minutes kRefusalHolds{10};

constexpr double kShareLeast = 1.0 / 32;
constexpr double kShareStep = 1.0 / 16;
constexpr double kShareLess = 3.0 / 4;
constexpr double kStrainFirst = 0.5;
constexpr double kStrainMost = 4;
constexpr double kStrainStep = 0.125;

// A request is slow if it takes this many times the usual time, and long enough to be more than
// chance.
constexpr double kSlow = 4;
constexpr Clock::Duration kNoticeable{250};
constexpr PointCount kPointsLeast = 1'000;

constexpr double kMeterSeconds = 10;

constexpr double kHeadroom = 1.1;

double SecondsBetween(Clock::TimePoint from, Clock::TimePoint to) {
  return std::max(0.0, Seconds(to - from).count());
}

}  // namespace

void AdaptiveBatchSize::TooLarge(Bytes size, Clock::TimePoint at) {
  const Bytes least = std::min(kSizeLeast, configured_);
  now_ = std::clamp(Bytes(size.count() / 2), least, std::max(least, now_));
  refused_ = refused_ ? std::min(*refused_, size) : size;
  refused_at_ = at;
  full_in_a_row_ = 0;
}

void AdaptiveBatchSize::OnAccepted(Bytes size, Clock::TimePoint at) {
  if (now_ == configured_ || size.count() < now_.count() / 2) return;
  if (++full_in_a_row_ < kFullBeforeMore) return;
  full_in_a_row_ = 0;
  if (refused_ && at - refused_at_ >= kRefusalHolds) refused_.reset();
  const Bytes more(now_.count() + now_.count() / 8);
  if (refused_ && more >= *refused_) return;
  now_ = std::min(more, configured_);
}

double TokenBucket::LeftAt(Clock::TimePoint at) const {
  // Saves up a tenth of a second's worth at most, so that no burst follows a pause.
  return std::min(per_second_ / 10, left_ + per_second_ * SecondsBetween(at_, at));
}

void TokenBucket::Spend(double amount, Clock::TimePoint at) {
  if (per_second_ <= 0) return;
  left_ = LeftAt(at) - amount;
  at_ = at;
}

Clock::Duration TokenBucket::Wait(Clock::TimePoint at) const {
  if (per_second_ <= 0) return Clock::Duration::zero();
  const double left = LeftAt(at);
  if (left >= 0) return Clock::Duration::zero();
  return std::chrono::ceil<Clock::Duration>(Seconds(-left / per_second_));
}

void ConcurrencyLimiter::OnAccepted(Clock::Duration took, PointCount points) {
  share_ = took < longest_ ? std::min(1.0, share_ + kShareStep)
                           : std::max(kShareLeast, share_ * kShareLess);
  // The fixed cost of a request must not make a small one look slow.
  const double per_point =
      static_cast<double>(took.count()) / static_cast<double>(std::max(points, kPointsLeast));
  const bool slow =
      took >= kNoticeable && usual_ms_per_point_ > 0 && per_point > kSlow * usual_ms_per_point_;
  if (slow) {
    strain_ = std::max(strain_, std::min(1.0, strain_ + 2 * kStrainStep));
  } else {
    strain_ = std::max(0.0, strain_ - kStrainStep);
  }
  // Only requests that took noticeable time define the usual; it drifts up slowly, so that a
  // backend that is slower for good is not rested for ever.
  if (took < kNoticeable) return;
  const bool better = usual_ms_per_point_ <= 0 || per_point < usual_ms_per_point_;
  usual_ms_per_point_ = better ? per_point : usual_ms_per_point_ * 1.02;
}

void ConcurrencyLimiter::Unreachable() {
  share_ = std::max(kShareLeast, share_ / 2);
}

void ConcurrencyLimiter::Overloaded() {
  Unreachable();
  strain_ = std::clamp(strain_ * 2, kStrainFirst, kStrainMost);
}

std::size_t ConcurrencyLimiter::at_once() const {
  const double allowed = std::floor(static_cast<double>(at_once_max_) * share_);
  return std::max<std::size_t>(1, static_cast<std::size_t>(allowed));
}

Clock::Duration ConcurrencyLimiter::RestAfter(Clock::Duration took) const {
  return std::chrono::duration_cast<Clock::Duration>(took * strain_);
}

void RateMeter::Add(double amount, Clock::TimePoint at) {
  sum_ = sum_ * std::exp(-SecondsBetween(at_, at) / kMeterSeconds) + amount;
  at_ = at;
}

double RateMeter::PerSecond(Clock::TimePoint at) const {
  return sum_ * std::exp(-SecondsBetween(at_, at) / kMeterSeconds) / kMeterSeconds;
}

void RaisedLimit::Accepted(double amount, Clock::TimePoint at) {
  accepted_.Add(amount, at);
  if (!is_limited()) return;
  allowed_.Allow(std::max(configured_, kHeadroom * accepted_.PerSecond(at)));
}

}  // namespace relay
