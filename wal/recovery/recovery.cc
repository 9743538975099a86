#include "wal/recovery/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace relay {
namespace {

Result<std::uint64_t> ReadEpoch(const Store& store) {
  ASSIGN_OR_RETURN(std::optional<std::string> stored, store.Get(Family::kState, kEpochKey));
  if (!stored) return std::uint64_t{0};
  return DecodeNumber(kEpochKey, *stored);
}

void PutNumber(StoreBatch& batch, std::string_view key, std::uint64_t number) {
  batch.Put(Family::kState, key, EncodeNumber(key, number));
}

// Puts an entry without a payload in place of the last lost record: the head is derived from it,
// its totals say how much is lost.
void PutLostEnd(StoreBatch& batch, const Queue& known) {
  Entry end;
  end.position = known.head;
  end.accepted_at = known.last_accepted;
  const std::string key = EntryKey(known.number, known.head.sequence);
  batch.Put(Family::kEntries, key, EncodeEntry(key, end));
}

std::string LostRecords(const BackendId& backend, const Position& found, const Position& known) {
  return fmt::format("records {} to {} of backend '{}' were acknowledged and are lost: {} points",
                     found.sequence.value() + 1, known.sequence.value(), backend.text(),
                     known.totals.points - std::min(known.totals.points, found.totals.points));
}

// Restores names and numbers that the database lost: their entries may still be there and must not
// become another backend's.
bool PutMissingNames(StoreBatch& batch, const LoadedLog& found, const LoadedLog& known,
                     std::vector<std::string>& alarms) {
  bool missing = false;
  for (const auto& [backend, queue] : known.queues) {
    if (found.queues.contains(backend)) continue;
    missing = true;
    alarms.push_back(fmt::format("the log had lost backend '{}'; it was restored", backend.text()));
    PutNumber(batch, BackendKey(backend), queue.number.value());
    PutQueueState(batch, queue.number, queue.state);
  }
  return missing;
}

Status RestoreNames(Store& store, LoadedLog& found, const LoadedLog& known,
                    std::vector<std::string>& alarms) {
  const std::unique_ptr<StoreBatch> batch = store.NewBatch();
  if (!PutMissingNames(*batch, found, known, alarms)) return Ok();
  RETURN_IF_ERROR(store.Write(*batch, Durability::kSynced));
  ASSIGN_OR_RETURN(LoadedLog again, LoadLog(store));
  found = std::move(again);
  return Ok();
}

void PutLostRecords(StoreBatch& batch, const LoadedLog& found, const LoadedLog& known,
                    std::vector<std::string>& alarms) {
  for (const auto& [backend, queue] : known.queues) {
    const auto at = found.queues.find(backend);
    if (at == found.queues.end() || at->second.number != queue.number) continue;
    if (at->second.head.sequence >= queue.head.sequence) continue;
    alarms.push_back(LostRecords(backend, at->second.head, queue.head));
    PutLostEnd(batch, queue);
  }
}

// Returns whether a state is older than one that was synced: it would deliver records again, and
// its sums would not match. A cursor further back counts only in a database known to be damaged: it
// may have been rewound.
bool IsOlder(const QueueState& state, const QueueState& known, bool damaged) {
  if (state.edition != known.edition) return state.edition < known.edition;
  return damaged && state.cursor.sequence < known.cursor.sequence;
}

void PutNewerStates(StoreBatch& batch, const LoadedLog& found, const LoadedLog& known,
                    std::vector<std::string>& alarms) {
  const bool damaged = !alarms.empty();
  for (const auto& [backend, queue] : known.queues) {
    const auto at = found.queues.find(backend);
    if (at == found.queues.end() || at->second.number != queue.number) continue;
    if (!IsOlder(at->second.state, queue.state, damaged)) continue;
    if (at->second.state.edition < queue.state.edition) {
      alarms.push_back(fmt::format("the newest changes of backend '{}' were lost", backend.text()));
    }
    PutQueueState(batch, queue.number, queue.state);
  }
}

// `recovered.epoch` is the database's own here.
Status CompareWith(const HighWater& known, Store& store, StoreBatch& batch, Recovered& recovered) {
  if (recovered.epoch < known.epoch) {
    recovered.alarms.push_back(
        fmt::format("the database was opened {} times, the log {} times: it is an older copy, or "
                    "lost its newest records",
                    recovered.epoch, known.epoch));
    recovered.epoch = known.epoch;
  }
  // If the database lost nothing, a missing backend was forgotten on purpose.
  if (!recovered.alarms.empty()) {
    Status named = RestoreNames(store, recovered.log, known.log, recovered.alarms);
    if (!named.ok()) return named;
  }
  LoadedLog& found = recovered.log;
  PutLostRecords(batch, found, known.log, recovered.alarms);
  PutNewerStates(batch, found, known.log, recovered.alarms);
  if (recovered.alarms.empty()) return Ok();
  PutNumber(batch, kLastPayloadKey, std::max(found.last_payload, known.log.last_payload).value());
  PutNumber(batch, kLastBackendKey, std::max(found.last_backend, known.log.last_backend));
  return Ok();
}

// A configured backend was not forgotten: if the mark knows it, and the last entry that it knows is
// there, the database has lost the name.
void AlarmOfLostNames(const Store& store, const Recovery& recovery, Recovered& recovered) {
  const Queues& known = recovery.known->log.queues;
  for (const BackendId& backend : recovery.backends) {
    const auto at = known.find(backend);
    if (at == known.end() || recovered.log.queues.contains(backend)) continue;
    const Queue& queue = at->second;
    const auto entry = store.Get(Family::kEntries, EntryKey(queue.number, queue.head.sequence));
    if (!entry.ok() || !entry.value()) continue;
    recovered.alarms.push_back(
        fmt::format("the database has lost the name of backend '{}'", backend.text()));
  }
}

// Begins a life behind the last number that was given, as far as it is known.
void BeginLife(Recovered& recovered, const std::optional<HighWater>& known, Numbering numbering) {
  PayloadId last = recovered.log.last_payload;
  if (known && !recovered.alarms.empty()) last = std::max(last, known->log.last_payload);
  recovered.log.lives.Begin(numbering == Numbering::kOwn ? LifeId::New() : LifeId(), last.Next());
}

}  // namespace

Result<Recovered> Recover(Store& store, const Recovery& recovery, std::vector<std::string> alarms) {
  Recovered recovered;
  recovered.alarms = std::move(alarms);
  ASSIGN_OR_RETURN(LoadedLog found, LoadLog(store));
  recovered.log = std::move(found);
  Result<std::uint64_t> epoch = ReadEpoch(store);
  if (!epoch.ok()) return std::move(epoch).error();
  recovered.epoch = epoch.value();

  const std::unique_ptr<StoreBatch> batch = store.NewBatch();
  if (recovery.known) {
    AlarmOfLostNames(store, recovery, recovered);
    RETURN_IF_ERROR(CompareWith(*recovery.known, store, *batch, recovered));
  }
  PutNumber(*batch, kEpochKey, ++recovered.epoch);
  BeginLife(recovered, recovery.known, recovery.numbering);
  batch->Put(Family::kState, kLivesKey, EncodeLives(kLivesKey, recovered.log.lives));
  RETURN_IF_ERROR(store.Write(*batch, Durability::kSynced));
  if (recovered.alarms.empty()) return recovered;
  ASSIGN_OR_RETURN(LoadedLog again, LoadLog(store));
  recovered.log = std::move(again);
  return recovered;
}

bool HasAll(const Store& store, const HighWater& known) {
  const Result<std::uint64_t> epoch = ReadEpoch(store);
  const Result<LoadedLog> log = LoadLog(store);
  if (!epoch.ok() || !log.ok()) return true;  // Recover reports the error.
  const auto behind = [&log](const auto& known_queue) {
    const auto found = log.value().queues.find(known_queue.first);
    return found != log.value().queues.end() &&
           found->second.head.sequence < known_queue.second.head.sequence;
  };
  const Queues& queues = known.log.queues;
  return epoch.value() >= known.epoch && std::none_of(queues.begin(), queues.end(), behind);
}

}  // namespace relay
