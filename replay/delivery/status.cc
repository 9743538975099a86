// What there is to say of a delivery.
#include <fmt/format.h>

#include <algorithm>

#include "replay/delivery/delivery.h"

namespace relay {
namespace {

constexpr std::size_t kShownAnswerMax = 512;

// An answer in one line that cannot disturb a terminal or a log.
std::string Shown(const Reply& reply) {
  std::string text = fmt::format("HTTP {}", reply.http_status);
  if (!reply.body.empty()) text += ": " + reply.body.substr(0, kShownAnswerMax);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text;
}

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

std::string_view ToString(WorkerState state) {
  switch (state) {
    case WorkerState::kCaughtUp: return "caught up";
    case WorkerState::kDelivering: return "delivering";
    case WorkerState::kRetrying: return "retrying";
    case WorkerState::kHeld: return "held";
    case WorkerState::kLogFailing: return "log failing";
    case WorkerState::kPaused: return "paused";
  }
  INVARIANT(false);
}

WorkerStatus Delivery::Snapshot() const {
  const std::lock_guard lock(status_mutex_);
  WorkerStatus status = status_;
  status.points_per_second = resolved_points_.PerSecond(clock_.Now());
  return status;
}

void Delivery::NoteRequest(const UnderWay& job, const Result<Reply>& answer) {
  options_.on_request(clock_.Now() - job.started);
  const std::lock_guard lock(status_mutex_);
  ++status_.requests;
  if (!answer.ok()) {
    status_.last_answer = answer.error().message();
  } else if (answer.value().http_status / 100 != 2) {
    status_.last_answer = Shown(answer.value());
  }
}

void Delivery::Progressed(PointCount points) {
  const std::lock_guard lock(status_mutex_);
  resolved_points_.Add(static_cast<double>(points), clock_.Now());
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

void Delivery::ShowState() {
  if (lanes_changed_) ShowLanes();
  if (log_failures_ > 0) return Show(WorkerState::kLogFailing, log_why_, "");
  if (is_paused_) {
    return Show(WorkerState::kPaused, "paused by an operator",
                fmt::format("influxdb-relay resume --backend {}", options_.backend.text()));
  }
  if (failures_in_a_row_ > 0) return Show(gate_.state, gate_.why, gate_.remedy);
  if (const LaneQueue* lane = LongestHeld(); lane != nullptr) {
    return Show(WorkerState::kHeld, fmt::format("{}: {}", Named(lane->lane), lane->why),
                lane->remedy);
  }
  const bool idle =
      marks_.lag() == 0 && window_.empty() && requests_under_way_ == 0 && held_open_.empty();
  Show(idle ? WorkerState::kCaughtUp : WorkerState::kDelivering, "", "");
}

void Delivery::Show(WorkerState state, const std::string& why, const std::string& remedy) {
  WorkerStatus changed;
  {
    const std::lock_guard lock(status_mutex_);
    status_.failures_in_a_row = failures_in_a_row_;
    status_.in_flight = requests_under_way_;
    status_.in_flight_max = throttle_.at_once();
    status_.batch_bytes_max = size_.now();
    status_.remedy = remedy;
    if (status_.state == state && status_.why == why) return;
    if (status_.state != state) status_.since = clock_.WallNow();
    status_.state = state;
    status_.why = why;
    changed = status_;
  }
  options_.on_change(changed);
}

void Delivery::ShowLanes() {
  lanes_changed_ = false;
  std::vector<const LaneQueue*> lanes(on_hold_.begin(), on_hold_.end());
  std::sort(lanes.begin(), lanes.end(),
            [](const LaneQueue* a, const LaneQueue* b) { return a->lane < b->lane; });
  lanes.resize(std::min(lanes.size(), WorkerStatus::kLanesShown));
  const std::lock_guard lock(status_mutex_);
  status_.lanes.clear();
  for (const LaneQueue* lane : lanes) status_.lanes.push_back(StatusOf(*lane));
}

// A lane that waits for its database is stuck too, though others go on.
std::optional<Stuck> Delivery::FindStuck() const {
  const Clock::TimePoint now = clock_.Now();
  const LaneQueue* const held = LongestHeld();
  const bool owes = marks_.lag() > 0;
  const bool stands = owes && !is_paused_ && now - progressed_at_ >= options_.stuck_after;
  const std::lock_guard lock(status_mutex_);
  if (stands) {
    const auto ago = std::chrono::duration_cast<WallTime::duration>(now - progressed_at_);
    return Stuck{clock_.WallNow() - ago, status_.why, status_.last_answer, status_.remedy};
  }
  if (held == nullptr || clock_.WallNow() - held->since < options_.stuck_after) return std::nullopt;
  return Stuck{held->since, fmt::format("{}: {}", Named(held->lane), held->why),
               status_.last_answer, held->remedy};
}

void Delivery::ShowStuck(std::optional<Stuck> stuck) {
  if (marks_.lag() == 0) progressed_at_ = clock_.Now();
  WorkerStatus changed;
  {
    const std::lock_guard lock(status_mutex_);
    const bool same = status_.stuck.has_value() == stuck.has_value();
    status_.stuck = std::move(stuck);
    if (same) return;
    changed = status_;
  }
  options_.on_change(changed);
}

double Delivery::Chance() {
  constexpr auto kRange = static_cast<double>(std::minstd_rand::max()) + 1.0;
  return static_cast<double>(random_()) / kRange;
}

}  // namespace relay
