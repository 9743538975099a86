// How a DurableLog opens: at the start, and again after a failure. It opens as
// far as it can, and says what is missing.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "wal/base/crash_point.h"
#include "wal/log/durable_log.h"
#include "wal/record/identity.h"
#include "wal/recovery/recovery.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

// Logs of format 1 have no high-water file yet.
constexpr std::uint32_t kFirstFormatWithMark = 2;

// Once there is a database: the identity says that there was one.
Status NameLog(const std::string& directory, const FoundIdentity& found) {
  if (found.state == IdentityState::kKnown && found.identity.format == kFormatVersion) return Ok();
  Identity identity = found.identity;
  identity.format = kFormatVersion;
  Status named = WriteIdentity(directory, std::move(identity));
  if (found.state == IdentityState::kKnown) PassCrashPoint(CrashPoint::kUpgradeNamed);
  return named;
}

bool IsEmpty(const std::string& directory) {
  std::error_code failed;
  return !fs::exists(directory, failed) || fs::is_empty(directory, failed);
}

// Whether the log can be read all the same, and be opened later.
bool MayOpenLater(ErrorCode code) {
  return code == ErrorCode::kIo || code == ErrorCode::kFull || code == ErrorCode::kCorruption;
}

}  // namespace

Result<std::unique_ptr<DurableLog>> DurableLog::Open(const LogOptions& options,
                                                     const std::vector<BackendId>& backends) {
  // First of all: a log of a newer format stays untouched.
  Result<FoundIdentity> identity = ReadIdentity(options.directory, kFormatVersion);
  if (!identity.ok()) return std::move(identity).error().Within(options.directory);
  std::unique_ptr<DurableLog> log(new DurableLog(options, backends));
  ASSIGN_OR_RETURN(std::unique_ptr<DirectoryLock> lock, DirectoryLock::Take(options.directory));
  log->lock_ = std::move(lock);
  PassCrashPoint(CrashPoint::kOpenLocked);
  log->ReadMark(identity.value());
  PassCrashPoint(CrashPoint::kOpenMarkRead);
  if (Status opened = log->OpenAndLoad(); !opened.ok()) {
    if (!MayOpenLater(opened.error().code())) return std::move(opened).error();
    if (Status readable = log->OpenToRead(opened.error()); !readable.ok()) {
      return std::move(opened).error();
    }
  } else
    RETURN_IF_ERROR(NameLog(options.directory, identity.value()));
  PassCrashPoint(CrashPoint::kOpenNamed);
  RETURN_IF_ERROR(log->MeasureDisk());
  log->committer_ = std::thread([raw = log.get()] { raw->CommitLoop(); });
  return log;
}

DurableLog::DurableLog(LogOptions options, std::vector<BackendId> backends)
    : options_(std::move(options)),
      backends_(std::move(backends)),
      limits_{.keep = options_.keep,
              .size_max = options_.size_max,
              .free_min = options_.free_min,
              .when_full = options_.when_full},
      recent_(options_.recent_max) {}

DurableLog::~DurableLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  if (committer_.joinable()) committer_.join();
  PassCrashPoint(CrashPoint::kCloseDrained);
  batch_.reset();
  store_.reset();
  PassCrashPoint(CrashPoint::kCloseDatabaseGone);
  if (high_water_ == nullptr) return;
  high_water_->Stop();
  // Where this is not written, the next start looks closer than it must.
  if (!closed_because_) static_cast<void>(high_water_->WriteClean().ok());
  PassCrashPoint(CrashPoint::kCloseMarked);
}

std::vector<std::string> DurableLog::Alarms() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> alarms = alarms_;
  if (high_water_ == nullptr) return alarms;
  if (const Status written = high_water_->Health(); !written.ok()) {
    alarms.push_back(
        fmt::format("the high-water file cannot be written: {}", written.error().message()));
  }
  return alarms;
}

// What is known of the log without its database.
void DurableLog::ReadMark(const FoundIdentity& identity) {
  const bool known = identity.state != IdentityState::kNone;
  if (identity.state == IdentityState::kDamaged) {
    alarms_.emplace_back("the log's identity file was damaged; it was made anew");
  }
  if (known && IsEmpty(StoreDirectory(options_.directory))) {
    alarms_.emplace_back("the log's database is gone: there was one in this directory");
  }
  Result<DecodedHighWater> mark = ReadHighWater(options_.directory);
  first_open_ = !known && !mark.ok() && mark.error().code() == ErrorCode::kNotFound;
  if (mark.ok()) {
    mark_turn_ = mark.value().turn;
    known_ = std::move(mark).value().mark;
  } else if (identity.state == IdentityState::kDamaged ||
             identity.identity.format >= kFirstFormatWithMark) {
    alarms_.push_back(
        fmt::format("whether the log has lost its end cannot be told: {}", mark.error().message()));
  }
}

// REQUIRES: store_ is closed, nobody reads.
Status DurableLog::OpenAndLoad() {
  if (high_water_ != nullptr) known_ = SyncedState();
  std::vector<std::string> alarms;
  StoreMending mending{.kept = options_.directory + "/before-open",
                       .quarantine = options_.directory + "/quarantine",
                       .after_crash = !known_ || !known_->clean,
                       .first_open = first_open_,
                       .alarms = &alarms};
  if (known_) mending.is_whole = [this](const Store& store) { return HasAll(store, *known_); };
  if (closed_because_ && closed_because_->code() == ErrorCode::kCorruption) {
    mending.because = closed_because_->message();
  }
  // What is damaged may show only when it is read; each turn does without one
  // file more.
  constexpr int kTurnsMax = 100;
  Status loaded = Ok();
  for (int turn = 0; turn < kTurnsMax; ++turn) {
    loaded = OpenOnce(mending, alarms);
    if (loaded.ok() || loaded.error().code() != ErrorCode::kCorruption) break;
    if (loaded.error().message() == mending.because) break;
    mending.because = loaded.error().message();
  }
  const std::lock_guard lock(mutex_);
  for (std::string& alarm : alarms) {
    if (std::find(alarms_.begin(), alarms_.end(), alarm) == alarms_.end()) {
      alarms_.push_back(std::move(alarm));
    }
  }
  return loaded;
}

Status DurableLog::OpenOnce(const StoreMending& mending, std::vector<std::string>& alarms) {
  Result<std::unique_ptr<Store>> store = OpenStore({.directory = StoreDirectory(options_.directory),
                                                    .env = options_.env,
                                                    .file_size = options_.file_size,
                                                    .mending = &mending});
  if (!store.ok() && store.error().code() == ErrorCode::kUnavailable) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("data directory {} is in use by another process", options_.directory));
  }
  if (!store.ok()) return std::move(store).error();
  Result<Recovered> recovered = Recover(*store.value(), known_, alarms);
  if (!recovered.ok()) return std::move(recovered).error().Within(options_.directory);
  PassCrashPoint(CrashPoint::kOpenRecovered);
  alarms = recovered.value().alarms;
  LoadedLog& loaded = recovered.value().log;
  RETURN_IF_ERROR(RegisterNewBackends(*store.value(), loaded));
  PassCrashPoint(CrashPoint::kOpenRegistered);
  // Where names may have been lost with the rest, no row is anybody's leftover.
  if (alarms.empty()) {
    RETURN_IF_ERROR(DiscardLeftovers(*store.value(), loaded));
  }
  epoch_ = recovered.value().epoch;
  first_open_ = false;
  Adopt(std::move(loaded));
  store_ = std::move(store).value();
  batch_ = store_->NewBatch();
  PassCrashPoint(CrashPoint::kOpenAdopted);
  Status started = StartHighWater();
  PassCrashPoint(CrashPoint::kOpenHighWater);
  return started;
}

// From here on the mark in the file is this opening's.
Status DurableLog::StartHighWater() {
  if (high_water_ != nullptr) {
    high_water_->Moved();
    return Ok();
  }
  ASSIGN_OR_RETURN(std::unique_ptr<HighWaterFile> file,
                   HighWaterFile::Open(options_.directory, options_.env, mark_turn_));
  // Twice, so that both slots have their place on disk should it be full.
  for (int slot = 0; slot < 2; ++slot) {
    RETURN_IF_ERROR(file->Write(SyncedState()));
  }
  high_water_ = std::make_unique<HighWaterKeeper>(
      std::move(file), [this] { return SyncedState(); }, options_.cursor_interval);
  return Ok();
}

// What is on stable storage at this moment, of all that was answered for.
HighWater DurableLog::SyncedState() const {
  const std::lock_guard lock(mutex_);
  HighWater truth;
  truth.epoch = epoch_;
  truth.log.last_payload = newest_payload_;
  truth.log.last_backend = last_backend_;
  for (const auto& [backend, run] : queues_) {
    Queue synced = run;
    synced.state = synced_.at(backend);
    truth.log.queues.emplace(backend, std::move(synced));
  }
  return truth;
}

// The store takes no writes, but can be read: deliveries go on, their cursors
// are kept in memory, and the committer opens it as soon as it can.
Status DurableLog::OpenToRead(const Error& because) {
  ASSIGN_OR_RETURN(
      std::unique_ptr<Store> store,
      OpenStoreReadOnly({.directory = StoreDirectory(options_.directory), .env = options_.env}));
  ASSIGN_OR_RETURN(LoadedLog loaded, LoadLog(*store));
  for (const BackendId& backend : Configured()) {
    if (loaded.queues.contains(backend)) continue;
    Queue run;
    run.number = BackendNumber(++loaded.last_backend);
    loaded.queues.emplace(backend, run);
  }
  Adopt(std::move(loaded));
  store_ = std::move(store);
  const std::lock_guard lock(mutex_);
  closed_because_ = because;
  reopen_after_ = options_.reopen_first;
  return Ok();
}

// Gives back what is left of numbers that no backend has: their files may not
// have gone when the backend was forgotten.
Status DurableLog::DiscardLeftovers(Store& store, const LoadedLog& loaded) {
  std::set<BackendNumber> known;
  for (const auto& [backend, run] : loaded.queues) known.insert(run.number);
  for (std::uint32_t value = 1; value <= loaded.last_backend; ++value) {
    const BackendNumber number(value);
    if (known.contains(number)) continue;
    RETURN_IF_ERROR(DiscardAllOf(store, number));
  }
  return Ok();
}

// Gives back whatever rows a number has.
Status DurableLog::DiscardAllOf(Store& store, BackendNumber number) {
  for (const Family family : {Family::kEntries, Family::kHeld, Family::kDead, Family::kGaps}) {
    const std::string prefix = BackendKeys(number);
    const std::unique_ptr<StoreCursor> at = store.NewCursor(family);
    at->Seek(prefix);
    if (!at->Valid() || !at->Key().starts_with(prefix)) continue;
    Status gone = store.Discard(family, prefix, BackendKeysEnd(number));
    if (!gone.ok()) return gone;
  }
  return Ok();
}

// Brings an older format up to this one, too.
Status DurableLog::RegisterNewBackends(Store& store, LoadedLog& loaded) const {
  const std::unique_ptr<StoreBatch> batch = store.NewBatch();
  batch->Put(Family::kState, kFormatKey, EncodeNumber(kFormatKey, kFormatVersion));
  if (loaded.format < kFormatVersion) {
    for (const auto& [backend, run] : loaded.queues) PutQueueState(*batch, run.number, run.state);
  }
  for (const BackendId& backend : Configured()) {
    if (loaded.queues.contains(backend)) continue;
    const BackendNumber number(++loaded.last_backend);
    const std::string key = BackendKey(backend);
    batch->Put(Family::kState, key, EncodeNumber(key, number.value()));
    PutQueueState(*batch, number, QueueState());
    Queue run;
    run.number = number;
    loaded.queues.emplace(backend, run);
  }
  batch->Put(Family::kState, kLastBackendKey, EncodeNumber(kLastBackendKey, loaded.last_backend));
  const bool upgrades = loaded.format < kFormatVersion;
  if (upgrades) PassCrashPoint(CrashPoint::kUpgradeStaged);
  Status written = store.Write(*batch, Durability::kSynced);
  if (upgrades) PassCrashPoint(CrashPoint::kUpgradeWritten);
  return written;
}

// Takes over what was read from disk. After a failure, what this process did
// since is kept: a cursor that was not yet written; but a change that was
// reported as failed and is on disk has happened. What of it is not on disk any
// more was put right by Recover.
void DurableLog::Adopt(LoadedLog loaded) {
  const std::lock_guard lock(mutex_);
  synced_.clear();
  for (auto& [backend, run] : loaded.queues) {
    synced_[backend] = run.state;
    const auto known = queues_.find(backend);
    if (known == queues_.end() || run.state.edition > known->second.state.edition) continue;
    INVARIANT(run.head.sequence >= known->second.head.sequence);
    run.state = known->second.state;
    dirty_.insert(backend);
  }
  queues_ = std::move(loaded.queues);
  // Forgotten after all, though that was reported as failed.
  std::erase_if(dirty_, [this](const BackendId& backend) { return !queues_.contains(backend); });
  last_payload_ = loaded.last_payload;
  newest_payload_ = loaded.last_payload;
  last_backend_ = loaded.last_backend;
  tails_.clear();
  for (const auto& [backend, run] : queues_) {
    tails_.emplace(backend, Tail{run.number, run.head, run.last_accepted});
  }
}

// Whether the store must be opened anew: it is closed, or has come upon damage
// that it can do without only then.
bool DurableLog::MustReopen() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    if (closed_because_) return true;
  }
  std::string damage = store_->Damage();
  if (damage.empty() || damage == last_damage_) return false;
  last_damage_ = std::move(damage);
  Group none;
  CloseAfter(none, Error(ErrorCode::kCorruption, last_damage_));
  return true;
}

void DurableLog::ReopenWhenDue() {
  if (!MustReopen()) return;
  const std::unique_lock alone(store_mutex_);
  PassCrashPoint(CrashPoint::kReopenClosed);
  batch_.reset();
  store_.reset();
  PassCrashPoint(CrashPoint::kReopenDatabaseGone);
  Status reopened = OpenAndLoad();
  PassCrashPoint(CrashPoint::kReopenOpened);
  const std::lock_guard lock(mutex_);
  if (reopened.ok()) {
    closed_because_.reset();
    return;
  }
  closed_because_ = reopened.error();
  reopen_after_ = std::clamp(2 * reopen_after_, options_.reopen_first, options_.reopen_max);
  Result<std::unique_ptr<Store>> readable =
      OpenStoreReadOnly({.directory = StoreDirectory(options_.directory), .env = options_.env});
  if (readable.ok()) store_ = std::move(readable).value();
}

}  // namespace relay
