#include "wal/log/durable_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "wal/base/clock.h"
#include "wal/base/crash_point.h"
#include "wal/record/identity.h"
#include "wal/recovery/open_log.h"

namespace relay {
namespace {

// Writes the identity file, once there is a database: the file records that there was one.
Status NameLog(const std::string& directory, const FoundIdentity& found) {
  if (found.state == IdentityState::kKnown && found.identity.format == kFormatVersion) return Ok();
  Identity identity = found.identity;
  identity.format = kFormatVersion;
  Status named = WriteIdentity(directory, std::move(identity));
  if (found.state == IdentityState::kKnown) PassCrashPoint(CrashPoint::kUpgradeNamed);
  return named;
}

}  // namespace

Result<std::unique_ptr<DurableLog>> DurableLog::Open(const LogOptions& options,
                                                     const std::vector<BackendId>& backends) {
  // The identity is read before anything else: a log of a newer format stays untouched.
  Result<FoundIdentity> identity = ReadIdentity(options.directory, kFormatVersion);
  if (!identity.ok()) return std::move(identity).error().Within(options.directory);
  std::unique_ptr<DurableLog> log(new DurableLog(options, backends));
  ASSIGN_OR_RETURN(log->lock_, DirectoryLock::Take(options.directory));
  PassCrashPoint(CrashPoint::kOpenLocked);
  log->opener_.ReadMark(identity.value());
  PassCrashPoint(CrashPoint::kOpenMarkRead);
  RETURN_IF_ERROR(log->committer_.Open());
  // A log that can only be read is not named: its database may be of an older format.
  if (!log->committer_.closed_because()) {
    RETURN_IF_ERROR(NameLog(options.directory, identity.value()));
  }
  PassCrashPoint(CrashPoint::kOpenNamed);
  RETURN_IF_ERROR(log->budget_.Measure());
  RETURN_IF_ERROR(log->committer_.Start());
  if (options.shared) RETURN_IF_ERROR(log->JoinOrder(backends));
  // A log that can only be read has not been started yet.
  const bool is_own = !options.shared && !log->committer_.closed_because();
  Identity named = identity.value().identity;
  named.format = kFormatVersion;
  if (is_own && log->copy_start_.Begin(named)) {
    RETURN_IF_ERROR(log->NoteCopy(SystemClock().WallNow()));
  }
  return log;
}

// Writes in each backend's gap ledger, then in the identity, that points may be missing.
Status DurableLog::NoteCopy(WallTime now) {
  std::optional<WallTime> newest;
  const Queues queues = queues_.All().queues;
  for (const auto& [backend, queue] : queues) {
    if (queue.head.sequence == Sequence::BeforeFirst()) continue;
    newest = std::max(newest.value_or(queue.last_accepted), queue.last_accepted);
  }
  for (const auto& [backend, queue] : queues) {
    const auto plan = [&](ChangePlan change) {
      return std::move(change).NoteCopy(newest.value_or(now), now);
    };
    RETURN_IF_ERROR(live_.Apply(backend, plan, Wakes::kNobody));
  }
  return copy_start_.Note(newest, now);
}

// The order gives backends their numbers: a relay that has never seen one must wait for it.
Status DurableLog::JoinOrder(const std::vector<BackendId>& backends) {
  if (queues_.UnknownOf(backends).empty()) return Ok();
  RETURN_IF_ERROR(committer_.WaitUntilOpen(options_.stalled_after));
  return SetBackends(backends);
}

DurableLog::DurableLog(const LogOptions& options, const std::vector<BackendId>& backends)
    : options_(options),
      copy_start_(options.directory),
      queues_(backends),
      budget_(options_.directory, options_.limits),
      reserve_(options_.directory, options_.reserve),
      recent_(options_.recent_max),
      opener_(options_, store_, queues_),
      committer_(options_, {{store_, queues_, recent_, opener_, reserve_}, budget_}),
      live_(store_, queues_, recent_, committer_),
      ages_(options_.directory),
      retention_(options_.file_size, {store_, queues_, budget_, committer_, live_, ages_}),
      checkpointer_(options_, store_, budget_, committer_) {}

DurableLog::~DurableLog() {
  committer_.Stop();
  PassCrashPoint(CrashPoint::kCloseDrained);
  store_.Close();
  PassCrashPoint(CrashPoint::kCloseDatabaseGone);
  opener_.Close(!committer_.closed_because());
}

Status DurableLog::EnforceRetention(const Moment& now) {
  committer_.KeepOrderShort();
  RETURN_IF_ERROR(retention_.Enforce(now));
  reserve_.Keep(budget_.use().min_free);
  return Ok();
}

Result<Sequence> DurableLog::LastOlderThan(const BackendId& backend, std::chrono::nanoseconds age,
                                           Clock::TimePoint now) const {
  ASSIGN_OR_RETURN(const OpenQueue queue, OpenQueueOf(backend));
  return queue.reader.LastOlder(ages_.RecordsOlderThan(queue.reader.queue().number, age, now));
}

DiskUse DurableLog::disk_use() const {
  return budget_.use();
}

std::chrono::nanoseconds DurableLog::DiskWait() const {
  return committer_.DiskWait();
}

std::vector<std::string> DurableLog::Alarms() const {
  return opener_.Alarms();
}

void DurableLog::SetLimits(const LogLimits& limits) {
  budget_.SetLimits(limits);
}

// A failed call may have written the new queues all the same; they stay empty until the
// backend is configured again.
Status DurableLog::SetBackends(const std::vector<BackendId>& backends) {
  std::vector<BackendId> unknown = queues_.UnknownOf(backends);
  if (!unknown.empty()) {
    RETURN_IF_ERROR(committer_.AddBackends(std::move(unknown)));
  }
  queues_.SetConfigured(backends);
  return Ok();
}

Status DurableLog::Checkpoint(const CheckpointRequest& request) {
  return checkpointer_.Make(request);
}

std::vector<BackendId> DurableLog::Backends() const {
  return queues_.Names();
}

Result<OpenQueue> DurableLog::OpenQueueOf(const BackendId& backend) const {
  return live_.Open(backend);
}

Marks DurableLog::MarksOf(const BackendId& backend) const {
  return queues_.MarksOf(backend);
}

bool DurableLog::PausedOf(const BackendId& backend) const {
  return queues_.PausedOf(backend);
}

Result<std::uint64_t> DurableLog::LeaseOf(const BackendId& backend) const {
  Result<std::uint64_t> lease = queues_.LeaseOf(backend);
  if (!options_.shared) return lease;
  if (!lease.ok()) {
    const SharedLogStatus::Deliverer deliverer = DelivererOf(backend);
    if (deliverer.relay.empty() || deliverer.is_this) return lease;
    return Error(ErrorCode::kElsewhere,
                 fmt::format("{} delivers to {}", deliverer.relay, backend.text()));
  }
  if (options_.shared->clock->Now() < *committer_.MayDeliverUntil()) return lease;
  return Error(
      ErrorCode::kElsewhere,
      fmt::format("this relay has lost touch with the others: another one may deliver to {}",
                  backend.text()));
}

bool DurableLog::Gave(const WritePosition& position) const {
  return queues_.Gave(position);
}

void DurableLog::OnReadable(std::function<void()> listener) {
  committer_.OnReadable(std::move(listener));
}

Status DurableLog::Health() const {
  return committer_.Health();
}

void DurableLog::Append(AppendRequest request, AppendDone done) {
  std::vector<AppendRequest> parts;
  parts.push_back(std::move(request));
  AppendParts(std::move(parts), std::move(done));
}

void DurableLog::AppendParts(std::vector<AppendRequest> parts, AppendDone done) {
  committer_.Append(std::move(parts), std::move(done));
}

void DurableLog::AppendSmall(SmallWrite write, AppendDone done) {
  committer_.AppendSmall(std::move(write), std::move(done));
}

Status DurableLog::Resolve(const BackendId& backend, Resolution resolution) {
  if (resolution.letters.empty() && resolution.gaps.empty() && resolution.held.empty()) {
    return queues_.MoveCursor(backend, resolution);
  }
  return live_.Apply(
      backend, [&](ChangePlan queue) { return std::move(queue).Resolve(resolution); },
      Wakes::kNobody);
}

Status DurableLog::ResolveHeld(const BackendId& backend, const Lane& lane,
                               HeldResolution resolution) {
  return live_.Apply(
      backend, [&](ChangePlan queue) { return std::move(queue).ResolveHeld(lane, resolution); },
      Wakes::kNobody);
}

Result<CommandResult> DurableLog::Execute(const BackendId& backend, const LogCommand& command) {
  if (std::holds_alternative<Forget>(command)) return ForgetBackend(backend);
  CommandResult result;
  const auto plan = [&](ChangePlan queue) -> Result<Change> {
    ASSIGN_OR_RETURN(Change change, std::move(queue).Plan(command));
    result.gap = change.gap;
    return change;
  };
  // Deliveries do not depend on which dead letters there are.
  const Wakes wakes = std::holds_alternative<DropDead>(command) ? Wakes::kNobody : Wakes::kListener;
  RETURN_IF_ERROR(live_.Apply(backend, plan, wakes));
  if (std::holds_alternative<Rewind>(command)) {
    ASSIGN_OR_RETURN(const Queue queue, queues_.SnapshotOf(backend));
    result.marks = queue.marks();
  }
  return result;
}

Result<CommandResult> DurableLog::ForgetBackend(const BackendId& backend) {
  const std::vector<BackendId> configured = queues_.Configured();
  if (std::find(configured.begin(), configured.end(), backend) != configured.end()) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("backend '{}' is configured: it cannot be forgotten", backend.text()));
  }
  ASSIGN_OR_RETURN(const Queue queue, queues_.SnapshotOf(backend));
  const auto plan = [](ChangePlan forget) { return std::move(forget).Plan(Forget{}); };
  RETURN_IF_ERROR(live_.ApplyToAny(backend, plan, Wakes::kNobody));
  PassCrashPoint(CrashPoint::kForgetMarked);
  const Result<SharedStore::Lease> lease = store_.Use();
  // The rows of a closed log are given back when it is open again.
  if (!lease.ok()) return CommandResult();
  Status discarded = DiscardAllOf(*lease.value().store, queue.number);
  PassCrashPoint(CrashPoint::kForgetGone);
  if (!discarded.ok()) return std::move(discarded).error();
  return CommandResult();
}

}  // namespace relay
