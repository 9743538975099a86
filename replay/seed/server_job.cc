#include "replay/seed/server_job.h"

#include <fmt/format.h>

#include "wal/base/backoff.h"

namespace relay {

Error OnServer(const std::string& name, Error error) {
  return std::move(error).Within(name);
}

std::string Summarised(const Outcome& outcome, const std::string& a, const std::string& b) {
  std::uint64_t points = 0;
  PlaceOutcome sum;
  for (const PlaceOutcome& place : outcome.places) {
    points += place.points_a;
    sum.only_a += place.only_a;
    sum.only_b += place.only_b;
    sum.other_values += place.other_values;
    sum.unsettled += place.unsettled;
  }
  switch (outcome.equality()) {
    case Equality::kEqual:
      return fmt::format("equal: {} points of {} measurements", points, outcome.places.size());
    case Equality::kUnknown:
      return fmt::format("could not tell: {} values were overwritten all the while", sum.unsettled);
    case Equality::kDifferent: break;
  }
  std::string text =
      fmt::format("different: {} points only on {}, {} only on {}, {} with other values",
                  sum.only_a, a, sum.only_b, b, sum.other_values);
  for (const std::string& missing : outcome.missing) text += "; " + missing;
  return text;
}

ReplayProgress ServerJob::Progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

void ServerJob::Say(std::string doing) {
  const std::lock_guard lock(mutex_);
  progress_.doing = std::move(doing);
}

// Keeps the first end: a cancelled job does not fail because of it.
void ServerJob::End(ReplayState state, std::string reason) {
  const std::lock_guard lock(mutex_);
  if (progress_.state != ReplayState::kRunning) return;
  progress_.state = state;
  progress_.reason = std::move(reason);
  progress_.doing.clear();
}

void ServerJob::EndWith(std::string result, bool good) {
  {
    const std::lock_guard lock(mutex_);
    progress_.result = result;
  }
  End(good ? ReplayState::kComplete : ReplayState::kGivenUp, good ? "" : std::move(result));
}

void ServerJob::Cancel() {
  End(ReplayState::kCancelled, "");
  Interrupt();
}

void ServerJob::Interrupt() {
  interrupted_ = true;
  InterruptMore();
  const std::lock_guard lock(mutex_);
  for (const std::weak_ptr<Source>& open : open_) {
    if (const std::shared_ptr<Source> source = open.lock()) source->Cancel();
  }
}

std::shared_ptr<Source> ServerJob::Open(const SourceMaker& maker) {
  std::shared_ptr<Source> source = maker();
  const std::lock_guard lock(mutex_);
  std::erase_if(open_, [](const std::weak_ptr<Source>& one) { return one.expired(); });
  open_.push_back(source);
  if (interrupted_) source->Cancel();
  return source;
}

Clock::Duration ServerJob::Failed(const Error& error) {
  constexpr Backoff kRetry{.first = std::chrono::milliseconds(200),
                           .max = std::chrono::milliseconds(5'000)};
  BeginAgain();
  const bool is_temporary = error.code() == ErrorCode::kUnavailable ||
                            error.code() == ErrorCode::kBrokenOff ||
                            error.code() == ErrorCode::kFull;
  if (!is_temporary) {
    End(ReplayState::kGivenUp, error.message());
    return Clock::Duration::zero();
  }
  const std::lock_guard lock(mutex_);
  if (progress_.state == ReplayState::kRunning) progress_.reason = error.message();
  return kRetry.After(++failures_, 0.5);
}

Clock::Duration ServerJob::Step() {
  const Status done = StepPhase();
  if (!done.ok()) return Failed(done.error());
  failures_ = 0;
  const std::lock_guard lock(mutex_);
  if (progress_.state == ReplayState::kRunning) progress_.reason.clear();
  return Clock::Duration::zero();
}

}  // namespace relay
