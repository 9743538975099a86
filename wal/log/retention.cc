// How a DurableLog keeps within its bounds on disk.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "wal/base/crash_point.h"
#include "wal/log/durable_log.h"
#include "wal/offline.h"

namespace relay {
namespace {

Error DiskError(const std::string& directory, const std::error_code& why) {
  return {ErrorCode::kIo, fmt::format("measuring {}: {}", directory, why.message())};
}

// What lies in the directory and what the file system has left. Checkpoints are
// not the log's: as long as they share its files they take nothing, and what
// they keep beyond that, the log could not give back by dropping anything.
Result<DiskUse> MeasureDirectory(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code failed;
  DiskUse use;
  const fs::space_info space = fs::space(directory, failed);
  if (failed) return DiskError(directory, failed);
  use.free = Bytes(space.available);
  const fs::path checkpoints(CheckpointsDirectory(directory));
  fs::recursive_directory_iterator at(directory, failed);
  for (; !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    if (at->path() == checkpoints) at.disable_recursion_pending();
    std::error_code gone;  // The engine deletes files as it likes.
    const std::uintmax_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) use.used += Bytes(size);
  }
  if (failed) return DiskError(directory, failed);
  return use;
}

}  // namespace

Status DurableLog::EnforceRetention(WallTime now) {
  RETURN_IF_ERROR(MeasureDisk());
  const KeepPolicy keep = PolicyNow();
  RETURN_IF_ERROR(Trim(keep, now));
  RETURN_IF_ERROR(MeasureDisk());
  // Not at once: what was given up now may be on its way out.
  const bool had_nothing = std::exchange(nothing_kept_, disk_use().full() && keep.size == 0_B);
  const bool drops = LimitsNow().when_full == WhenFull::kDropOldest && nothing_kept_ && had_nothing;
  return drops ? DropUntilThereIsRoom(now) : Ok();
}

// What is kept for a rewind goes before anything that is owed does.
KeepPolicy DurableLog::PolicyNow() const {
  KeepPolicy keep = LimitsNow().keep;
  if (!disk_use().full()) return keep;
  Bytes kept(0);
  const std::lock_guard lock(mutex_);
  for (const auto& [backend, run] : queues_) {
    const QueueState& state = run.state;
    kept = std::max(kept, state.cursor.totals.stored - state.trimmed.totals.stored);
  }
  // What is left of it in the end is not worth the refusal of a write.
  const Bytes half(kept > options_.file_size ? kept.count() / 2 : 0);
  keep.size = std::min(keep.size, half);
  return keep;
}

// Backends that share their oldest records free nothing until each of them has
// given them up: hence several turns.
Status DurableLog::DropUntilThereIsRoom(WallTime now) {
  const std::size_t turns_max = 4 * Backends().size();
  for (std::size_t turn = 0; turn < turns_max && disk_use().full(); ++turn) {
    Result<std::optional<Oldest>> oldest = FindOldest();
    if (!oldest.ok()) return std::move(oldest).error();
    if (!oldest.value()) return Ok();  // It is others who fill the disk.
    const auto& [backend, lane, accepted_at] = *oldest.value();
    const auto plan = [&, &from = lane](ChangePlan run) {
      return from ? std::move(run).DropHeld(*from, options_.file_size, now)
                  : std::move(run).DropOwed(options_.file_size, now);
    };
    if (Status dropped = Apply(backend, plan, Wakes::kNobody); !dropped.ok()) {
      return std::move(dropped).error().Within("dropping the oldest of " + backend.text());
    }
    RETURN_IF_ERROR(Trim({.time = LimitsNow().keep.time, .size = 0_B}, now));
    RETURN_IF_ERROR(MeasureDisk());
  }
  return Ok();
}

Result<std::optional<DurableLog::Oldest>> DurableLog::FindOldest() const {
  std::optional<Oldest> oldest;
  const auto consider = [&oldest](const BackendId& backend, const std::optional<Lane>& lane,
                                  const std::optional<WallTime>& accepted_at) {
    if (!accepted_at || (oldest && oldest->accepted_at <= *accepted_at)) return;
    oldest = Oldest{backend, lane, *accepted_at};
  };
  for (const BackendId& backend : Backends()) {
    ASSIGN_OR_RETURN(OpenQueue run, OpenQueueOf(backend));
    ASSIGN_OR_RETURN(QueueStats figures, run.reader.ReadFigures());
    consider(backend, std::nullopt, figures.oldest_owed);
    for (const HeldLane& held : run.reader.HeldLanes()) {
      consider(backend, held.lane, held.oldest);
    }
  }
  return oldest;
}

DiskUse DurableLog::disk_use() const {
  const std::lock_guard lock(mutex_);
  DiskUse use = disk_;
  use.used += appended_since_measured_;
  return use;
}

Status DurableLog::MeasureDisk() {
  Bytes appended_before(0);
  {
    const std::lock_guard lock(mutex_);
    appended_before = appended_since_measured_;
  }
  ASSIGN_OR_RETURN(DiskUse measured, MeasureDirectory(options_.directory));
  const std::lock_guard lock(mutex_);
  disk_ = measured;
  disk_.max = limits_.size_max;
  disk_.min_free = limits_.free_min;
  appended_since_measured_ = appended_since_measured_ - appended_before;
  return Ok();
}

Status DurableLog::Trim(const KeepPolicy& keep, WallTime now) {
  // One that cannot be trimmed does not keep the others' disk.
  Status worst = Ok();
  for (const BackendId& backend : Backends()) {
    if (Status trimmed = TrimQueue(backend, keep, now); !trimmed.ok()) {
      // Forgotten meanwhile, or rewound: there is a next time.
      const ErrorCode code = trimmed.error().code();
      if (code == ErrorCode::kNotFound || code == ErrorCode::kConflict) continue;
      worst = std::move(trimmed).error().Within("trimming " + backend.text());
    }
  }
  RETURN_IF_ERROR(DiscardTrimmed());
  return worst;
}

Status DurableLog::TrimQueue(const BackendId& backend, const KeepPolicy& keep, WallTime now) {
  Position target;
  {
    Result<OpenQueue> run = OpenQueueOf(backend);
    if (!run.ok()) return std::move(run).error();
    ASSIGN_OR_RETURN(Position found, run.value().reader.TrimTarget(keep, now));
    target = found;
    if (target.sequence <= run.value().reader.run().state.trimmed.sequence) return Ok();
  }
  PassCrashPoint(CrashPoint::kTrimFound);
  Status marked = Apply(
      backend, [&target](ChangePlan run) { return std::move(run).Trim(target); }, Wakes::kNobody);
  PassCrashPoint(CrashPoint::kTrimMarked);
  return marked;
}

// Gives back what no run needs. The marks that say so were synced before they
// could be seen here.
Status DurableLog::DiscardTrimmed() {
  const std::shared_lock open(store_mutex_);
  if (store_ == nullptr) return Error(ErrorCode::kUnavailable, "the log is being reopened");
  Queues queues;
  PayloadId floor(0);
  {
    const std::lock_guard lock(mutex_);
    if (closed_because_) return *closed_because_;
    queues = queues_;
    floor = newest_payload_.Next();
  }
  for (const auto& [backend, run] : queues) {
    ASSIGN_OR_RETURN(std::optional<PayloadId> first, QueueReader(*store_, run).FirstPayload());
    if (first) floor = std::min(floor, *first);
    const std::string end = EntryKey(run.number, run.state.trimmed.sequence.Next());
    const std::string prefix = end.substr(0, sizeof(std::uint32_t));
    RETURN_IF_ERROR(store_->Discard(Family::kEntries, prefix, end));
    PassCrashPoint(CrashPoint::kTrimEntriesGone);
  }
  Status gone = store_->Discard(Family::kPayloads, "", PayloadKey(floor));
  PassCrashPoint(CrashPoint::kTrimPayloadsGone);
  return gone;
}

}  // namespace relay
