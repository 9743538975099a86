#include "wal/commit/disk_budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "wal/default_limits.h"
#include "wal/offline.h"

namespace relay {
namespace {

Error CannotMeasure(const std::string& directory, const std::error_code& why) {
  return {ErrorCode::kIo, fmt::format("measuring {}: {}", directory, why.message())};
}

struct Measured {
  DiskUse use;
  Bytes capacity{0};
};

// Returns the size of the directory, and the size and the free space of its file system.
// Checkpoints do not count: files that they share with the log take no space of their
// own, and the log could not free their other files by dropping records.
Result<Measured> MeasureDirectory(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code failed;
  Measured measured;
  DiskUse& use = measured.use;
  const fs::space_info space = fs::space(directory, failed);
  if (failed) return CannotMeasure(directory, failed);
  use.free = Bytes(space.available);
  measured.capacity = Bytes(space.capacity);
  const fs::path checkpoints(CheckpointsDirectory(directory));
  fs::recursive_directory_iterator at(directory, failed);
  for (; !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    if (at->path() == checkpoints) at.disable_recursion_pending();
    std::error_code gone;  // RocksDB may delete files at any time.
    const std::uintmax_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) use.used += Bytes(size);
  }
  if (failed) return CannotMeasure(directory, failed);
  return measured;
}

}  // namespace

DiskBudget::DiskBudget(std::string directory, const LogLimits& limits)
    : directory_(std::move(directory)), limits_(limits) {}

LogLimits DiskBudget::limits() const {
  const std::lock_guard lock(mutex_);
  return limits_;
}

void DiskBudget::SetLimits(const LogLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  AdoptLimits();
}

// REQUIRES: mutex_ is held.
void DiskBudget::AdoptLimits() {
  measured_.max = limits_.size_max;
  measured_.min_free = limits_.free_min.value_or(DefaultMinFree(capacity_));
  measured_.dead_max = limits_.dead.size.value_or(DefaultDeadLetters(limits_.size_max, capacity_));
}

Status DiskBudget::Measure() {
  Bytes appended_before(0);
  {
    const std::lock_guard lock(mutex_);
    appended_before = appended_since_;
  }
  ASSIGN_OR_RETURN(const Measured measured, MeasureDirectory(directory_));
  const std::lock_guard lock(mutex_);
  measured_ = measured.use;
  capacity_ = measured.capacity;
  AdoptLimits();
  appended_since_ = appended_since_ - appended_before;
  return Ok();
}

void DiskBudget::CountAppended(Bytes stored) {
  const std::lock_guard lock(mutex_);
  appended_since_ += stored;
}

DiskUse DiskBudget::use() const {
  const std::lock_guard lock(mutex_);
  return UseLocked();
}

DiskUse DiskBudget::UseLocked() const {
  DiskUse use = measured_;
  use.used += appended_since_;
  return use;
}

Status DiskBudget::CheckRoom() const {
  const std::lock_guard lock(mutex_);
  const DiskUse use = UseLocked();
  if (use.used >= limits_.size_max) {
    return Error(ErrorCode::kFull, fmt::format("the log is full: {} of {} (log.max_size) are used",
                                               ShownBytes(use.used), ShownBytes(limits_.size_max)));
  }
  // use.max is zero until the first measurement.
  if (use.max.count() > 0 && use.free <= use.min_free) {
    return Error(ErrorCode::kFull, fmt::format("the disk is full: {} free, below log.min_free ({})",
                                               ShownBytes(use.free), ShownBytes(use.min_free)));
  }
  return Ok();
}

Status DiskBudget::CheckRoomForCheckpoint() const {
  const std::lock_guard lock(mutex_);
  if (measured_.free > measured_.min_free) return Ok();
  return Error(ErrorCode::kFull,
               fmt::format("the disk is full ({} free): a checkpoint would keep on it what the log "
                           "gives back",
                           ShownBytes(measured_.free)));
}

KeepPolicy DiskBudget::KeepNow(Bytes kept, Bytes worth_it) const {
  const std::lock_guard lock(mutex_);
  KeepPolicy keep = limits_.keep;
  if (!UseLocked().full()) return keep;
  const Bytes half(kept > worth_it ? kept.count() / 2 : 0);
  keep.size = std::min(keep.size, half);
  return keep;
}

}  // namespace relay
