#include "wal/commit/proposer.h"

#include <utility>

#include "wal/order/messages.h"

namespace relay {

std::vector<Group> Proposer::Begin(const SessionId& last) {
  const std::lock_guard lock(mutex_);
  std::vector<Group> dropped = Dropped();
  session_ = NewSessionId();
  SendLocked(FrameKind::kHello,
             Encode(Hello{.relay = options_.relay, .follows = last, .address = options_.address}));
  return dropped;
}

std::vector<Group> Proposer::Abandon() {
  const std::lock_guard lock(mutex_);
  return Dropped();
}

// REQUIRES, here and below: mutex_ is held.
std::vector<Group> Proposer::Dropped() {
  session_ = {};
  counter_ = 0;
  frames_.clear();
  came_.notify_all();
  return GroupsUnderWay();
}

std::vector<Group> Proposer::GroupsUnderWay() {
  std::vector<Group> groups;
  for (SentGroup& sent : std::exchange(groups_, {})) groups.push_back(std::move(sent.group));
  return groups;
}

std::uint64_t Proposer::SendLocked(FrameKind kind, std::string_view body) {
  const Clock::TimePoint now = options_.clock->Now();
  if (frames_.empty()) repeated_at_ = now;
  const Frame first{.kind = kind, .session = session_, .counter = counter_ + 1, .body = {}};
  for (std::string& bytes : EncodeFrames(first, body)) {
    health_ = options_.order->Propose(bytes);
    frames_.push_back({++counter_, now, std::move(bytes)});
  }
  return counter_;
}

bool Proposer::Send(FrameKind kind, std::string_view body, Group* group, const OnSent& sent) {
  const std::lock_guard lock(mutex_);
  if (session_.is_none()) return false;
  const std::uint64_t counter = SendLocked(kind, body);
  if (group != nullptr) groups_.push_back({counter, std::move(*group)});
  if (sent) sent(counter);
  return true;
}

std::optional<Group> Proposer::Came(const SessionId& session, std::uint64_t counter) {
  const std::lock_guard lock(mutex_);
  if (session != session_) return std::nullopt;
  while (!frames_.empty() && frames_.front().counter <= counter) frames_.pop_front();
  repeated_at_ = options_.clock->Now();
  if (groups_.empty() || groups_.front().counter != counter) return std::nullopt;
  std::optional<Group> group = std::move(groups_.front().group);
  groups_.pop_front();
  came_.notify_all();
  return group;
}

std::vector<Group> Proposer::TakeGroups() {
  const std::lock_guard lock(mutex_);
  return GroupsUnderWay();
}

void Proposer::RepeatIfDue() {
  const std::lock_guard lock(mutex_);
  const Clock::TimePoint now = options_.clock->Now();
  if (frames_.empty() || now - repeated_at_ < options_.repeat_after) return;
  repeated_at_ = now;
  repeated_ += frames_.size();
  for (const SentFrame& frame : frames_) health_ = options_.order->Propose(frame.bytes);
}

bool Proposer::WaitForRoom(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  return came_.wait_for(lock, wait, [this] { return groups_.size() < kGroupsMax; });
}

bool Proposer::has_session() const {
  const std::lock_guard lock(mutex_);
  return !session_.is_none();
}

SessionId Proposer::session() const {
  const std::lock_guard lock(mutex_);
  return session_;
}

bool Proposer::is_empty() const {
  const std::lock_guard lock(mutex_);
  return frames_.empty();
}

std::chrono::nanoseconds Proposer::Waiting() const {
  const std::lock_guard lock(mutex_);
  if (frames_.empty()) return std::chrono::nanoseconds::zero();
  return options_.clock->Now() - frames_.front().since;
}

std::uint64_t Proposer::repeated() const {
  const std::lock_guard lock(mutex_);
  return repeated_;
}

Status Proposer::Health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

}  // namespace relay
