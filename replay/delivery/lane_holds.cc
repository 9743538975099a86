// Lanes on hold: into the log's `held`, and out of it again.

#include <algorithm>
#include <map>
#include <utility>

#include "replay/delivery/delivery.h"

namespace relay {

// Whatever of the lane was read and not sent goes on hold. REQUIRES: not busy.
void Delivery::TakeOutOfFlow(LaneQueue& lane) {
  INVARIANT(!lane.is_busy);
  if (lane.held.empty()) {
    for (const auto& piece : lane.pieces) {
      for (const SendBatch::Part& part : piece->parts) window_.Hold(part.sequence);
    }
  }
  for (const Sequence sequence : lane.flow) window_.Hold(sequence);
  lane.pieces.clear();
  lane.flow.clear();
  ForgetHeldRead(lane);
}

void Delivery::ForgetHeldRead(LaneQueue& lane) {
  held_open_.erase(&lane);
  if (lane.held.empty()) return;
  ++lane.epoch;
  lane.pieces.clear();
  lane.held.Restart(Sequence::BeforeFirst());
  lane.held_unsent.clear();
}

void Delivery::PutOnHold(LaneQueue& lane, std::string why, std::string remedy) {
  TakeOutOfFlow(lane);
  if (lane.mode == LaneMode::kLive || lane.why != why) lane.since = clock_.WallNow();
  lane.mode = LaneMode::kHeld;
  lane.why = std::move(why);
  lane.remedy = std::move(remedy);
  lane.create_due = lane.create_tried = lane.is_suspect = false;
  lane.canary.reset();
  lane.line_suspicions = 0;
  lane.suspicion.reset();
  lane.failures = std::max(lane.failures, 1U);
  lane.not_before = clock_.Now() + options_.probe.After(lane.failures, Chance());
  on_hold_.insert(&lane);
  lanes_changed_ = true;
  lanes_.Queue(lane, clock_.Now());
}

// The cause is gone: what is held is sent, oldest first.
void Delivery::Drain(LaneQueue& lane) {
  lane.mode = LaneMode::kDraining;
  lane.why.clear();
  lane.remedy.clear();
  lane.since = clock_.WallNow();
  lanes_changed_ = true;
  FinishIfAllRead(lane);
}

void Delivery::FinishIfAllRead(LaneQueue& lane) {
  if (lane.mode != LaneMode::kDraining || lane.held.empty()) return;
  if (lane.held_last && lane.held.read_through() < *lane.held_last) return;
  lane.mode = LaneMode::kFinishing;
  PutBackIntoFlow(lane);
}

// What was to go on hold and has not gone yet. It is newer than all that is held.
void Delivery::PutBackIntoFlow(LaneQueue& lane) {
  for (const Sequence sequence : window_.ToHeldOf(lane.lane)) {
    window_.Unhold(sequence);
    lane.flow.push_back(sequence);
  }
}

void Delivery::GoLive(LaneQueue& lane) {
  lane.mode = LaneMode::kLive;
  lane.held_last.reset();
  lane.why.clear();
  lane.remedy.clear();
  lane.failures = 0;
  lane.not_before = {};
  on_hold_.erase(&lane);
  lanes_changed_ = true;
  PutBackIntoFlow(lane);
  lanes_.Queue(lane, clock_.Now());
}

void Delivery::HoldByOperator(LaneQueue& lane, bool held) {
  lane.by_operator = held;
  lanes_changed_ = true;
  if (held) {
    on_hold_.insert(&lane);
    // Else once its request is answered.
    if (!lane.is_busy) PutOnHold(lane, kHeldByOperator, "");
    return;
  }
  if (!lane.held_last) return GoLive(lane);
  lane.why = "released";
  lane.not_before = clock_.Now();
  lanes_.Queue(lane, clock_.Now());
}

void Delivery::LookAtHeldLanes() {
  Result<std::vector<HeldLane>> held = log_.HeldLanes(options_.backend);
  if (!held.ok()) {
    LogFailed(held.error());
    return;
  }
  std::set<LaneQueue*> gone = on_hold_;
  for (const HeldLane& info : held.value()) {
    LaneQueue& lane = lanes_.Of(info.lane);
    gone.erase(&lane);
    CompareHeld(lane, &info);
  }
  for (LaneQueue* lane : gone) CompareHeld(*lane, nullptr);
}

// What the log says of the lane is what counts: operators change it.
void Delivery::CompareHeld(LaneQueue& lane, const HeldLane* held) {
  if (lane.is_busy) return;
  const bool by_operator = held != nullptr && held->by_operator;
  const std::optional<Sequence> last = held != nullptr ? held->last : std::nullopt;
  const bool others_left = lane.held.empty() || (last && held->first == lane.held.first());
  if (!others_left) ForgetHeldRead(lane);
  lane.held_last = last;
  if (last && lane.mode == LaneMode::kLive) {
    PutOnHold(lane, "was on hold when the relay started", "");
    lane.not_before = clock_.Now();
  }
  if (by_operator != lane.by_operator) HoldByOperator(lane, by_operator);
  const bool holds_nothing = !last && !lane.by_operator && lane.mode != LaneMode::kLive;
  if (holds_nothing && window_.ToHeldOf(lane.lane).empty()) GoLive(lane);
  lanes_.Queue(lane, clock_.Now());
}

}  // namespace relay
