#include "wal/commit/commit_queue.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "wal/base/crash_point.h"
#include "wal/base/invariant.h"

namespace relay {

Error ClosedBecause(const Error& failure) {
  return {ErrorCode::kUnavailable,
          fmt::format("the log is closed after a failure: {}", failure.message())};
}

// Calls `add` to queue an append of this size in memory, and at most `stored` on disk.
template <typename Add>
Status CommitQueue::Enqueue(Bytes memory, Bytes stored, const Add& add) {
  std::unique_lock lock(mutex_);
  RETURN_IF_ERROR(Admit(memory));
  const bool first = appends_.empty();
  budget_.CountAppended(stored);
  add();
  lock.unlock();
  PassCrashPoint(CrashPoint::kAppendQueued);
  if (first) work_.notify_one();
  return Ok();
}

Status CommitQueue::AddAppend(std::vector<AppendRequest> parts, AppendDone& done) {
  INVARIANT(!parts.empty());
  Totals size;
  for (const AppendRequest& part : parts) {
    INVARIANT(part.backends != nullptr && !part.backends->empty());
    size = size + part.record.size();
  }
  return Enqueue(size.bytes + size.stored, size.stored, [&] {
    appends_.Add(std::move(parts), {std::move(done), timer_.Now()});
  });
}

Status CommitQueue::AddSmall(SmallWrite write, AppendDone& done) {
  INVARIANT(write.backends != nullptr && !write.backends->empty());
  RETURN_IF_ERROR(CheckStorable(write.record.params));
  const Bytes size(write.record.lines.size());
  return Enqueue(size, size, [&] {
    appends_.AddSmall(std::move(write), {std::move(done), timer_.Now()});
  });
}

Status CommitQueue::AddChange(WaitingChange& waiting) {
  {
    const std::lock_guard lock(mutex_);
    // The log cannot be reopened while this mutex is held and the log is not closed.
    RETURN_IF_ERROR(queues_.CheckNext(waiting.backend, waiting.change));
    RETURN_IF_ERROR(CheckWritable());
    if (!waiting.appends.empty()) RETURN_IF_ERROR(budget_.CheckRoom());
    for (const WaitingAppend& append : waiting.appends) budget_.CountAppended(append.stored());
    changes_.push_back(&waiting);
  }
  PassCrashPoint(CrashPoint::kChangeQueued);
  work_.notify_one();
  return Ok();
}

Status CommitQueue::AddBackends(WaitingBackends& waiting) {
  return AddWaiting(backends_, waiting);
}

Status CommitQueue::AddMark(WaitingMark& waiting) {
  return AddWaiting(marks_, waiting);
}

template <typename Waiting>
Status CommitQueue::AddWaiting(std::vector<Waiting*>& to, Waiting& waiting) {
  {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(CheckWritable());
    to.push_back(&waiting);
  }
  work_.notify_one();
  return Ok();
}

Group CommitQueue::Next(std::chrono::milliseconds reopen_after) {
  std::unique_lock lock(mutex_);
  const auto wait = closed_because_ ? reopen_after : options_.cursor_interval;
  work_.wait_for(lock, wait, [this] { return stopping_ || !empty(); });
  Group group;
  group.closed = closed_because_.has_value();
  if (!group.closed) {
    group.appends = appends_.Take(options_.group_max);
    MoveWaitingInto(group);
  }
  group.last = stopping_ && empty();
  return group;
}

Group CommitQueue::Close(const Error& because) {
  constexpr Bytes kEverything(std::numeric_limits<std::uint64_t>::max());
  const std::lock_guard lock(mutex_);
  closed_because_ = because;
  Group group;
  group.appends = appends_.Take(kEverything);
  MoveWaitingInto(group);
  return group;
}

void CommitQueue::Reopen() {
  const std::lock_guard lock(mutex_);
  closed_because_.reset();
}

void CommitQueue::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
}

bool CommitQueue::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

std::optional<Error> CommitQueue::closed_because() const {
  const std::lock_guard lock(mutex_);
  return closed_because_;
}

Status CommitQueue::Health() const {
  const std::lock_guard lock(mutex_);
  return CheckHealth();
}

// REQUIRES: mutex_ is held, here and below.
Status CommitQueue::CheckHealth() const {
  if (closed_because_) return ClosedBecause(*closed_because_);
  if (const auto age = timer_.Waiting(); age > options_.stalled_after) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("the disk hangs: it has kept a write waiting for {} s",
                             std::chrono::floor<std::chrono::seconds>(age).count()));
  }
  return budget_.CheckRoom();
}

Status CommitQueue::CheckWritable() const {
  if (!closed_because_ && !stopping_) return Ok();
  return Error(ErrorCode::kUnavailable, "the log takes no writes now");
}

Status CommitQueue::Admit(Bytes memory) const {
  RETURN_IF_ERROR(CheckHealth());
  // A record larger than the bound is accepted if nothing else waits.
  const Bytes waiting = appends_.memory();
  if (appends_.empty() || waiting + memory <= options_.waiting_max) return Ok();
  return Error(ErrorCode::kUnavailable,
               fmt::format("{} bytes already wait for the disk", waiting.count()));
}

bool CommitQueue::empty() const {
  return appends_.empty() && changes_.empty() && backends_.empty() && marks_.empty();
}

void CommitQueue::MoveWaitingInto(Group& group) {
  group.changes.swap(changes_);
  group.backends.swap(backends_);
  group.marks.swap(marks_);
}

}  // namespace relay
