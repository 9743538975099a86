#include "wal/commit/queue_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "wal/base/crash_point.h"
#include "wal/base/invariant.h"

namespace relay {

QueueTable::QueueTable(std::vector<BackendId> configured) : configured_(std::move(configured)) {}

std::vector<BackendId> QueueTable::Names() const {
  const std::lock_guard lock(mutex_);
  std::vector<BackendId> names;
  names.reserve(queues_.size());
  for (const auto& [name, queue] : queues_) names.push_back(name);
  return names;
}

Result<Queue> QueueTable::SnapshotOf(const BackendId& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(backend);
  if (found == queues_.end()) return NoSuchBackend(backend);
  return found->second;
}

QueueTable::Snapshot QueueTable::All() const {
  const std::lock_guard lock(mutex_);
  return {queues_, newest_payload_};
}

Marks QueueTable::MarksOf(const BackendId& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(backend);
  INVARIANT(found != queues_.end());
  return found->second.marks();
}

bool QueueTable::PausedOf(const BackendId& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(backend);
  INVARIANT(found != queues_.end());
  return found->second.state.paused;
}

LifeId QueueTable::life() const {
  const std::lock_guard lock(mutex_);
  return lives_.current();
}

bool QueueTable::Gave(const WritePosition& position) const {
  const std::lock_guard lock(mutex_);
  return lives_.Gave(position, newest_payload_);
}

HighWater QueueTable::SyncedState() const {
  const std::lock_guard lock(mutex_);
  HighWater synced;
  synced.epoch = epoch_;
  synced.log.last_payload = newest_payload_;
  synced.log.last_backend = last_backend_;
  for (const auto& [backend, queue] : queues_) {
    Queue copy = queue;
    copy.state = synced_.at(backend);
    synced.log.queues.emplace(backend, std::move(copy));
  }
  return synced;
}

std::vector<BackendId> QueueTable::Configured() const {
  const std::lock_guard lock(mutex_);
  return configured_;
}

void QueueTable::SetConfigured(std::vector<BackendId> names) {
  const std::lock_guard lock(mutex_);
  configured_ = std::move(names);
}

std::vector<BackendId> QueueTable::UnknownOf(const std::vector<BackendId>& names) const {
  const std::lock_guard lock(mutex_);
  std::vector<BackendId> unknown;
  std::copy_if(names.begin(), names.end(), std::back_inserter(unknown),
               [this](const BackendId& name) { return !queues_.contains(name); });
  return unknown;
}

Status QueueTable::MoveCursor(const BackendId& backend, const Resolution& resolution) {
  std::unique_lock lock(mutex_);
  unlocked_.wait(lock, [&] { return !locked_.contains(backend); });
  const auto found = queues_.find(backend);
  if (found == queues_.end()) return NoSuchBackend(backend);
  RETURN_IF_ERROR(LeaseOfLocked(backend));
  Queue& queue = found->second;
  const Sequence cursor = queue.state.cursor.sequence;
  if (resolution.after != cursor) {
    return Error(ErrorCode::kConflict, fmt::format("the cursor is at {}, no more at {}",
                                                   cursor.value(), resolution.after.value()));
  }
  INVARIANT(resolution.after < resolution.through.sequence);
  INVARIANT(resolution.through.sequence <= queue.head.sequence);
  INVARIANT(resolution.through.totals.points >= queue.state.cursor.totals.points);
  queue.state.cursor = resolution.through;
  queue.state.delivered += resolution.delivered;
  dirty_.insert(backend);
  PassCrashPoint(CrashPoint::kAdvanceMoved);
  return Ok();
}

void QueueTable::SetDelivered(const BackendId& backend, bool is_delivered) {
  const std::lock_guard lock(mutex_);
  if (!leases_) leases_.emplace();
  if (is_delivered) {
    leases_->insert_or_assign(backend, ++last_lease_);
    return;
  }
  if (leases_->erase(backend) == 0) return;
  dirty_.erase(backend);
  const auto found = queues_.find(backend);
  if (found != queues_.end()) found->second.state = synced_.at(backend);
}

void QueueTable::DeliverToNone() {
  const std::lock_guard lock(mutex_);
  leases_.emplace();
  dirty_.clear();
  for (auto& [backend, queue] : queues_) queue.state = synced_.at(backend);
}

Result<std::uint64_t> QueueTable::LeaseOf(const BackendId& backend) const {
  const std::lock_guard lock(mutex_);
  return LeaseOfLocked(backend);
}

// REQUIRES, here and below: mutex_ is held.
Result<std::uint64_t> QueueTable::LeaseOfLocked(const BackendId& backend) const {
  if (!leases_) return std::uint64_t{0};
  const auto lease = leases_->find(backend);
  if (lease != leases_->end()) return lease->second;
  return Error(ErrorCode::kElsewhere,
               fmt::format("this relay does not deliver to {} now", backend.text()));
}

bool QueueTable::Delivers(const BackendId& backend) const {
  return !leases_ || leases_->contains(backend);
}

Status QueueTable::CheckNext(const BackendId& backend, const Change& change) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(backend);
  if (found == queues_.end()) return NoSuchBackend(backend);
  if (change.follows != found->second.state.edition) {
    return Error(ErrorCode::kUnavailable, "the log was reopened meanwhile");
  }
  return Ok();
}

std::map<BackendId, QueueState> QueueTable::TakeDirtyCursors() {
  const std::lock_guard lock(mutex_);
  std::map<BackendId, QueueState> cursors;
  for (const BackendId& backend : dirty_) cursors.emplace(backend, queues_.at(backend).state);
  dirty_.clear();
  return cursors;
}

void QueueTable::Publish(const Group& group, const Numbers& numbers) {
  const std::lock_guard lock(mutex_);
  newest_payload_ = numbers.last_payload;
  last_backend_ = numbers.last_backend;
  for (const WaitingBackends* waiting : group.backends) {
    for (const BackendId& backend : waiting->names) {
      queues_.try_emplace(backend).first->second.number = numbers.tails.at(backend).number;
      synced_.try_emplace(backend);
    }
  }
  for (auto& [backend, queue] : queues_) {
    const Tail& tail = numbers.tails.at(backend);
    queue.head = tail.head;
    queue.last_accepted = tail.last_accepted;
  }
  for (const auto& [backend, state] : group.cursors) {
    synced_[backend] = state;
    if (!Delivers(backend)) queues_.at(backend).state = state;
  }
  for (const WaitingChange* waiting : group.changes) PublishChange(*waiting);
}

// REQUIRES: mutex_ is held.
void QueueTable::PublishChange(const WaitingChange& waiting) {
  const Change& change = waiting.change;
  if (!change.state) {
    queues_.erase(waiting.backend);
    synced_.erase(waiting.backend);
    return;
  }
  Queue& queue = queues_.at(waiting.backend);
  queue.state = *change.state;
  synced_[waiting.backend] = *change.state;
  if (change.lanes.empty()) return;
  Lanes lanes = *queue.lanes;
  for (const auto& [lane, state] : change.lanes) {
    if (state.empty()) {
      lanes.erase(lane);
    } else {
      lanes[lane] = state;
    }
  }
  queue.lanes = std::make_shared<const Lanes>(std::move(lanes));
}

// Changes of this process that are no longer on disk were already repaired by Recover.
void QueueTable::Adopt(LoadedLog loaded, std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  synced_.clear();
  for (auto& [backend, queue] : loaded.queues) {
    synced_[backend] = queue.state;
    const auto known = queues_.find(backend);
    // Backends that others deliver to are on disk as those have left them.
    if (known == queues_.end() || !Delivers(backend) ||
        queue.state.edition > known->second.state.edition)
      continue;
    INVARIANT(queue.head.sequence >= known->second.head.sequence);
    queue.state = known->second.state;
    dirty_.insert(backend);
  }
  queues_ = std::move(loaded.queues);
  // A Forget that was reported as failed may have happened after all.
  std::erase_if(dirty_, [this](const BackendId& backend) { return !queues_.contains(backend); });
  newest_payload_ = loaded.last_payload;
  last_backend_ = loaded.last_backend;
  epoch_ = epoch;
  lives_ = std::move(loaded.lives);
}

QueueLock::QueueLock(QueueTable& table, const BackendId& backend)
    : table_(table), backend_(backend) {
  std::unique_lock lock(table_.mutex_);
  table_.unlocked_.wait(lock, [this] { return !table_.locked_.contains(backend_); });
  table_.locked_.insert(backend_);
}

QueueLock::~QueueLock() {
  {
    const std::lock_guard lock(table_.mutex_);
    table_.locked_.erase(backend_);
  }
  table_.unlocked_.notify_all();
}

}  // namespace relay
