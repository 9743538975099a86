#include "wal/log/retention.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "wal/base/crash_point.h"
#include "wal/record/rows.h"

namespace relay {

const OldestKept* FirstAccepted(const std::vector<OldestKept>& candidates) {
  const auto earlier = [](const OldestKept& a, const OldestKept& b) {
    return a.accepted_at < b.accepted_at;
  };
  const auto first = std::min_element(candidates.begin(), candidates.end(), earlier);
  return first == candidates.end() ? nullptr : &*first;
}

Bytes MostKept(const Queues& queues) {
  Bytes kept(0);
  for (const auto& [backend, queue] : queues) {
    const QueueState& state = queue.state;
    kept = std::max(kept, state.cursor.totals.stored - state.trimmed.totals.stored);
  }
  return kept;
}

Status Retention::Enforce(WallTime now) {
  RETURN_IF_ERROR(parts_.budget.Measure());
  const KeepPolicy keep = PolicyNow();
  RETURN_IF_ERROR(Trim(keep, now));
  RETURN_IF_ERROR(parts_.budget.Measure());
  // Waits one more turn: the files released above may not be deleted yet.
  const bool nothing_kept = parts_.budget.use().full() && keep.size == 0_B;
  const bool had_nothing = std::exchange(nothing_kept_, nothing_kept);
  const bool drops = parts_.budget.limits().when_full == WhenFull::kDropOldest;
  return drops && nothing_kept && had_nothing ? DropUntilThereIsRoom(now) : Ok();
}

// Gives up the last kept records at once if they are smaller than a file: they are not
// worth refusing a write.
KeepPolicy Retention::PolicyNow() const {
  return parts_.budget.KeepNow(MostKept(parts_.queues.All().queues), file_size_);
}

// Takes several turns: backends that share their oldest records free nothing until each of
// them has dropped these.
Status Retention::DropUntilThereIsRoom(WallTime now) {
  const std::size_t turns_max = 4 * parts_.queues.Names().size();
  for (std::size_t turn = 0; turn < turns_max && parts_.budget.use().full(); ++turn) {
    ASSIGN_OR_RETURN(const std::vector<OldestKept> candidates, Candidates());
    const OldestKept* oldest = FirstAccepted(candidates);
    if (oldest == nullptr) return Ok();  // Something else is filling the disk.
    RETURN_IF_ERROR(DropOldest(*oldest, now));
    RETURN_IF_ERROR(Trim({.time = parts_.budget.limits().keep.time, .size = 0_B}, now));
    RETURN_IF_ERROR(parts_.budget.Measure());
  }
  return Ok();
}

Status Retention::DropOldest(const OldestKept& oldest, WallTime now) {
  const auto plan = [&](ChangePlan queue) {
    return oldest.lane ? std::move(queue).DropHeld(*oldest.lane, file_size_, now)
                       : std::move(queue).DropOwed(file_size_, now);
  };
  Status dropped = parts_.live.Apply(oldest.backend, plan, Wakes::kNobody);
  if (dropped.ok()) return dropped;
  return std::move(dropped).error().Within("dropping the oldest of " + oldest.backend.text());
}

Result<std::vector<OldestKept>> Retention::Candidates() const {
  std::vector<OldestKept> candidates;
  for (const BackendId& backend : parts_.queues.Names()) {
    ASSIGN_OR_RETURN(OpenQueue queue, parts_.live.Open(backend));
    ASSIGN_OR_RETURN(QueueStats stats, queue.reader.ReadStats());
    if (stats.oldest_owed) candidates.push_back({backend, std::nullopt, *stats.oldest_owed});
    for (const HeldLane& held : queue.reader.HeldLanes()) {
      if (held.oldest) candidates.push_back({backend, held.lane, *held.oldest});
    }
  }
  return candidates;
}

Status Retention::Trim(const KeepPolicy& keep, WallTime now) {
  Status worst = Ok();
  for (const BackendId& backend : parts_.queues.Names()) {
    if (Status trimmed = TrimQueue(backend, keep, now); !trimmed.ok()) {
      // The backend was forgotten meanwhile, or rewound: there is a next time.
      const ErrorCode code = trimmed.error().code();
      if (code == ErrorCode::kNotFound || code == ErrorCode::kConflict) continue;
      worst = std::move(trimmed).error().Within("trimming " + backend.text());
    }
  }
  RETURN_IF_ERROR(DiscardTrimmed());
  return worst;
}

Status Retention::TrimQueue(const BackendId& backend, const KeepPolicy& keep, WallTime now) {
  Position target;
  {
    ASSIGN_OR_RETURN(const OpenQueue queue, parts_.live.Open(backend));
    ASSIGN_OR_RETURN(target, queue.reader.TrimTarget(keep, now));
    if (target.sequence <= queue.reader.queue().state.trimmed.sequence) return Ok();
  }
  PassCrashPoint(CrashPoint::kTrimFound);
  Status marked = parts_.live.Apply(
      backend, [&target](ChangePlan queue) { return std::move(queue).Trim(target); },
      Wakes::kNobody);
  PassCrashPoint(CrashPoint::kTrimMarked);
  return marked;
}

// Deletes the rows that no queue needs. The marks that allow it were synced before they
// became visible here.
Status Retention::DiscardTrimmed() {
  ASSIGN_OR_RETURN(const SharedStore::Lease lease, parts_.store.Use());
  Store& store = *lease.store;
  if (auto failure = parts_.committer.closed_because()) return *std::move(failure);
  const QueueTable::Snapshot all = parts_.queues.All();
  PayloadId floor = all.newest_payload.Next();
  for (const auto& [backend, queue] : all.queues) {
    ASSIGN_OR_RETURN(std::optional<PayloadId> first, QueueReader(store, queue).FirstPayload());
    if (first) floor = std::min(floor, *first);
    const std::string end = EntryKey(queue.number, queue.state.trimmed.sequence.Next());
    const std::string prefix = end.substr(0, sizeof(std::uint32_t));
    RETURN_IF_ERROR(store.Discard(Family::kEntries, prefix, end));
    PassCrashPoint(CrashPoint::kTrimEntriesGone);
  }
  Status gone = store.Discard(Family::kPayloads, "", PayloadKey(floor));
  PassCrashPoint(CrashPoint::kTrimPayloadsGone);
  return gone;
}

}  // namespace relay
