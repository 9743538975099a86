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

Status Retention::Enforce(const Moment& now) {
  parts_.ages.Look(parts_.queues.All().queues, now);
  RETURN_IF_ERROR(parts_.budget.Measure());
  // Dead letters that cannot be removed do not stop records from being trimmed.
  const Status shrunk = ShrinkDead(now);
  const KeepPolicy keep = PolicyNow();
  RETURN_IF_ERROR(Trim(keep, now.steady));
  RETURN_IF_ERROR(shrunk);
  RETURN_IF_ERROR(parts_.budget.Measure());
  // Waits one more turn: the files released above may not be deleted yet.
  const bool nothing_kept = parts_.budget.use().full() && keep.size == 0_B;
  const bool had_nothing = std::exchange(nothing_kept_, nothing_kept);
  const bool drops = parts_.budget.limits().when_full == WhenFull::kDropOldest;
  return drops && nothing_kept && had_nothing ? DropUntilThereIsRoom(now) : Ok();
}

namespace {

Bytes DeadBytesOf(const Queues& queues) {
  Bytes sum(0);
  for (const auto& [backend, queue] : queues) sum += queue.state.dead_bytes;
  return sum;
}

}  // namespace

// Bounded, so that a log that was written without a budget is brought to it in several turns.
Status Retention::ShrinkDead(const Moment& now) {
  constexpr int kChangesMax = 64;
  for (int change = 0; change < kChangesMax; ++change) {
    ASSIGN_OR_RETURN(const bool removed, RemoveOldestDead(now));
    if (!removed) return Ok();
    PassCrashPoint(CrashPoint::kDeadRemoved);
  }
  return Ok();
}

// Removes some of the oldest dead letters that are beyond the budget; of backends, the one whose
// first letter is the oldest is the first.
Result<bool> Retention::RemoveOldestDead(const Moment& now) {
  const Bytes used = DeadBytesOf(parts_.queues.All().queues);
  const Bytes most = parts_.budget.use().dead_max;
  const Bytes excess = used - std::min(used, most);
  if (excess == 0_B && !parts_.budget.limits().dead.age) return false;
  // Those that are too old are the first.
  const auto place = [](const OldestDead& one) { return std::pair(!one.is_too_old, one.when); };
  std::optional<OldestDead> oldest;
  for (const BackendId& backend : Delivered()) {
    ASSIGN_OR_RETURN(const std::optional<OldestDead> first, FirstDeadOf(backend, now.steady));
    if (first && (!oldest || place(*first) < place(*oldest))) oldest = first;
  }
  if (!oldest || (excess == 0_B && !oldest->is_too_old)) return false;
  const auto plan = [&](ChangePlan queue) {
    return std::move(queue).RemoveDead({.size = excess, .too_old = oldest->limit}, now.wall);
  };
  Status removed = parts_.live.Apply(oldest->backend, plan, Wakes::kNobody);
  if (removed.ok()) return true;
  // An operator took the letters meanwhile: there is a next time.
  if (removed.error().code() == ErrorCode::kConflict) return false;
  return std::move(removed).error().Within("removing dead letters of " + oldest->backend.text());
}

// nullopt: no age is too old.
std::optional<AgeLimit> Retention::DeadTooOld(BackendNumber queue, Clock::TimePoint now) const {
  const auto age = parts_.budget.limits().dead.age;
  if (!age) return std::nullopt;
  return parts_.ages.LettersOlderThan(queue, *age, now);
}

// nullopt: it has none. A damaged letter counts as the oldest.
Result<std::optional<OldestDead>> Retention::FirstDeadOf(const BackendId& backend,
                                                         Clock::TimePoint now) const {
  ASSIGN_OR_RETURN(const OpenQueue queue, parts_.live.Open(backend));
  if (queue.reader.queue().state.dead_letters == 0) return std::optional<OldestDead>();
  const std::optional<AgeLimit> too_old = DeadTooOld(queue.reader.queue().number, now);
  const Result<std::vector<StoredDeadLetter>> first = queue.reader.ReadDead(0, 1);
  if (!first.ok() && first.error().code() == ErrorCode::kCorruption) {
    return std::optional(OldestDead{backend, WallTime(), too_old, too_old.has_value()});
  }
  if (!first.ok()) return first.error();
  if (first.value().empty()) return std::optional<OldestDead>();
  const auto& [number, letter] = first.value().front();
  const bool is_too_old = too_old && too_old->Covers(number, letter.when);
  return std::optional(OldestDead{backend, letter.when, too_old, is_too_old});
}

// Gives up the last kept records at once if they are smaller than a file: they are not
// worth refusing a write.
KeepPolicy Retention::PolicyNow() const {
  return parts_.budget.KeepNow(MostKept(parts_.queues.All().queues), file_size_);
}

// Takes several turns: backends that share their oldest records free nothing until each of
// them has dropped these.
Status Retention::DropUntilThereIsRoom(const Moment& now) {
  const std::size_t turns_max = 4 * parts_.queues.Names().size();
  for (std::size_t turn = 0; turn < turns_max && parts_.budget.use().full(); ++turn) {
    ASSIGN_OR_RETURN(const std::vector<OldestKept> candidates, Candidates());
    const OldestKept* oldest = FirstAccepted(candidates);
    if (oldest == nullptr) return Ok();  // Something else is filling the disk.
    RETURN_IF_ERROR(DropOldest(*oldest, now.wall));
    RETURN_IF_ERROR(Trim({.time = parts_.budget.limits().keep.time, .size = 0_B}, now.steady));
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
  for (const BackendId& backend : Delivered()) {
    ASSIGN_OR_RETURN(OpenQueue queue, parts_.live.Open(backend));
    ASSIGN_OR_RETURN(QueueStats stats, queue.reader.ReadStats());
    if (stats.oldest_owed) candidates.push_back({backend, std::nullopt, *stats.oldest_owed});
    for (const HeldLane& held : queue.reader.HeldLanes()) {
      if (held.oldest) candidates.push_back({backend, held.lane, *held.oldest});
    }
  }
  return candidates;
}

// Another log trims and drops for the backends that it delivers to.
std::vector<BackendId> Retention::Delivered() const {
  std::vector<BackendId> names = parts_.queues.Names();
  std::erase_if(names,
                [this](const BackendId& backend) { return !parts_.queues.LeaseOf(backend).ok(); });
  return names;
}

Status Retention::Trim(const KeepPolicy& keep, Clock::TimePoint now) {
  Status worst = Ok();
  for (const BackendId& backend : Delivered()) {
    if (Status trimmed = TrimQueue(backend, keep, now); !trimmed.ok()) {
      // The backend was forgotten meanwhile, rewound or taken over: there is a next time.
      const ErrorCode code = trimmed.error().code();
      const bool is_passing = code == ErrorCode::kNotFound || code == ErrorCode::kConflict ||
                              code == ErrorCode::kElsewhere;
      if (is_passing) continue;
      worst = std::move(trimmed).error().Within("trimming " + backend.text());
    }
  }
  RETURN_IF_ERROR(DiscardTrimmed());
  return worst;
}

Status Retention::TrimQueue(const BackendId& backend, const KeepPolicy& keep,
                            Clock::TimePoint now) {
  Position target;
  {
    ASSIGN_OR_RETURN(const OpenQueue queue, parts_.live.Open(backend));
    AgeLimit old = parts_.ages.RecordsOlderThan(queue.reader.queue().number, keep.time, now);
    if (keep.time.count() == 0) old.seen = queue.reader.queue().head.sequence.value();
    ASSIGN_OR_RETURN(target, queue.reader.TrimTarget(keep, old));
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
    if (queue.state.first_dead > 1) {
      const std::string letters = DeadKey(queue.number, queue.state.first_dead);
      RETURN_IF_ERROR(store.Discard(Family::kDead, prefix, letters));
      PassCrashPoint(CrashPoint::kDeadRowsGone);
    }
  }
  Status gone = store.Discard(Family::kPayloads, "", PayloadKey(floor));
  PassCrashPoint(CrashPoint::kTrimPayloadsGone);
  return gone;
}

}  // namespace relay
