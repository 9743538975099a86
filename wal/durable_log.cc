#include "wal/durable_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace relay {
namespace {

Error Closed(const Error& because) {
  return {ErrorCode::kUnavailable,
          fmt::format("the log is closed after a failure: {}", because.message())};
}

Error NoSuchBackend(const BackendId& backend) {
  return {ErrorCode::kNotFound, fmt::format("the log knows no backend '{}'", backend.text())};
}

void PutRunState(StoreBatch& batch, BackendNumber number, const RunState& state) {
  const std::string key = RunKey(number);
  batch.Put(Family::kState, key, EncodeRunState(key, state));
}

}  // namespace

Result<std::unique_ptr<DurableLog>> DurableLog::Open(const LogOptions& options,
                                                     const std::vector<BackendId>& backends) {
  std::unique_ptr<DurableLog> log(new DurableLog(options, backends));
  if (Status opened = log->OpenAndLoad(); !opened.ok()) return std::move(opened).error();
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
  Result<std::unique_ptr<Store>> store =
      OpenStore({.directory = StoreDirectory(options_.directory), .env = options_.env});
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
  if (Status admitted = Admit(request.record.size().stored); !admitted.ok()) {
    lock.unlock();
    return done(std::move(admitted).error());
  }
  const bool first = appends_.empty();
  waiting_ += request.record.size().stored;
  appends_.push_back({std::move(request), std::move(done), PayloadId(0)});
  lock.unlock();
  if (first) work_.notify_one();
}

// REQUIRES: mutex_ is held.
Status DurableLog::Admit(Bytes size) const {
  if (closed_because_) return Closed(*closed_because_);
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
  WaitingSetAside op{backend, through, delivered, std::move(letters), {}, {}};
  std::future<Status> done = op.done.get_future();
  {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(backend);
    if (found == runs_.end()) return NoSuchBackend(backend);
    if (closed_because_ || stopping_) {
      return Error(ErrorCode::kUnavailable, "the log takes no writes now");
    }
    INVARIANT(found->second.state.cursor.sequence <= through.sequence);
    INVARIANT(through.sequence <= found->second.head.sequence);
    set_asides_.push_back(&op);
  }
  work_.notify_one();
  return done.get();
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
  return Ok();
}

void DurableLog::CommitLoop() {
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
                 [this] { return stopping_ || !appends_.empty() || !set_asides_.empty(); });
  Group group;
  if (!closed_because_) {
    TakeAppends(group);
    group.set_asides.swap(set_asides_);
    TakeDirtyCursors(group);
  }
  group.last = stopping_ && appends_.empty() && set_asides_.empty();
  return group;
}

// REQUIRES: mutex_ is held. The same below.
void DurableLog::TakeAppends(Group& group) {
  Bytes size(0);
  while (!appends_.empty() && size < options_.group_max) {
    size += appends_.front().request.record.size().stored;
    group.appends.push_back(std::move(appends_.front()));
    appends_.pop_front();
  }
  waiting_ = waiting_ - size;
}

void DurableLog::TakeDirtyCursors(Group& group) {
  for (const BackendId& backend : dirty_) group.cursors.emplace(backend, runs_.at(backend).state);
  dirty_.clear();
  // A backend that sets letters aside waits for them: its cursor stands still,
  // and its state after them replaces the one before.
  for (const WaitingSetAside* op : group.set_asides) {
    group.cursors.insert_or_assign(op->backend, runs_.at(op->backend).state);
  }
}

void DurableLog::Commit(Group group) {
  if (Status written = WriteGroup(group); !written.ok()) {
    CloseAfter(group, written.error());
    return;
  }
  Publish(group);
  for (WaitingAppend& append : group.appends) append.done(SyncGate::Passed(append.payload));
  for (WaitingSetAside* op : group.set_asides) op->done.set_value(Ok());
  if (!group.appends.empty() && on_readable_) on_readable_();
}

Status DurableLog::WriteGroup(Group& group) {
  batch_->Clear();
  for (WaitingAppend& append : group.appends) StageAppend(append);
  for (WaitingSetAside* op : group.set_asides) {
    RunState& state = group.cursors.at(op->backend);
    StageSetAside(*op, state);
    state = op->after;
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

void DurableLog::StageSetAside(WaitingSetAside& op, const RunState& before) {
  op.after = before;
  op.after.cursor = op.through;
  op.after.delivered += op.delivered;
  for (const DeadLetter& letter : op.letters) {
    op.after.dead += letter.points;
    const std::string key = DeadKey(tails_.at(op.backend).number, ++op.after.last_dead_number);
    batch_->Put(Family::kDead, key, EncodeDead(key, letter));
  }
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
  for (const WaitingSetAside* op : group.set_asides) runs_.at(op->backend).state = op->after;
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
    group.set_asides.insert(group.set_asides.end(), set_asides_.begin(), set_asides_.end());
    set_asides_.clear();
  }
  const Error refusal = Closed(failure);
  for (WaitingAppend& append : group.appends) append.done(refusal);
  for (WaitingSetAside* op : group.set_asides) op->done.set_value(refusal);
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
