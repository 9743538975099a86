// How a DurableLog is copied while it is in use.
//
// The committer writes every cursor that only memory knows, in a batch like any
// other, and says at that point how far the log has come: the copy's high-water
// mark. What the store holds after it holds all of that. Then the store is
// copied, beside the appends that go on; what they add is a prefix of what was
// written, as after a crash.
#include <fmt/format.h>

#include <utility>

#include "wal/base/crash_point.h"
#include "wal/log/durable_log.h"
#include "wal/record/identity.h"
#include "wal/recovery/checkpoint_draft.h"

namespace relay {

Status DurableLog::Checkpoint(const CheckpointRequest& request) {
  const std::unique_lock alone(checkpoint_mutex_, std::try_to_lock);
  if (!alone.owns_lock()) {
    return Error(ErrorCode::kUnavailable, "another checkpoint is being made");
  }
  RETURN_IF_ERROR(CheckRoomForCopies());
  Result<FoundIdentity> identity = ReadIdentity(options_.directory, kFormatVersion);
  if (!identity.ok()) return std::move(identity).error();
  ASSIGN_OR_RETURN(std::unique_ptr<CheckpointDraft> draft,
                   CheckpointDraft::Begin(options_.directory, request.directory));
  PassCrashPoint(CrashPoint::kCheckpointBegun);
  RETURN_IF_ERROR(CopyInto(draft->directory()));
  for (const std::string& name : request.beside) {
    RETURN_IF_ERROR(draft->Copy(name));
  }
  PassCrashPoint(CrashPoint::kCheckpointCopied);
  return draft->Finish({.format = kFormatVersion, .origin = identity.value().identity.id});
}

Status DurableLog::CheckRoomForCopies() const {
  const std::lock_guard lock(mutex_);
  if (disk_.free > disk_.min_free) return Ok();
  return Error(ErrorCode::kFull,
               fmt::format("the disk is full ({} bytes are free): a checkpoint would keep on it "
                           "what the log gives back",
                           disk_.free.count()));
}

// How far the log has come, once its cursors are on stable storage too.
Result<HighWater> DurableLog::MarkNow() {
  WaitingMark waiting;
  std::future<Result<HighWater>> done = waiting.done.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (closed_because_ || stopping_) {
      return Error(ErrorCode::kUnavailable, "the log takes no writes now");
    }
    marks_.push_back(&waiting);
  }
  work_.notify_one();
  return done.get();
}

Status DurableLog::CopyInto(const std::string& directory) {
  ASSIGN_OR_RETURN(HighWater mark, MarkNow());
  PassCrashPoint(CrashPoint::kCheckpointMarked);
  {
    const std::shared_lock open(store_mutex_);
    if (store_ == nullptr) return Error(ErrorCode::kUnavailable, "the log is being reopened");
    Status copied = store_->Checkpoint(StoreDirectory(directory));
    if (!copied.ok()) return std::move(copied).error().Within("copying the database");
  }
  PassCrashPoint(CrashPoint::kCheckpointStored);
  ASSIGN_OR_RETURN(std::unique_ptr<HighWaterFile> file,
                   HighWaterFile::Open(directory, options_.env, 0));
  return file->Write(mark);
}

}  // namespace relay
