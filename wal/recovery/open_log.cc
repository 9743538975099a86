#include "wal/recovery/open_log.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "wal/base/crash_point.h"
#include "wal/record/rows.h"

namespace relay {
namespace {

// Discards rows whose number no backend has: their files may have outlived the backend that was
// forgotten.
Status DiscardLeftovers(Store& store, const LoadedLog& loaded) {
  std::set<BackendNumber> known;
  for (const auto& [backend, queue] : loaded.queues) known.insert(queue.number);
  for (std::uint32_t value = 1; value <= loaded.last_backend; ++value) {
    const BackendNumber number(value);
    if (known.contains(number)) continue;
    RETURN_IF_ERROR(DiscardAllOf(store, number));
  }
  return Ok();
}

// Creates an empty queue with the next number.
Queue NewQueue(LoadedLog& loaded) {
  Queue queue;
  queue.number = BackendNumber(++loaded.last_backend);
  return queue;
}

// Registers configured backends that are new, and upgrades an older format.
Status RegisterBackends(Store& store, const std::vector<BackendId>& backends, LoadedLog& loaded) {
  const std::unique_ptr<StoreBatch> batch = store.NewBatch();
  batch->Put(Family::kState, kFormatKey, EncodeNumber(kFormatKey, kFormatVersion));
  const bool upgrades = loaded.format < kFormatVersion;
  if (upgrades) {
    for (const auto& [backend, queue] : loaded.queues) {
      PutQueueState(*batch, queue.number, queue.state);
    }
  }
  for (const BackendId& backend : backends) {
    if (loaded.queues.contains(backend)) continue;
    const Queue queue = NewQueue(loaded);
    const std::string key = BackendKey(backend);
    batch->Put(Family::kState, key, EncodeNumber(key, queue.number.value()));
    PutQueueState(*batch, queue.number, queue.state);
    loaded.queues.emplace(backend, queue);
  }
  batch->Put(Family::kState, kLastBackendKey, EncodeNumber(kLastBackendKey, loaded.last_backend));
  if (upgrades) PassCrashPoint(CrashPoint::kUpgradeStaged);
  Status written = store.Write(*batch, Durability::kSynced);
  if (upgrades) PassCrashPoint(CrashPoint::kUpgradeWritten);
  return written;
}

Result<OpenedDatabase> OpenOnce(const OpenRequest& request, const StoreMending& mending) {
  Result<std::unique_ptr<Store>> store = OpenStore({.directory = StoreDirectory(request.directory),
                                                    .env = request.env,
                                                    .file_size = request.file_size,
                                                    .mending = &mending});
  if (!store.ok() && store.error().code() == ErrorCode::kUnavailable) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("data directory {} is in use by another process", request.directory));
  }
  if (!store.ok()) return std::move(store).error();
  std::vector<std::string>& alarms = *mending.alarms;
  Result<Recovered> recovered = Recover(
      *store.value(),
      {.known = request.known, .backends = request.backends, .numbering = request.numbering},
      alarms);
  if (!recovered.ok()) return std::move(recovered).error().Within(request.directory);
  PassCrashPoint(CrashPoint::kOpenRecovered);
  alarms = recovered.value().alarms;
  LoadedLog& loaded = recovered.value().log;
  RETURN_IF_ERROR(RegisterBackends(*store.value(), request.backends, loaded));
  PassCrashPoint(CrashPoint::kOpenRegistered);
  // If names may be lost too, no row is certainly a leftover.
  if (alarms.empty()) {
    RETURN_IF_ERROR(DiscardLeftovers(*store.value(), loaded));
  }
  return OpenedDatabase{std::move(store).value(), std::move(loaded), recovered.value().epoch};
}

}  // namespace

Result<OpenedDatabase> OpenLog(const OpenRequest& request, std::vector<std::string>& alarms) {
  StoreMending mending{.kept = request.directory + "/before-open",
                       .quarantine = request.directory + "/quarantine",
                       .after_crash = !request.known || !request.known->clean,
                       .first_open = request.first_open,
                       .because = request.because,
                       .is_whole = {},
                       .alarms = &alarms};
  if (request.known) {
    mending.is_whole = [&request](const Store& store) { return HasAll(store, *request.known); };
  }
  // Damage may show only when it is read; each turn sets one more file aside.
  constexpr int kTurnsMax = 100;
  Result<OpenedDatabase> opened = OpenOnce(request, mending);
  for (int turn = 1; turn < kTurnsMax; ++turn) {
    if (opened.ok() || opened.error().code() != ErrorCode::kCorruption) break;
    if (opened.error().message() == mending.because) break;
    mending.because = opened.error().message();
    opened = OpenOnce(request, mending);
  }
  return opened;
}

Result<OpenedDatabase> OpenLogToRead(const OpenRequest& request) {
  OpenedDatabase opened;
  ASSIGN_OR_RETURN(opened.store, OpenStoreReadOnly({.directory = StoreDirectory(request.directory),
                                                    .env = request.env}));
  ASSIGN_OR_RETURN(opened.log, LoadLog(*opened.store));
  for (const BackendId& backend : request.backends) {
    if (opened.log.queues.contains(backend)) continue;
    const Queue queue = NewQueue(opened.log);
    opened.log.queues.emplace(backend, queue);
  }
  return opened;
}

Status DiscardAllOf(Store& store, BackendNumber number) {
  for (const Family family : {Family::kEntries, Family::kHeld, Family::kDead, Family::kGaps}) {
    const std::string prefix = BackendKeys(number);
    const std::unique_ptr<StoreCursor> at = store.NewCursor(family);
    at->Seek(prefix);
    if (!at->Valid() || !at->Key().starts_with(prefix)) continue;
    RETURN_IF_ERROR(store.Discard(family, prefix, BackendKeysEnd(number)));
  }
  return Ok();
}

}  // namespace relay
