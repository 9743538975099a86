#include "wal/log/durable_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "wal/base/crash_point.h"

namespace relay {
namespace {

constexpr Bytes kEverything(std::numeric_limits<std::uint64_t>::max());

Error Closed(const Error& because) {
  return {ErrorCode::kUnavailable,
          fmt::format("the log is closed after a failure: {}", because.message())};
}

}  // namespace

std::vector<BackendId> DurableLog::Backends() const {
  const std::lock_guard lock(mutex_);
  std::vector<BackendId> names;
  names.reserve(queues_.size());
  for (const auto& [name, run] : queues_) names.push_back(name);
  return names;
}

Result<Queue> DurableLog::SnapshotOf(const BackendId& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(backend);
  if (found != queues_.end()) return found->second;
  return Error(ErrorCode::kNotFound, fmt::format("the log knows no backend '{}'", backend.text()));
}

Result<OpenQueue> DurableLog::OpenQueueOf(const BackendId& backend) const {
  std::shared_lock open(store_mutex_);
  ASSIGN_OR_RETURN(Queue run, SnapshotOf(backend));
  if (store_ == nullptr) return Error(ErrorCode::kUnavailable, "the log is being reopened");
  return OpenQueue{QueueReader(*store_, std::move(run), &recent_), std::move(open)};
}

void DurableLog::Append(AppendRequest request, AppendDone done) {
  std::vector<AppendRequest> parts;
  parts.push_back(std::move(request));
  AppendParts(std::move(parts), std::move(done));
}

// `add` puts what takes so much memory, and on disk at most so much, in the queue.
template <typename Add>
Status DurableLog::Enqueue(Bytes memory, Bytes stored, const Add& add) {
  std::unique_lock lock(mutex_);
  RETURN_IF_ERROR(Admit(memory));
  const bool first = appends_.empty();
  appended_since_measured_ += stored;
  add();
  lock.unlock();
  PassCrashPoint(CrashPoint::kAppendQueued);
  if (first) work_.notify_one();
  return Ok();
}

void DurableLog::AppendParts(std::vector<AppendRequest> parts, AppendDone done) {
  INVARIANT(!parts.empty());
  Totals size;
  for (const AppendRequest& part : parts) {
    INVARIANT(part.backends != nullptr && !part.backends->empty());
    size = size + part.record.size();
  }
  Status queued = Enqueue(size.bytes + size.stored, size.stored, [&] {
    appends_.Add(std::move(parts), {std::move(done), Now()});
  });
  if (!queued.ok()) done(std::move(queued).error());
}

void DurableLog::AppendSmall(SmallWrite write, AppendDone done) {
  INVARIANT(write.backends != nullptr && !write.backends->empty());
  const Bytes size(write.record.lines.size());
  Status queued = CheckStorable(write.record.params);
  if (queued.ok()) {
    queued = Enqueue(size, size, [&] {
      appends_.AddSmall(std::move(write), {std::move(done), Now()});
    });
  }
  if (!queued.ok()) done(std::move(queued).error());
}

// REQUIRES: mutex_ is held. The same below.
Status DurableLog::CheckRoom() const {
  const Bytes used = disk_.used + appended_since_measured_;
  if (used >= limits_.size_max) {
    return Error(ErrorCode::kFull, fmt::format("the log is full: {} of {} bytes are used",
                                               used.count(), limits_.size_max.count()));
  }
  if (disk_.max.count() > 0 && disk_.free <= disk_.min_free) {
    return Error(ErrorCode::kFull,
                 fmt::format("the disk is full: {} bytes are free, {} are left to others",
                             disk_.free.count(), disk_.min_free.count()));
  }
  return Ok();
}

Status DurableLog::CheckTaking() const {
  if (closed_because_) return Closed(*closed_because_);
  if (const auto age = DiskWait(); age > options_.stalled_after) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("the disk hangs: it has kept a write waiting for {} s",
                             std::chrono::floor<std::chrono::seconds>(age).count()));
  }
  return CheckRoom();
}

Status DurableLog::Admit(Bytes size) const {
  RETURN_IF_ERROR(CheckTaking());
  // A record larger than the bound is let in when nothing else waits.
  const Bytes waiting = appends_.memory();
  if (appends_.empty() || waiting + size <= options_.waiting_max) return Ok();
  return Error(ErrorCode::kUnavailable,
               fmt::format("{} bytes already wait for the disk", waiting.count()));
}

Marks DurableLog::MarksOf(const BackendId& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(backend);
  INVARIANT(found != queues_.end());
  return found->second.marks();
}

bool DurableLog::PausedOf(const BackendId& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(backend);
  INVARIANT(found != queues_.end());
  return found->second.state.paused;
}

void DurableLog::OnReadable(std::function<void()> listener) {
  on_readable_ = std::move(listener);
}

Status DurableLog::Health() const {
  const std::lock_guard lock(mutex_);
  return CheckTaking();
}

std::chrono::nanoseconds DurableLog::DiskWait() const {
  const std::chrono::nanoseconds begun = batch_begun_;
  return begun.count() == 0 ? begun : Now() - begun;
}

void DurableLog::CommitLoop() {
  pthread_setname_np(pthread_self(), "committer");
  while (true) {
    Group group = NextGroup();
    const bool last = group.last;
    if (!group.empty()) {
      PassCrashPoint(CrashPoint::kCommitTaken);
      Commit(std::move(group));
    }
    if (last) return;
    ReopenWhenDue();
  }
}

// Waits for work, at most as long as a cursor may stay unwritten.
DurableLog::Group DurableLog::NextGroup() {
  std::unique_lock lock(mutex_);
  const auto wait = closed_because_ ? reopen_after_ : options_.cursor_interval;
  work_.wait_for(lock, wait, [this] {
    return stopping_ || !appends_.empty() || !changes_.empty() || !new_backends_.empty() ||
           !marks_.empty();
  });
  Group group;
  if (!closed_because_) {
    group.appends = appends_.Take(options_.group_max);
    group.changes.swap(changes_);
    group.backends.swap(new_backends_);
    group.marks.swap(marks_);
    TakeDirtyCursors(group);
  }
  group.last =
      stopping_ && appends_.empty() && changes_.empty() && new_backends_.empty() && marks_.empty();
  return group;
}

// REQUIRES: mutex_ is held. The same below.
void DurableLog::TakeDirtyCursors(Group& group) {
  for (const BackendId& backend : dirty_) group.cursors.emplace(backend, queues_.at(backend).state);
  dirty_.clear();
  // What a change was worked out from has been the run's state ever since.
  for (const WaitingChange* waiting : group.changes) group.cursors.erase(waiting->backend);
}

void DurableLog::Commit(Group group) {
  if (Status written = group.has_rows() ? WriteGroup(group) : Ok(); !written.ok()) {
    CloseAfter(group, written.error());
    return;
  }
  PassCrashPoint(CrashPoint::kCommitSynced);
  Publish(group);
  PassCrashPoint(CrashPoint::kCommitPublished);
  for (WaitingAppend& append : group.appends) Answer(append);
  bool wakes = !group.appends.empty();
  for (WaitingChange* waiting : group.changes) {
    wakes = wakes || waiting->wakes == Wakes::kListener;
    waiting->done.set_value(Ok());  // From here on it is gone.
  }
  for (WaitingBackends* waiting : group.backends) waiting->done.set_value(Ok());
  for (WaitingMark* waiting : group.marks) waiting->done.set_value(SyncedState());
  PassCrashPoint(CrashPoint::kCommitAnswered);
  if (wakes && on_readable_) on_readable_();
}

void DurableLog::Answer(WaitingAppend& append) {
  const std::chrono::nanoseconds now = Now();
  for (WaitingAppend::Asker& asker : append.askers) {
    if (options_.times != nullptr) options_.times->appends.Record(now - asker.since);
    const PayloadId first(append.payload.value() - append.parts_before);
    asker.done(SyncGate::Passed(first, append.payload));
  }
}

Status DurableLog::WriteGroup(Group& group) {
  batch_->Clear();
  {
    const std::lock_guard lock(mutex_);
    staged_backend_ = last_backend_;
  }
  for (const WaitingBackends* waiting : group.backends) StageBackends(*waiting);
  for (WaitingAppend& append : group.appends) StageAppend(append);
  for (WaitingChange* waiting : group.changes) StageChange(*waiting);
  if (!group.changes.empty()) {
    // With the marks that let the newest payload go: its number is not given again.
    batch_->Put(Family::kState, kLastPayloadKey,
                EncodeNumber(kLastPayloadKey, last_payload_.value()));
  }
  for (const auto& [backend, state] : group.cursors) {
    PutQueueState(*batch_, tails_.at(backend).number, state);
  }
  PassCrashPoint(CrashPoint::kCommitStaged);
  return WriteBatch();
}

Status DurableLog::WriteBatch() {
  const std::chrono::nanoseconds begun = Now();
  batch_begun_ = begun;
  Status written = store_->Write(*batch_, Durability::kSynced);
  batch_begun_ = std::chrono::nanoseconds::zero();
  if (options_.times != nullptr) options_.times->syncs.Record(Now() - begun);
  return written;
}

std::chrono::nanoseconds DurableLog::Now() const {
  return options_.times != nullptr ? options_.times->now() : std::chrono::nanoseconds::zero();
}

void DurableLog::StageAppend(WaitingAppend& append) {
  AppendRequest& request = append.Encoded();
  last_payload_ = last_payload_.Next();
  append.payload = last_payload_;
  batch_->Put(Family::kPayloads, PayloadKey(last_payload_), request.record.Seal(last_payload_));
  for (const BackendId& backend : *request.backends) {
    const auto known = tails_.find(backend);
    if (known == tails_.end()) continue;  // Forgotten since the write was routed.
    Tail& tail = known->second;
    Entry entry;
    entry.payload = last_payload_;
    entry.size = request.record.size();
    // The clock may step back; order in the log is by sequence alone, and a
    // search by time needs times that never fall.
    entry.accepted_at = std::max(tail.last_accepted, request.accepted_at);
    entry.position.sequence = tail.head.sequence.Next();
    entry.position.totals = tail.head.totals + entry.size;
    const std::string key = EntryKey(tail.number, entry.position.sequence);
    batch_->Put(Family::kEntries, key, EncodeEntry(key, entry));
    tail.head = entry.position;
    tail.last_accepted = entry.accepted_at;
  }
}

void DurableLog::StageChange(WaitingChange& waiting) {
  for (WaitingAppend& append : waiting.appends) StageAppend(append);
  for (const Change::Row& row : waiting.change.rows) {
    if (row.value) {
      batch_->Put(row.family, row.key, *row.value);
    } else {
      batch_->Delete(row.family, row.key);
    }
  }
  if (waiting.change.state) {
    PutQueueState(*batch_, tails_.at(waiting.backend).number, *waiting.change.state);
  }
}

// Makes what was synced visible.
void DurableLog::Publish(Group& group) {
  const std::lock_guard lock(mutex_);
  const auto add = [this](std::vector<WaitingAppend>& appends) {
    for (WaitingAppend& append : appends) {
      recent_.Add(append.payload, append.Encoded().record.record());
      newest_payload_ = append.payload;
    }
  };
  add(group.appends);
  for (WaitingChange* waiting : group.changes) add(waiting->appends);
  for (const WaitingBackends* waiting : group.backends) {
    for (const BackendId& backend : waiting->names) {
      queues_.try_emplace(backend).first->second.number = tails_.at(backend).number;
      synced_.try_emplace(backend);
    }
  }
  last_backend_ = staged_backend_;
  for (auto& [backend, run] : queues_) {
    const Tail& tail = tails_.at(backend);
    run.head = tail.head;
    run.last_accepted = tail.last_accepted;
  }
  for (const auto& [backend, state] : group.cursors) synced_[backend] = state;
  for (const WaitingChange* waiting : group.changes) PublishChange(*waiting);
  high_water_->Moved();
}

// REQUIRES: mutex_ is held.
void DurableLog::PublishChange(const WaitingChange& waiting) {
  const Change& change = waiting.change;
  if (!change.state) {
    queues_.erase(waiting.backend);
    synced_.erase(waiting.backend);
    tails_.erase(waiting.backend);
    return;
  }
  Queue& run = queues_.at(waiting.backend);
  run.state = *change.state;
  synced_[waiting.backend] = *change.state;
  if (change.lanes.empty()) return;
  Lanes lanes = *run.lanes;
  for (const auto& [lane, state] : change.lanes) {
    if (state.empty()) {
      lanes.erase(lane);
    } else {
      lanes[lane] = state;
    }
  }
  run.lanes = std::make_shared<const Lanes>(std::move(lanes));
}

// Refuses everything that waits: what of the failed batch is on disk is unknown
// until the store has been opened anew. Until then it serves readers.
void DurableLog::CloseAfter(Group& group, const Error& failure) {
  {
    const std::lock_guard lock(mutex_);
    closed_because_ = failure;
    for (const auto& [backend, state] : group.cursors) dirty_.insert(backend);
    for (const WaitingChange* waiting : group.changes) dirty_.insert(waiting->backend);
    std::vector<WaitingAppend> waiting = appends_.Take(kEverything);
    std::move(waiting.begin(), waiting.end(), std::back_inserter(group.appends));
    group.changes.insert(group.changes.end(), changes_.begin(), changes_.end());
    changes_.clear();
    group.backends.insert(group.backends.end(), new_backends_.begin(), new_backends_.end());
    new_backends_.clear();
    group.marks.insert(group.marks.end(), marks_.begin(), marks_.end());
    marks_.clear();
  }
  const Error refusal = Closed(failure);
  for (WaitingAppend& append : group.appends) {
    for (WaitingAppend::Asker& asker : append.askers) asker.done(refusal);
  }
  for (WaitingChange* waiting : group.changes) waiting->done.set_value(refusal);
  for (WaitingBackends* waiting : group.backends) waiting->done.set_value(refusal);
  for (WaitingMark* waiting : group.marks) waiting->done.set_value(refusal);
  reopen_after_ = std::chrono::milliseconds(0);
}

}  // namespace relay
