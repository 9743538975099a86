// What there is to say of a delivery.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replay/delivery/delivery.h"

namespace relay {
namespace {

std::string Named(const Lane& lane) {
  if (lane.retention_policy.empty()) return fmt::format("database \"{}\"", lane.database);
  return fmt::format("database \"{}\", retention policy \"{}\"", lane.database,
                     lane.retention_policy);
}

LaneStatus StatusOf(const LaneQueue& lane) {
  LaneStatus status;
  status.lane = lane.lane;
  status.why = lane.why;
  status.remedy = lane.remedy;
  status.since = lane.since;
  if (lane.by_operator) {
    status.state = "held by operator";
  } else {
    status.state = lane.mode == LaneMode::kHeld ? "held" : "draining";
  }
  return status;
}

}  // namespace

// A lane's status with its name in the reason.
LaneStatus Delivery::NamedStatusOf(const LaneQueue& lane) {
  LaneStatus status = StatusOf(lane);
  status.why = fmt::format("{}: {}", Named(lane.lane), lane.why);
  return status;
}

// The lane that is on hold for the longest, for a cause that is not somebody's
// wish.
const LaneQueue* Delivery::LongestHeld() const {
  const LaneQueue* longest = nullptr;
  for (const LaneQueue* lane : on_hold_) {
    if (lane->mode != LaneMode::kHeld || lane->by_operator) continue;
    const bool before = longest == nullptr ||
                        std::tie(lane->since, lane->lane) < std::tie(longest->since, longest->lane);
    if (before) longest = lane;
  }
  return longest;
}

DeliveryStatusBoard::State Delivery::StateNow() const {
  if (log_failures_ > 0) return {WorkerState::kLogFailing, log_why_};
  if (is_paused_) {
    return {WorkerState::kPaused, "paused by an operator",
            fmt::format("influxdb-relay resume --backend {}", options_.backend.text())};
  }
  if (gate_.is_failing()) return gate_.failure();
  if (const LaneQueue* lane = LongestHeld(); lane != nullptr) {
    const LaneStatus status = NamedStatusOf(*lane);
    return {WorkerState::kHeld, status.why, status.remedy};
  }
  const bool idle =
      marks_.lag() == 0 && window_.empty() && gate_.under_way() == 0 && held_open_.empty();
  return {idle ? WorkerState::kCaughtUp : WorkerState::kDelivering};
}

void Delivery::ShowState() {
  if (lanes_changed_) ShowLanes();
  board_.Show(StateNow(), gate_.gauges());
}

void Delivery::ShowLanes() {
  lanes_changed_ = false;
  std::vector<const LaneQueue*> lanes(on_hold_.begin(), on_hold_.end());
  std::sort(lanes.begin(), lanes.end(),
            [](const LaneQueue* a, const LaneQueue* b) { return a->lane < b->lane; });
  lanes.resize(std::min(lanes.size(), WorkerStatus::kLanesShown));
  std::vector<LaneStatus> shown;
  shown.reserve(lanes.size());
  for (const LaneQueue* lane : lanes) shown.push_back(StatusOf(*lane));
  board_.ShowLanes(std::move(shown));
}

double Delivery::Chance() {
  constexpr auto kRange = static_cast<double>(std::minstd_rand::max()) + 1.0;
  return static_cast<double>(random_()) / kRange;
}

}  // namespace relay
