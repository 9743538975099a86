#include "replay/delivery/lanes.h"

#include <algorithm>

namespace relay {
namespace {

constexpr std::size_t kIdleMax = 256;

}  // namespace

bool LaneQueue::wants_held_read() const {
  const bool drains = mode == LaneMode::kHeld || mode == LaneMode::kDraining;
  return drains && batches.empty() && held.empty() && held_last.has_value();
}

bool LaneQueue::has_work() const {
  if (by_operator || is_busy) return false;
  if (!batches.empty() || !held_unsent.empty() || wants_held_read()) return true;
  return takes_flow() && held.empty() && !flow.empty();
}

bool LaneQueue::is_idle() const {
  return mode == LaneMode::kLive && !by_operator && !is_busy && batches.empty() && flow.empty();
}

LaneQueue& LaneQueues::Of(const Lane& lane) {
  const auto [found, is_new] = lanes_.try_emplace(lane);
  if (is_new) found->second.lane = lane;
  return found->second;
}

const LaneQueue* LaneQueues::Find(const Lane& lane) const {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? nullptr : &found->second;
}

void LaneQueues::Queue(LaneQueue& lane, Clock::TimePoint now) {
  const auto queued = queued_.find(&lane);
  if (!lane.has_work()) {
    if (queued == queued_.end()) return;
    turns_.erase(queued->second);
    queued_.erase(queued);
    return;
  }
  const Clock::TimePoint due = std::max(lane.not_before, now);
  if (queued != queued_.end()) {
    // A lane whose due time stays keeps its place among the others.
    const Clock::TimePoint was = queued->second->due;
    if (was <= due && was >= lane.not_before) return;
    turns_.erase(queued->second);
    queued_.erase(queued);
  }
  const Turn turn{due, ++last_ticket_, &lane};
  queued_.emplace(&lane, turns_.insert(turn).first);
}

LaneQueue* LaneQueues::Next(Clock::TimePoint now, bool may_read_held) const {
  for (const Turn& turn : turns_) {
    if (turn.due > now) return nullptr;
    if (may_read_held || !turn.lane->wants_held_read()) return turn.lane;
  }
  return nullptr;
}

std::optional<Clock::TimePoint> LaneQueues::NextTurn() const {
  if (turns_.empty()) return std::nullopt;
  return turns_.begin()->due;
}

void LaneQueues::ForgetIdle() {
  if (lanes_.size() <= kIdleMax) return;
  std::erase_if(lanes_, [](const auto& entry) { return entry.second.is_idle(); });
}

void LaneQueues::ForgetAccepted(const std::string& database) {
  for (auto& [name, lane] : lanes_) {
    if (name.database == database) lane.last_accepted = nullptr;
  }
}

}  // namespace relay
