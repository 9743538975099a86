#include "wal/durable_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "wal/identity.h"

namespace relay {
namespace {

Error Closed(const Error& because) {
  return {ErrorCode::kUnavailable,
          fmt::format("the log is closed after a failure: {}", because.message())};
}

Error NoSuchBackend(const BackendId& backend) {
  return {ErrorCode::kNotFound, fmt::format("the log knows no backend '{}'", backend.text())};
}

Error DiskError(const std::string& directory, const std::error_code& why) {
  return {ErrorCode::kIo, fmt::format("measuring {}: {}", directory, why.message())};
}

// What lies in the directory and what the file system has left.
Result<DiskUse> MeasureDirectory(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code failed;
  DiskUse use;
  const fs::space_info space = fs::space(directory, failed);
  if (failed) return DiskError(directory, failed);
  use.free = Bytes(space.available);
  fs::recursive_directory_iterator at(directory, failed);
  for (; !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    std::error_code gone;  // The engine deletes files as it likes.
    const std::uintmax_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) use.used += Bytes(size);
  }
  if (failed) return DiskError(directory, failed);
  return use;
}

// What a waiting append holds: its lines too, which may be many times what is
// stored of them.
Bytes MemoryOf(const AppendRequest& request) {
  const Totals size = request.record.size();
  return size.bytes + size.stored;
}

// Once there is a database: the identity says that there was one.
Status NameLog(const std::string& directory, const FoundIdentity& found) {
  if (found.state == IdentityState::kKnown && found.identity.format == kFormatVersion) return Ok();
  Identity identity = found.identity;
  identity.format = kFormatVersion;
  return WriteIdentity(directory, std::move(identity));
}

void PutRunState(StoreBatch& batch, BackendNumber number, const RunState& state) {
  const std::string key = RunKey(number);
  batch.Put(Family::kState, key, EncodeRunState(key, state));
}

}  // namespace

Result<std::unique_ptr<DurableLog>> DurableLog::Open(const LogOptions& options,
                                                     const std::vector<BackendId>& backends) {
  // First of all: a log of a newer format stays untouched.
  Result<FoundIdentity> identity = ReadIdentity(options.directory, kFormatVersion);
  if (!identity.ok()) return std::move(identity).error().Within(options.directory);
  std::unique_ptr<DurableLog> log(new DurableLog(options, backends));
  Result<std::unique_ptr<DirectoryLock>> lock = DirectoryLock::Take(options.directory);
  if (!lock.ok()) return std::move(lock).error();
  log->lock_ = std::move(lock).value();
  if (Status opened = log->OpenAndLoad(); !opened.ok()) return std::move(opened).error();
  if (Status named = NameLog(options.directory, identity.value()); !named.ok()) {
    return std::move(named).error();
  }
  if (Status measured = log->MeasureDisk(); !measured.ok()) return std::move(measured).error();
  log->committer_ = std::thread([raw = log.get()] { raw->CommitLoop(); });
  return log;
}

DurableLog::DurableLog(LogOptions options, std::vector<BackendId> backends)
    : options_(std::move(options)), backends_(std::move(backends)), recent_(options_.recent_max) {}

DurableLog::~DurableLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  if (committer_.joinable()) committer_.join();
  batch_.reset();
}

// REQUIRES: store_ is closed, nobody reads.
Status DurableLog::OpenAndLoad() {
  Result<std::unique_ptr<Store>> store = OpenStore({.directory = StoreDirectory(options_.directory),
                                                    .env = options_.env,
                                                    .file_size = options_.file_size});
  if (!store.ok() && store.error().code() == ErrorCode::kUnavailable) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("data directory {} is in use by another process", options_.directory));
  }
  if (!store.ok()) return std::move(store).error();
  Result<LoadedLog> loaded = LoadLog(*store.value());
  if (!loaded.ok()) return std::move(loaded).error().Within(options_.directory);
  if (Status added = RegisterNewBackends(*store.value(), loaded.value()); !added.ok()) return added;
  if (Status adopted = Adopt(std::move(loaded).value()); !adopted.ok()) return adopted;
  store_ = std::move(store).value();
  batch_ = store_->NewBatch();
  return Ok();
}

Status DurableLog::RegisterNewBackends(Store& store, LoadedLog& loaded) const {
  const std::unique_ptr<StoreBatch> batch = store.NewBatch();
  batch->Put(Family::kState, kFormatKey, EncodeNumber(kFormatKey, kFormatVersion));
  for (const BackendId& backend : backends_) {
    if (loaded.runs.contains(backend)) continue;
    const BackendNumber number(++loaded.last_backend);
    const std::string key = BackendKey(backend);
    batch->Put(Family::kState, key, EncodeNumber(key, number.value()));
    PutRunState(*batch, number, RunState());
    Run run;
    run.number = number;
    loaded.runs.emplace(backend, run);
  }
  batch->Put(Family::kState, kLastBackendKey, EncodeNumber(kLastBackendKey, loaded.last_backend));
  return store.Write(*batch, Durability::kSynced);
}

// Takes over what was read from disk. After a failure, what this process did
// since is kept where it is further: a cursor that was not yet written. A head
// on disk behind one that was answered for means that acknowledged records are
// gone, and is refused.
Status DurableLog::Adopt(LoadedLog loaded) {
  const std::lock_guard lock(mutex_);
  for (auto& [backend, run] : loaded.runs) {
    const auto known = runs_.find(backend);
    if (known == runs_.end()) continue;
    if (run.head.sequence < known->second.head.sequence) {
      return Error(ErrorCode::kCorruption,
                   fmt::format("records {} to {} of backend '{}' were stored and are gone",
                               run.head.sequence.value() + 1, known->second.head.sequence.value(),
                               backend.text()));
    }
    run.state = known->second.state;
    dirty_.insert(backend);
  }
  runs_ = std::move(loaded.runs);
  last_payload_ = loaded.last_payload;
  newest_payload_ = loaded.last_payload;
  tails_.clear();
  for (const auto& [backend, run] : runs_) {
    tails_.emplace(backend, Tail{run.number, run.head, run.last_accepted});
  }
  return Ok();
}

std::vector<BackendId> DurableLog::Backends() const {
  const std::lock_guard lock(mutex_);
  std::vector<BackendId> names;
  names.reserve(runs_.size());
  for (const auto& [name, run] : runs_) names.push_back(name);
  return names;
}

// REQUIRES: store_mutex_ is held shared as long as the reader is used.
Result<RunReader> DurableLog::ReaderOf(const BackendId& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(backend);
  if (found == runs_.end()) return NoSuchBackend(backend);
  if (store_ == nullptr) return Error(ErrorCode::kUnavailable, "the log is being reopened");
  return RunReader(*store_, found->second, &recent_);
}

Result<Figures> DurableLog::FiguresOf(const BackendId& backend) const {
  const std::shared_lock open(store_mutex_);
  Result<RunReader> reader = ReaderOf(backend);
  if (!reader.ok()) return std::move(reader).error();
  return reader.value().ReadFigures();
}

Result<std::vector<StoredRecord>> DurableLog::Read(const BackendId& backend, Sequence after,
                                                   ReadLimit limit) const {
  const std::shared_lock open(store_mutex_);
  Result<RunReader> reader = ReaderOf(backend);
  if (!reader.ok()) return std::move(reader).error();
  return reader.value().Read(after, limit);
}

Result<Sequence> DurableLog::LastBefore(const BackendId& backend, WallTime time) const {
  const std::shared_lock open(store_mutex_);
  Result<RunReader> reader = ReaderOf(backend);
  if (!reader.ok()) return std::move(reader).error();
  return reader.value().LastBefore(time);
}

Result<std::vector<StoredDeadLetter>> DurableLog::ReadDead(const BackendId& backend,
                                                           std::uint64_t after,
                                                           std::size_t count_max) const {
  const std::shared_lock open(store_mutex_);
  Result<RunReader> reader = ReaderOf(backend);
  if (!reader.ok()) return std::move(reader).error();
  return reader.value().ReadDead(after, count_max);
}

void DurableLog::Append(AppendRequest request, AppendDone done) {
  INVARIANT(request.backends != nullptr && !request.backends->empty());
  std::unique_lock lock(mutex_);
  if (Status admitted = Admit(MemoryOf(request)); !admitted.ok()) {
    lock.unlock();
    return done(std::move(admitted).error());
  }
  const bool first = appends_.empty();
  waiting_ += MemoryOf(request);
  appended_since_measured_ += request.record.size().stored;
  appends_.push_back({std::move(request), std::move(done), PayloadId(0)});
  lock.unlock();
  if (first) work_.notify_one();
}

// REQUIRES: mutex_ is held. The same below.
Status DurableLog::CheckRoom() const {
  const Bytes used = disk_.used + appended_since_measured_;
  if (used >= options_.size_max) {
    return Error(ErrorCode::kFull, fmt::format("the log is full: {} of {} bytes are used",
                                               used.count(), options_.size_max.count()));
  }
  if (disk_.max.count() > 0 && disk_.free <= disk_.min_free) {
    return Error(ErrorCode::kFull,
                 fmt::format("the disk is full: {} bytes are free, {} are left to others",
                             disk_.free.count(), disk_.min_free.count()));
  }
  return Ok();
}

Status DurableLog::Admit(Bytes size) const {
  if (closed_because_) return Closed(*closed_because_);
  if (Status room = CheckRoom(); !room.ok()) return room;
  // A record larger than the bound is let in when nothing else waits.
  if (appends_.empty() || waiting_ + size <= options_.waiting_max) return Ok();
  return Error(ErrorCode::kUnavailable,
               fmt::format("{} bytes already wait for the disk", waiting_.count()));
}

Status DurableLog::Advance(const BackendId& backend, const Position& through,
                           PointCount delivered) {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(backend);
  if (found == runs_.end()) return NoSuchBackend(backend);
  Run& run = found->second;
  INVARIANT(run.state.cursor.sequence <= through.sequence);
  INVARIANT(through.sequence <= run.head.sequence);
  INVARIANT(through.totals.points >= run.state.cursor.totals.points);
  run.state.cursor = through;
  run.state.delivered += delivered;
  dirty_.insert(backend);
  return Ok();
}

Status DurableLog::SetAside(const BackendId& backend, const Position& through, PointCount delivered,
                            std::vector<DeadLetter> letters) {
  PointCount dead = 0;
  for (const DeadLetter& letter : letters) dead += letter.points;
  const auto apply = [through, delivered, dead, count = letters.size()](RunState& state) {
    INVARIANT(state.cursor.sequence <= through.sequence);
    state.cursor = through;
    state.delivered += delivered;
    state.dead += dead;
    state.last_dead_number += count;
  };
  return Change(backend, apply, std::move(letters));
}

// Has the committer write and sync a change, and waits for it.
Status DurableLog::Change(const BackendId& backend, std::function<void(RunState&)> apply,
                          std::vector<DeadLetter> letters) {
  WaitingChange change{backend, std::move(apply), std::move(letters), {}};
  std::future<Status> done = change.done.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (!runs_.contains(backend)) return NoSuchBackend(backend);
    if (closed_because_ || stopping_) {
      return Error(ErrorCode::kUnavailable, "the log takes no writes now");
    }
    changes_.push_back(&change);
  }
  work_.notify_one();
  return done.get();
}

Status DurableLog::KeepHouse(WallTime now) {
  if (Status measured = MeasureDisk(); !measured.ok()) return measured;
  KeepPolicy keep = options_.keep;
  if (disk_use().full()) {
    Bytes kept(0);
    for (const BackendId& backend : Backends()) {
      const std::lock_guard lock(mutex_);
      const RunState& state = runs_.at(backend).state;
      kept = std::max(kept, state.cursor.totals.stored - state.trimmed.totals.stored);
    }
    // What is left of it in the end is not worth the refusal of a write.
    const Bytes half(kept > options_.file_size ? kept.count() / 2 : 0);
    keep.size = std::min(keep.size, half);
  }
  if (Status trimmed = Trim(keep, now); !trimmed.ok()) return trimmed;
  return MeasureDisk();
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
  Result<DiskUse> measured = MeasureDirectory(options_.directory);
  if (!measured.ok()) return std::move(measured).error();
  const std::lock_guard lock(mutex_);
  disk_ = measured.value();
  disk_.max = options_.size_max;
  disk_.min_free = options_.free_min;
  appended_since_measured_ = appended_since_measured_ - appended_before;
  return Ok();
}

Status DurableLog::Trim(const KeepPolicy& keep, WallTime now) {
  // One that cannot be trimmed does not keep the others' disk.
  Status worst = Ok();
  for (const BackendId& backend : Backends()) {
    if (Status trimmed = TrimRun(backend, keep, now); !trimmed.ok()) {
      worst = std::move(trimmed).error().Within("trimming " + backend.text());
    }
  }
  if (Status gone = DiscardTrimmed(); !gone.ok()) return gone;
  return worst;
}

Status DurableLog::TrimRun(const BackendId& backend, const KeepPolicy& keep, WallTime now) {
  Position target;
  {
    const std::shared_lock open(store_mutex_);
    Result<RunReader> reader = ReaderOf(backend);
    if (!reader.ok()) return std::move(reader).error();
    Result<Position> found = reader.value().TrimTarget(keep, now);
    if (!found.ok()) return std::move(found).error();
    target = found.value();
  }
  {
    const std::lock_guard lock(mutex_);
    if (target.sequence <= runs_.at(backend).state.trimmed.sequence) return Ok();
  }
  return Change(backend, [target](RunState& state) { state.trimmed = target; }, {});
}

// Gives back what no run needs. The marks that say so were synced before they
// could be seen here.
Status DurableLog::DiscardTrimmed() {
  const std::shared_lock open(store_mutex_);
  if (store_ == nullptr) return Error(ErrorCode::kUnavailable, "the log is being reopened");
  Runs runs;
  PayloadId floor(0);
  {
    const std::lock_guard lock(mutex_);
    if (closed_because_) return Closed(*closed_because_);
    runs = runs_;
    floor = newest_payload_.Next();
  }
  for (const auto& [backend, run] : runs) {
    Result<std::optional<PayloadId>> first = RunReader(*store_, run).FirstPayload();
    if (!first.ok()) return std::move(first).error();
    if (first.value()) floor = std::min(floor, *first.value());
    const std::string end = EntryKey(run.number, run.state.trimmed.sequence.Next());
    const std::string prefix = end.substr(0, sizeof(std::uint32_t));
    if (Status gone = store_->Discard(Family::kEntries, prefix, end); !gone.ok()) return gone;
  }
  return store_->Discard(Family::kPayloads, "", PayloadKey(floor));
}

Marks DurableLog::MarksOf(const BackendId& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(backend);
  INVARIANT(found != runs_.end());
  return found->second.marks();
}

void DurableLog::OnReadable(std::function<void()> listener) {
  on_readable_ = std::move(listener);
}

Status DurableLog::Health() const {
  const std::lock_guard lock(mutex_);
  if (closed_because_) return Closed(*closed_because_);
  return CheckRoom();
}

void DurableLog::CommitLoop() {
  pthread_setname_np(pthread_self(), "committer");
  while (true) {
    Group group = NextGroup();
    const bool last = group.last;
    if (!group.empty()) Commit(std::move(group));
    if (last) return;
    ReopenWhenDue();
  }
}

// Waits for work, at most as long as a cursor may stay unwritten.
DurableLog::Group DurableLog::NextGroup() {
  std::unique_lock lock(mutex_);
  const auto wait = closed_because_ ? reopen_after_ : options_.cursor_interval;
  work_.wait_for(lock, wait,
                 [this] { return stopping_ || !appends_.empty() || !changes_.empty(); });
  Group group;
  if (!closed_because_) {
    TakeAppends(group);
    group.changes.swap(changes_);
    TakeDirtyCursors(group);
  }
  group.last = stopping_ && appends_.empty() && changes_.empty();
  return group;
}

// REQUIRES: mutex_ is held. The same below.
void DurableLog::TakeAppends(Group& group) {
  Bytes size(0);
  while (!appends_.empty() && size < options_.group_max) {
    size += appends_.front().request.record.size().stored;
    waiting_ = waiting_ - MemoryOf(appends_.front().request);
    group.appends.push_back(std::move(appends_.front()));
    appends_.pop_front();
  }
}

void DurableLog::TakeDirtyCursors(Group& group) {
  for (const BackendId& backend : dirty_) group.cursors.emplace(backend, runs_.at(backend).state);
  dirty_.clear();
  for (const WaitingChange* change : group.changes) {
    group.cursors.emplace(change->backend, runs_.at(change->backend).state);
  }
}

void DurableLog::Commit(Group group) {
  if (Status written = WriteGroup(group); !written.ok()) {
    CloseAfter(group, written.error());
    return;
  }
  Publish(group);
  for (WaitingAppend& append : group.appends) append.done(SyncGate::Passed(append.payload));
  for (WaitingChange* change : group.changes) change->done.set_value(Ok());
  if (!group.appends.empty() && on_readable_) on_readable_();
}

Status DurableLog::WriteGroup(Group& group) {
  batch_->Clear();
  for (WaitingAppend& append : group.appends) StageAppend(append);
  for (const WaitingChange* change : group.changes) {
    StageChange(*change, group.cursors.at(change->backend));
  }
  if (!group.changes.empty()) {
    // With the marks that let the newest payload go: its number is not given again.
    batch_->Put(Family::kState, kLastPayloadKey,
                EncodeNumber(kLastPayloadKey, last_payload_.value()));
  }
  for (const auto& [backend, state] : group.cursors) {
    PutRunState(*batch_, tails_.at(backend).number, state);
  }
  return store_->Write(*batch_, Durability::kSynced);
}

void DurableLog::StageAppend(WaitingAppend& append) {
  AppendRequest& request = append.request;
  last_payload_ = last_payload_.Next();
  append.payload = last_payload_;
  batch_->Put(Family::kPayloads, PayloadKey(last_payload_), request.record.Seal(last_payload_));
  for (const BackendId& backend : *request.backends) {
    Tail& tail = tails_.at(backend);
    Entry entry;
    entry.payload = last_payload_;
    entry.size = request.record.size();
    // The clock may step back; order in the log is by sequence alone, and a
    // search by time needs times that never fall.
    entry.accepted_at = std::max(tail.last_accepted, request.accepted_at);
    entry.position.sequence = tail.head.sequence.Next();
    entry.position.totals = tail.head.totals + entry.size;
    const std::string key = EntryKey(tail.number, entry.position.sequence);
    batch_->Put(Family::kEntries, key, EncodeEntry(key, entry));
    tail.head = entry.position;
    tail.last_accepted = entry.accepted_at;
  }
}

void DurableLog::StageChange(const WaitingChange& change, RunState& state) {
  std::uint64_t number = state.last_dead_number;
  for (const DeadLetter& letter : change.letters) {
    const std::string key = DeadKey(tails_.at(change.backend).number, ++number);
    batch_->Put(Family::kDead, key, EncodeDead(key, letter));
  }
  change.apply(state);
}

// Makes what was synced visible.
void DurableLog::Publish(Group& group) {
  for (const WaitingAppend& append : group.appends) {
    recent_.Add(append.payload, append.request.record.record());
  }
  const std::lock_guard lock(mutex_);
  for (auto& [backend, run] : runs_) {
    const Tail& tail = tails_.at(backend);
    run.head = tail.head;
    run.last_accepted = tail.last_accepted;
  }
  if (!group.appends.empty()) newest_payload_ = group.appends.back().payload;
  // Applied anew: a cursor may have moved since the state was copied.
  for (const WaitingChange* change : group.changes) change->apply(runs_.at(change->backend).state);
}

// Refuses everything that waits: what of the failed batch is on disk is unknown
// until the store has been opened anew. Until then it serves readers.
void DurableLog::CloseAfter(Group& group, const Error& failure) {
  {
    const std::lock_guard lock(mutex_);
    closed_because_ = failure;
    for (const auto& [backend, state] : group.cursors) dirty_.insert(backend);
    std::move(appends_.begin(), appends_.end(), std::back_inserter(group.appends));
    appends_.clear();
    waiting_ = Bytes(0);
    group.changes.insert(group.changes.end(), changes_.begin(), changes_.end());
    changes_.clear();
  }
  const Error refusal = Closed(failure);
  for (WaitingAppend& append : group.appends) append.done(refusal);
  for (WaitingChange* change : group.changes) change->done.set_value(refusal);
  reopen_after_ = std::chrono::milliseconds(0);
}

void DurableLog::ReopenWhenDue() {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_because_ || stopping_) return;
  }
  const std::unique_lock alone(store_mutex_);
  batch_.reset();
  store_.reset();
  Status reopened = OpenAndLoad();
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
