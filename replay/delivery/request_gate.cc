#include "replay/delivery/request_gate.h"

#include <algorithm>
#include <utility>

#include "wal/base/invariant.h"

namespace relay {
namespace {

// A request that takes this part of the timeout is as large as it should get.
constexpr int kLongestPart = 3;

}  // namespace

RequestGate::RequestGate(const Options& options)
    : points_max_(options.batch_points_max),
      size_(options.batch_bytes_max),
      limiter_(options.at_once_max, options.timeout / kLongestPart),
      points_allowed_(static_cast<double>(options.rate.points_per_second)),
      bytes_allowed_(static_cast<double>(options.rate.bytes_per_second.count())) {
  INVARIANT(options.at_once_max >= 1);
}

Clock::TimePoint RequestGate::OpensAt(Clock::TimePoint now) const {
  const Clock::Duration allowed = std::max(points_allowed_.Wait(now), bytes_allowed_.Wait(now));
  return std::max({closed_until_, rest_until_, now + allowed});
}

BatchLimit RequestGate::Limit() const {
  const double share = limiter_.share();
  const auto points = static_cast<double>(points_max_) * share;
  const auto bytes = static_cast<double>(size_.now().count()) * share;
  return {.points = std::max<PointCount>(1, static_cast<PointCount>(points)),
          .bytes = std::max(Bytes(1), Bytes(static_cast<std::uint64_t>(bytes)))};
}

void RequestGate::Started(const SendBatch& batch, Clock::TimePoint now) {
  ++under_way_;
  points_allowed_.Spend(static_cast<double>(batch.points), now);
  bytes_allowed_.Spend(static_cast<double>(batch.bytes.count()), now);
}

void RequestGate::Took(Clock::Duration took, PointCount points, Clock::TimePoint now) {
  Open(now);
  limiter_.OnAccepted(took, points);
  rest_until_ = now + limiter_.RestAfter(took);
}

void RequestGate::Open(Clock::TimePoint now) {
  failures_in_a_row_ = 0;
  closed_until_ = now;
}

void RequestGate::Close(const Backoff& backoff, double chance, Failure failure,
                        Clock::TimePoint now) {
  if (now >= closed_until_) ++failures_in_a_row_;
  Clock::Duration wait = backoff.After(std::max(failures_in_a_row_, 1U), chance);
  if (failure.retry_after) wait = std::max<Clock::Duration>(wait, *failure.retry_after);
  closed_until_ = std::max(closed_until_, now + wait);
  failure_ = std::move(failure.shown);
}

bool RequestGate::is_rate_limited() const {
  return points_allowed_.is_limited() || bytes_allowed_.is_limited();
}

void RequestGate::NoteAccepted(const Totals& accepted, Clock::TimePoint now) {
  const Totals before = accepted_before_.value_or(accepted);
  accepted_before_ = accepted;
  points_allowed_.Accepted(static_cast<double>(accepted.points - before.points), now);
  bytes_allowed_.Accepted(static_cast<double>((accepted.bytes - before.bytes).count()), now);
}

DeliveryStatusBoard::Gauges RequestGate::gauges() const {
  const bool waits = is_failing() && under_way_ == 0;
  return {.failures_in_a_row = failures_in_a_row_,
          .in_flight = under_way_,
          .in_flight_max = limiter_.at_once(),
          .batch_bytes_max = size_.now(),
          .retries_at = waits ? std::optional(closed_until_) : std::nullopt};
}

}  // namespace relay
