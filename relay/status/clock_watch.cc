#include "relay/status/clock_watch.h"

#include <algorithm>
#include <utility>

#include "relay/status/relay_status.h"

namespace relay {
namespace {

using std::chrono::nanoseconds;

template <typename Heads>
Sequence HeadIn(const Heads& heads, const std::string& backend) {
  const auto head = heads.find(backend);
  return head == heads.end() ? Sequence(0) : head->second;
}

}  // namespace

ClockWatch::ClockWatch(const Clock& clock) : clock_(clock), last_(Look()) {}

// Reads the monotonic clock before and after, since the thread may be stopped in between.
ClockWatch::Moment ClockWatch::Look() const {
  constexpr nanoseconds kAtOnce = std::chrono::milliseconds(50);
  constexpr int kTries = 5;
  Moment moment;
  for (int i = 0; i < kTries; ++i) {
    const Clock::TimePoint before = clock_.Now();
    const nanoseconds wall = clock_.WallNow().time_since_epoch();
    moment = {clock_.Now(), wall - before.time_since_epoch()};
    if (moment.steady - before < kAtOnce) break;
  }
  return moment;
}

std::optional<nanoseconds> ClockWatch::Note(const NamedFigures& figures) {
  Heads heads;
  for (const auto& [name, of_backend] : figures) heads.emplace(name, of_backend.marks.head);
  const std::lock_guard lock(mutex_);
  const Moment now = Look();
  const bool is_first = !last_heads_.has_value();
  const nanoseconds by = now.offset - last_.offset;
  const bool has_stepped = by >= kStepLeast || by <= -kStepLeast;
  if (is_first || has_stepped) {
    steps_.push_back({.before = last_.offset,
                      .ok_at = last_.steady,
                      .ok_heads = is_first ? heads : *last_heads_,
                      .seen_at = now.steady,
                      .seen_heads = heads});
    if (steps_.size() > kStepsMax) steps_.erase(steps_.begin());
  }
  // Small differences add up to a step.
  last_ = {now.steady, has_stepped ? now.offset : last_.offset};
  last_heads_ = std::move(heads);
  if (!has_stepped) return std::nullopt;
  ++count_;
  last_by_ = by;
  last_step_at_ = now.steady;
  return by;
}

// REQUIRES: the mutex is held.
WallTime ClockWatch::Shown(const std::string& backend, Sequence sequence, WallTime stamp,
                           const Moment& now) const {
  const nanoseconds at = stamp.time_since_epoch();
  // Small differences of the offset are left alone, so that a stamp is shown as it is.
  const Offset offset = last_.offset;
  nanoseconds steady = std::min(at, now.steady.time_since_epoch() + now.offset) - offset;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    const nanoseconds ok_at = step.ok_at.time_since_epoch();
    const nanoseconds seen_at = step.seen_at.time_since_epoch();
    if (sequence <= HeadIn(step.ok_heads, backend)) {
      steady = std::min(at - step.before, ok_at);
      break;
    }
    if (sequence > HeadIn(step.seen_heads, backend)) continue;
    // Stamped between two looks: by the clock of before, or of after the step.
    const Offset after = i + 1 < steps_.size() ? steps_[i + 1].before : offset;
    steady = at - step.before;
    if (steady < ok_at || steady > seen_at) steady = at - after;
    if (steady < ok_at || steady > seen_at) steady = ok_at;
    break;
  }
  return WallTime(steady + offset);
}

// REQUIRES: the mutex is held.
void ClockWatch::CorrectFigures(const std::string& backend, QueueStats& figures,
                                const Moment& now) const {
  const auto correct = [&](Sequence before, std::optional<WallTime>& time) {
    if (time) time = Shown(backend, Sequence(before.value() + 1), *time, now);
  };
  correct(figures.marks.cursor, figures.oldest_owed);
  correct(figures.marks.trimmed, figures.oldest_kept);
}

void ClockWatch::Correct(RelayStatus& status) const {
  const std::lock_guard lock(mutex_);
  const Moment now = Look();
  status.now = WallTime(now.steady.time_since_epoch() + now.offset);
  status.clock = StepsAt(now);
  for (BackendStatus& backend : status.backends) {
    CorrectFigures(backend.name, backend.figures, now);
    for (LaneReport& lane : backend.lanes) {
      HeldLane& held = lane.held;
      if (!held.oldest || !held.first) continue;
      held.oldest = Shown(backend.name, *held.first, *held.oldest, now);
    }
  }
}

// REQUIRES: the mutex is held.
ClockSteps ClockWatch::StepsAt(const Moment& now) const {
  return {.count = count_,
          .last_by = last_by_,
          .last_at = count_ == 0
                         ? std::nullopt
                         : std::optional(WallTime(last_step_at_.time_since_epoch() + now.offset))};
}

ClockSteps ClockWatch::steps() const {
  const std::lock_guard lock(mutex_);
  return StepsAt(Look());
}

}  // namespace relay
