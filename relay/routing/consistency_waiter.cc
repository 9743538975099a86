#include "relay/routing/consistency_waiter.h"

#include <pthread.h>

#include <utility>

namespace relay {
namespace {

constexpr Clock::Duration kTurn{5};
constexpr Clock::Duration kNobodyWaits{1'000};

}  // namespace

void DeliveryWaiter::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    pthread_setname_np(pthread_self(), "waiter");
    while (!stop.stop_requested()) {
      const Clock::Duration pause = Step();
      clock_.WaitFor(came_, pause, stop);
    }
  });
}

void DeliveryWaiter::Wait(std::vector<Needed> needed, std::size_t enough, Clock::Duration limit,
                          Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      waiting_.push_back({.missing = std::move(needed),
                          .enough = enough,
                          .deadline = clock_.Now() + limit,
                          .done = std::move(done)});
      came_.Raise();
      return;
    }
  }
  done(0);
}

void DeliveryWaiter::Stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  std::list<Waiting> left;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    left.swap(waiting_);
  }
  for (Waiting& waiting : left) waiting.done(waiting.have);
}

Clock::Duration DeliveryWaiter::Step() {
  std::list<Waiting> turn;
  {
    const std::lock_guard lock(mutex_);
    turn.swap(waiting_);
  }
  Behind behind;
  const Clock::TimePoint now = clock_.Now();
  for (auto waiting = turn.begin(); waiting != turn.end();) {
    Look(*waiting, behind);
    const auto next = std::next(waiting);
    if (IsOver(*waiting, now)) {
      waiting->done(waiting->have);
      turn.erase(waiting);
    }
    waiting = next;
  }
  const std::lock_guard lock(mutex_);
  waiting_.splice(waiting_.begin(), turn);
  return waiting_.empty() ? kNobodyWaits : kTurn;
}

// A backend that has not reached an earlier write has not reached this one: only the first is
// looked up.
void DeliveryWaiter::Look(Waiting& waiting, Behind& behind) const {
  std::erase_if(waiting.missing, [&](const Needed& needed) {
    if (behind.contains(needed.backend)) return false;
    const Result<WriteOutcome> outcome = log_.OutcomeOf(needed.backend, needed.payload);
    if (!outcome.ok()) return true;  // A removed backend will never have it.
    if (outcome.value() == WriteOutcome::kOwed) {
      behind.insert(needed.backend);
      return false;
    }
    if (outcome.value() == WriteOutcome::kPassed || outcome.value() == WriteOutcome::kTrimmed)
      ++waiting.have;
    return true;
  });
}

bool DeliveryWaiter::IsOver(const Waiting& waiting, Clock::TimePoint now) {
  return waiting.have >= waiting.enough || waiting.have + waiting.missing.size() < waiting.enough ||
         now >= waiting.deadline;
}

}  // namespace relay
