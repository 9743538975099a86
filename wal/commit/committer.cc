#include "wal/commit/committer.h"

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
      timer_(options.times),
      waiting_(options, parts.budget, parts.written.queues, timer_),
      writer_(parts.written, timer_) {
  if (options.shared) shared_ = std::make_unique<SharedCommit>(options, waiting_, writer_);
}

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
  if (!group.closed) writer_.TakeCursors(group);
  return group;
}

// Writes, syncs, makes visible, answers: in this order.
void Committer::Commit(Group group) {
  if (Status written = group.has_rows() ? WriteBatch(group) : Ok(); !written.ok()) {
    CloseAfter(std::move(group), written.error());
    return;
  }
  PassCrashPoint(CrashPoint::kCommitSynced);
  writer_.Publish(group);
  PassCrashPoint(CrashPoint::kCommitPublished);
  writer_.Answer(group);
}

Status Committer::WriteBatch(Group& group) {
  writer_.Clear();
  writer_.Stage(group);
  return writer_.Write();
}

void Committer::Append(std::vector<AppendRequest> parts, AppendDone done) {
  Status queued = CheckCopies();
  if (queued.ok()) queued = waiting_.AddAppend(std::move(parts), done);
  if (!queued.ok()) done(std::move(queued).error());
}

void Committer::AppendSmall(SmallWrite write, AppendDone done) {
  Status queued = CheckCopies();
  if (queued.ok()) queued = waiting_.AddSmall(std::move(write), done);
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
  MoveBehind(failed.appends, waiting.appends);
  MoveBehind(failed.changes, waiting.changes);
  MoveBehind(failed.backends, waiting.backends);
  MoveBehind(failed.marks, waiting.marks);
  GroupWriter::Refuse(failed, ClosedBecause(failure));
  reopen_after_ = std::chrono::milliseconds(0);
}

Status Committer::Open() {
  Status opened = writer_.Open(waiting_.closed_because());
  if (opened.ok() && shared_ == nullptr) opened = CheckAlone();
  if (shared_ != nullptr) return opened;
  if (opened.ok() || !MayOpenLater(opened.error().code())) return opened;
  if (!writer_.parts().opener.OpenToRead().ok()) return opened;
  waiting_.Close(opened.error());
  reopen_after_ = options_.reopen_first;
  return Ok();
}

// A relay that appended to a shared log by itself would have another history than the others.
Status Committer::CheckAlone() const {
  // Damage is found, and mended, by whoever needs what is damaged.
  const Result<OrderState> state = OrderState::Load(*writer_.parts().store.ForWriter());
  if (!state.ok() || state.value().place() == Place::BeforeFirst()) return Ok();
  return Error(ErrorCode::kInvalidInput,
               "the log is shared with other relays: expected log.engine: jetstream. To go on "
               "without them, begin with an empty log.path, and import what `influxdb-relay "
               "export` writes of this one");
}

Status Committer::Start() {
  if (shared_ != nullptr) return shared_->Start();
  thread_ = std::thread([this] { CommitLoop(); });
  return Ok();
}

Status Committer::WaitUntilOpen(std::chrono::milliseconds wait) {
  return shared_ == nullptr ? Ok() : shared_->WaitUntilOpen(wait);
}

std::optional<Clock::TimePoint> Committer::MayDeliverUntil() const {
  if (shared_ == nullptr) return std::nullopt;
  return shared_->MayDeliverUntil();
}

SharedLogStatus::Deliverer Committer::DelivererOf(const BackendId& backend) const {
  return shared_ == nullptr ? SharedLogStatus::Deliverer() : shared_->DelivererOf(backend);
}

std::optional<SharedLogStatus> Committer::ReadSharedStatus() const {
  if (shared_ == nullptr) return std::nullopt;
  return shared_->ReadStatus();
}

void Committer::KeepOrderShort() {
  if (shared_ != nullptr) shared_->KeepOrderShort();
}

Status Committer::FoundOrder(bool only_tries) {
  if (shared_ != nullptr) return shared_->Found(only_tries);
  return Error(ErrorCode::kConflict, "this relay has a log of its own: there is no stream");
}

Status Committer::Health() const {
  RETURN_IF_ERROR(waiting_.Health());
  return CheckCopies();
}

Status Committer::CheckCopies() const {
  return shared_ == nullptr ? Ok() : shared_->CheckCopies();
}

void Committer::Stop() {
  waiting_.Stop();
  if (shared_ != nullptr) shared_->Stop();
  if (thread_.joinable()) thread_.join();
  writer_.End();
}

// Returns whether the store must be opened anew: it is closed, or it has found damage
// that only a reopen can set aside.
bool Committer::MustReopen() {
  if (waiting_.stopping()) return false;
  if (waiting_.closed_because()) return true;
  std::string damage = writer_.NewDamage();
  if (damage.empty()) return false;
  CloseAfter({}, Error(ErrorCode::kCorruption, std::move(damage)));
  return true;
}

void Committer::ReopenWhenDue() {
  if (!MustReopen()) return;
  Status reopened = writer_.Reopen(waiting_.closed_because());
  if (reopened.ok()) {
    waiting_.Reopen();
    return;
  }
  waiting_.Close(reopened.error());
  reopen_after_ = std::clamp(2 * reopen_after_, options_.reopen_first, options_.reopen_max);
  writer_.parts().opener.ServeReaders();
}

}  // namespace relay
