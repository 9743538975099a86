// The verbs of DurableLog that change a run.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/base/crash_point.h"
#include "wal/log/durable_log.h"

namespace relay {
namespace {}  // namespace

// Keeps a run as it is, but for its head, from when a change is worked out until
// it is seen.
class DurableLog::QueueLock {
 public:
  QueueLock(DurableLog& log, const BackendId& backend) : log_(log), backend_(backend) {
    std::unique_lock lock(log_.mutex_);
    log_.queue_unlocked_.wait(lock, [this] { return !log_.locked_.contains(backend_); });
    log_.locked_.insert(backend_);
  }
  QueueLock(const QueueLock&) = delete;
  QueueLock& operator=(const QueueLock&) = delete;
  ~QueueLock() {
    {
      const std::lock_guard lock(log_.mutex_);
      log_.locked_.erase(backend_);
    }
    log_.queue_unlocked_.notify_all();
  }

 private:
  DurableLog& log_;
  const BackendId& backend_;
};

Status DurableLog::Apply(const BackendId& backend, const Plan& plan, Wakes wakes) {
  const QueueLock alone(*this, backend);
  ASSIGN_OR_RETURN(Change change, PlanNow(backend, plan));
  PassCrashPoint(CrashPoint::kChangePlanned);
  return Write(backend, std::move(change), wakes);
}

Result<Change> DurableLog::PlanNow(const BackendId& backend, const Plan& plan) const {
  const std::shared_lock open(store_mutex_);
  ASSIGN_OR_RETURN(Queue run, SnapshotOf(backend));
  if (store_ == nullptr) return Error(ErrorCode::kUnavailable, "the log is being reopened");
  return plan(ChangePlan(*store_, run));
}

// Has the committer write and sync a change, and waits for it.
Status DurableLog::Write(const BackendId& backend, Change change, Wakes wakes) {
  WaitingChange waiting{backend, std::move(change), {}, wakes, {}};
  const auto alone = std::make_shared<const std::vector<BackendId>>(1, backend);
  for (EncodedRecord& record : waiting.change.records) {
    waiting.appends.push_back(
        {.write = AppendRequest{std::move(record), alone, waiting.change.accepted_at},
         .askers = {}});
  }
  std::future<Status> done = waiting.done.get_future();
  {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return NoSuchBackend(backend);
    if (closed_because_ || stopping_) {
      return Error(ErrorCode::kUnavailable, "the log takes no writes now");
    }
    const std::uint64_t edition = found->second.state.edition + 1;
    if (waiting.change.state && waiting.change.state->edition != edition) {
      return Error(ErrorCode::kUnavailable, "the log was reopened meanwhile");
    }
    if (!waiting.appends.empty()) {
      RETURN_IF_ERROR(CheckRoom());
    }
    for (const WaitingAppend& append : waiting.appends) {
      appended_since_measured_ += append.stored();
    }
    changes_.push_back(&waiting);
  }
  PassCrashPoint(CrashPoint::kChangeQueued);
  work_.notify_one();
  return done.get();
}

Status DurableLog::Resolve(const BackendId& backend, Resolution resolution) {
  if (resolution.letters.empty() && resolution.gaps.empty() && resolution.held.empty()) {
    return MoveCursor(backend, resolution);
  }
  return Apply(
      backend, [&](ChangePlan run) { return std::move(run).Resolve(resolution); }, Wakes::kNobody);
}

Status DurableLog::MoveCursor(const BackendId& backend, const Resolution& resolution) {
  std::unique_lock lock(mutex_);
  queue_unlocked_.wait(lock, [&] { return !locked_.contains(backend); });
  const auto found = queues_.find(backend);
  if (found == queues_.end()) return NoSuchBackend(backend);
  Queue& run = found->second;
  const Sequence cursor = run.state.cursor.sequence;
  if (resolution.after != cursor) {
    return Error(ErrorCode::kConflict, fmt::format("the cursor is at {}, no more at {}",
                                                   cursor.value(), resolution.after.value()));
  }
  INVARIANT(resolution.after < resolution.through.sequence);
  INVARIANT(resolution.through.sequence <= run.head.sequence);
  INVARIANT(resolution.through.totals.points >= run.state.cursor.totals.points);
  run.state.cursor = resolution.through;
  run.state.delivered += resolution.delivered;
  dirty_.insert(backend);
  PassCrashPoint(CrashPoint::kAdvanceMoved);
  return Ok();
}

Status DurableLog::ResolveHeld(const BackendId& backend, const Lane& lane,
                               HeldResolution resolution) {
  return Apply(
      backend, [&](ChangePlan run) { return std::move(run).ResolveHeld(lane, resolution); },
      Wakes::kNobody);
}

Result<Marks> DurableLog::Rewind(const BackendId& backend, Sequence to) {
  const auto plan = [to](ChangePlan run) { return std::move(run).Rewind(to); };
  RETURN_IF_ERROR(Apply(backend, plan, Wakes::kListener));
  ASSIGN_OR_RETURN(Queue run, SnapshotOf(backend));
  return run.marks();
}

Result<Gap> DurableLog::Skip(const BackendId& backend, Sequence to, const Actor& asked) {
  Gap gap;
  const auto plan = [&](ChangePlan run) { return std::move(run).Skip(to, asked, gap); };
  RETURN_IF_ERROR(Apply(backend, plan, Wakes::kListener));
  return gap;
}

Result<Gap> DurableLog::SkipHeld(const BackendId& backend, const Lane& lane, const Actor& asked) {
  Gap gap;
  const auto plan = [&](ChangePlan run) { return std::move(run).SkipHeld(lane, asked, gap); };
  RETURN_IF_ERROR(Apply(backend, plan, Wakes::kListener));
  return gap;
}

Status DurableLog::HoldLane(const BackendId& backend, const Lane& lane) {
  return Apply(
      backend, [&](ChangePlan run) { return std::move(run).HoldLane(lane); }, Wakes::kListener);
}

Status DurableLog::ReleaseLane(const BackendId& backend, const Lane& lane) {
  return Apply(
      backend, [&](ChangePlan run) { return std::move(run).ReleaseLane(lane); }, Wakes::kListener);
}

Status DurableLog::SetPaused(const BackendId& backend, bool paused) {
  return Apply(
      backend, [&](ChangePlan run) { return std::move(run).SetPaused(paused); }, Wakes::kListener);
}

Status DurableLog::DropDead(const BackendId& backend, const std::vector<std::uint64_t>& numbers) {
  return Apply(
      backend, [&](ChangePlan run) { return std::move(run).DropDead(numbers); }, Wakes::kNobody);
}

Status DurableLog::Redrive(const BackendId& backend, const std::vector<std::uint64_t>& numbers,
                           WallTime now) {
  return Apply(
      backend, [&](ChangePlan run) { return std::move(run).Redrive(numbers, now); },
      Wakes::kListener);
}

Status DurableLog::Forget(const BackendId& backend) {
  const std::vector<BackendId> configured = Configured();
  if (std::find(configured.begin(), configured.end(), backend) != configured.end()) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("backend '{}' is configured: it cannot be forgotten", backend.text()));
  }
  ASSIGN_OR_RETURN(Queue run, SnapshotOf(backend));
  const auto plan = [&](ChangePlan forget) { return std::move(forget).Forget(backend); };
  RETURN_IF_ERROR(Apply(backend, plan, Wakes::kNobody));
  PassCrashPoint(CrashPoint::kForgetMarked);
  const std::shared_lock open(store_mutex_);
  if (store_ == nullptr) return Ok();  // It is given back when the log is open again.
  Status discarded = DiscardAllOf(*store_, run.number);
  PassCrashPoint(CrashPoint::kForgetGone);
  return discarded;
}

}  // namespace relay
