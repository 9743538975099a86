#include "wal/log/checkpoint.h"

#include <memory>
#include <utility>

#include "wal/base/crash_point.h"
#include "wal/reading/load.h"
#include "wal/record/identity.h"
#include "wal/recovery/checkpoint_draft.h"
#include "wal/recovery/high_water.h"

namespace relay {

Status Checkpointer::Make(const CheckpointRequest& request) {
  const std::unique_lock alone(mutex_, std::try_to_lock);
  if (!alone.owns_lock()) {
    return Error(ErrorCode::kUnavailable, "another checkpoint is being made");
  }
  RETURN_IF_ERROR(budget_.CheckRoomForCheckpoint());
  ASSIGN_OR_RETURN(const FoundIdentity identity, ReadIdentity(options_.directory, kFormatVersion));
  ASSIGN_OR_RETURN(const std::unique_ptr<CheckpointDraft> draft,
                   CheckpointDraft::Begin(options_.directory, request.directory));
  PassCrashPoint(CrashPoint::kCheckpointBegun);
  RETURN_IF_ERROR(CopyInto(draft->directory()));
  for (const std::string& name : request.beside) {
    RETURN_IF_ERROR(draft->Copy(name));
  }
  PassCrashPoint(CrashPoint::kCheckpointCopied);
  return draft->Finish({.format = kFormatVersion, .origin = identity.identity.id});
}

Status Checkpointer::CopyInto(const std::string& directory) {
  ASSIGN_OR_RETURN(const HighWater mark, committer_.MarkNow());
  PassCrashPoint(CrashPoint::kCheckpointMarked);
  {
    ASSIGN_OR_RETURN(const SharedStore::Lease lease, store_.Use());
    Status copied = lease.store->Checkpoint(StoreDirectory(directory));
    if (!copied.ok()) return std::move(copied).error().Within("copying the database");
  }
  PassCrashPoint(CrashPoint::kCheckpointStored);
  ASSIGN_OR_RETURN(const std::unique_ptr<HighWaterFile> file,
                   HighWaterFile::Open(directory, options_.env, 0));
  return file->Write(mark);
}

}  // namespace relay
