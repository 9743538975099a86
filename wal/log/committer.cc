#include "wal/log/committer.h"

#include <pthread.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <memory>
#include <utility>

#include "wal/base/crash_point.h"

namespace relay {
namespace {

// Returns whether a log that failed to open so may still be readable, and may open later.
bool MayOpenLater(ErrorCode code) {
  return code == ErrorCode::kIo || code == ErrorCode::kFull || code == ErrorCode::kCorruption;
}

template <typename T>
void MoveBehind(std::vector<T>& to, std::vector<T>& from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

}  // namespace

Committer::Committer(const LogOptions& options, const Parts& parts)
    : options_(options),
      parts_(parts),
      timer_(options.times),
      waiting_(options, parts.budget, parts.queues, timer_) {}

void Committer::CommitLoop() {
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

// Takes the pending appends and changes, and the cursors that moved.
Group Committer::NextGroup() {
  Group group = waiting_.Next(reopen_after_);
  if (group.closed) return group;
  group.cursors = parts_.queues.TakeDirtyCursors();
  // A change was planned from a locked queue and contains its cursor.
  for (const WaitingChange* waiting : group.changes) group.cursors.erase(waiting->backend);
  return group;
}

// Writes, syncs, makes visible, answers: in this order.
void Committer::Commit(Group group) {
  if (Status written = group.has_rows() ? WriteBatch(group) : Ok(); !written.ok()) {
    CloseAfter(std::move(group), written.error());
    return;
  }
  PassCrashPoint(CrashPoint::kCommitSynced);
  Publish(group);
  PassCrashPoint(CrashPoint::kCommitPublished);
  Answer(group);
}

Status Committer::WriteBatch(Group& group) {
  StoreBatch& batch = builder_.Build(group);
  PassCrashPoint(CrashPoint::kCommitStaged);
  return timer_.Time([&] { return parts_.store.ForWriter()->Write(batch, Durability::kSynced); });
}

// Makes the synced group visible to readers.
void Committer::Publish(Group& group) {
  const auto keep = [this](std::vector<WaitingAppend>& appends) {
    for (WaitingAppend& append : appends) {
      parts_.recent.Add(append.payload, append.Encoded().record.record());
    }
  };
  keep(group.appends);
  for (WaitingChange* waiting : group.changes) keep(waiting->appends);
  parts_.queues.Publish(group, builder_.numbers());
  for (const WaitingChange* waiting : group.changes) {
    if (!waiting->change.state) builder_.Forget(waiting->backend);
  }
  parts_.opener.Moved();
}

void Committer::Answer(Group& group) {
  for (WaitingAppend& append : group.appends) AnswerAppend(append);
  bool wakes = !group.appends.empty();
  for (WaitingChange* waiting : group.changes) {
    wakes = wakes || waiting->wakes == Wakes::kListener;
    waiting->done.set_value(Ok());  // The caller may free `waiting` from here on.
  }
  for (WaitingBackends* waiting : group.backends) waiting->done.set_value(Ok());
  for (WaitingMark* waiting : group.marks) waiting->done.set_value(parts_.queues.SyncedState());
  PassCrashPoint(CrashPoint::kCommitAnswered);
  if (wakes && on_readable_) on_readable_();
}

void Committer::AnswerAppend(WaitingAppend& append) {
  const std::chrono::nanoseconds now = timer_.Now();
  for (WaitingAppend::Completion& completion : append.completions) {
    timer_.RecordAppend(now - completion.since);
    const PayloadId first(append.payload.value() - append.parts_before);
    completion.done(SyncGate::Passed(first, append.payload));
  }
}

void Committer::Append(std::vector<AppendRequest> parts, AppendDone done) {
  Status queued = waiting_.AddAppend(std::move(parts), done);
  if (!queued.ok()) done(std::move(queued).error());
}

void Committer::AppendSmall(SmallWrite write, AppendDone done) {
  Status queued = waiting_.AddSmall(std::move(write), done);
  if (!queued.ok()) done(std::move(queued).error());
}

Status Committer::Write(const BackendId& backend, Change change, Wakes wakes) {
  WaitingChange waiting{backend, std::move(change), {}, wakes, {}};
  const auto alone = std::make_shared<const std::vector<BackendId>>(1, backend);
  for (EncodedRecord& record : waiting.change.records) {
    waiting.appends.push_back(
        {.write = AppendRequest{std::move(record), alone, waiting.change.accepted_at},
         .completions = {}});
  }
  std::future<Status> done = waiting.done.get_future();
  RETURN_IF_ERROR(waiting_.AddChange(waiting));
  return done.get();
}

Status Committer::AddBackends(std::vector<BackendId> names) {
  WaitingBackends waiting{std::move(names), {}};
  std::future<Status> done = waiting.done.get_future();
  RETURN_IF_ERROR(waiting_.AddBackends(waiting));
  return done.get();
}

Result<HighWater> Committer::MarkNow() {
  WaitingMark waiting;
  std::future<Result<HighWater>> done = waiting.done.get_future();
  RETURN_IF_ERROR(waiting_.AddMark(waiting));
  return done.get();
}

// Refuses the failed group and everything that waits: how much of it is on disk is unknown
// until the store has been opened anew. Until then the store serves readers.
void Committer::CloseAfter(Group failed, const Error& failure) {
  Group waiting = waiting_.Close(failure);
  parts_.queues.MarkDirty(failed);
  MoveBehind(failed.appends, waiting.appends);
  MoveBehind(failed.changes, waiting.changes);
  MoveBehind(failed.backends, waiting.backends);
  MoveBehind(failed.marks, waiting.marks);
  const Error refusal = ClosedBecause(failure);
  for (WaitingAppend& append : failed.appends) {
    for (WaitingAppend::Completion& completion : append.completions) completion.done(refusal);
  }
  for (WaitingChange* change : failed.changes) change->done.set_value(refusal);
  for (WaitingBackends* backends : failed.backends) backends->done.set_value(refusal);
  for (WaitingMark* mark : failed.marks) mark->done.set_value(refusal);
  reopen_after_ = std::chrono::milliseconds(0);
}

Status Committer::Open() {
  Status opened = OpenToWrite();
  if (opened.ok() || !MayOpenLater(opened.error().code())) return opened;
  if (!parts_.opener.OpenToRead().ok()) return opened;
  waiting_.Close(opened.error());
  reopen_after_ = options_.reopen_first;
  return Ok();
}

Status Committer::OpenToWrite() {
  Status opened = parts_.opener.Open(waiting_.closed_because());
  if (!opened.ok() && parts_.reserve.ReleaseIfFull()) {
    opened = parts_.opener.Open(waiting_.closed_because());
  }
  RETURN_IF_ERROR(opened);
  builder_.Begin(parts_.queues.SyncedState().log, parts_.store.ForWriter()->NewBatch());
  return Ok();
}

void Committer::Start() {
  thread_ = std::thread([this] { CommitLoop(); });
}

void Committer::Stop() {
  waiting_.Stop();
  if (thread_.joinable()) thread_.join();
  builder_.End();
}

// Returns whether the store must be opened anew: it is closed, or it has found damage
// that only a reopen can set aside.
bool Committer::MustReopen() {
  if (waiting_.stopping()) return false;
  if (waiting_.closed_because()) return true;
  std::string damage = parts_.store.ForWriter()->Damage();
  if (damage.empty() || damage == last_damage_) return false;
  last_damage_ = std::move(damage);
  CloseAfter({}, Error(ErrorCode::kCorruption, last_damage_));
  return true;
}

void Committer::ReopenWhenDue() {
  if (!MustReopen()) return;
  const auto alone = parts_.store.Exclusive();
  PassCrashPoint(CrashPoint::kReopenClosed);
  builder_.End();
  parts_.store.Close();
  PassCrashPoint(CrashPoint::kReopenDatabaseGone);
  Status reopened = OpenToWrite();
  PassCrashPoint(CrashPoint::kReopenOpened);
  if (reopened.ok()) {
    waiting_.Reopen();
    return;
  }
  waiting_.Close(reopened.error());
  reopen_after_ = std::clamp(2 * reopen_after_, options_.reopen_first, options_.reopen_max);
  parts_.opener.ServeReaders();
}

}  // namespace relay
