#include "wal/commit/follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/base/crash_point.h"
#include "wal/commit/commit_queue.h"

namespace relay {
namespace {

Error Refused(const BackendId& backend) {
  return {ErrorCode::kConflict,
          fmt::format("the queue of {} was changed by another relay meanwhile", backend.text())};
}

}  // namespace

// One message: what is staged of it, and those of this relay who wait for it.
struct Follower::Applied {
  Place place = Place::BeforeFirst();
  Chain chain;
  OrderState::Taken message;
  Group staged;
  // The objects to which `staged` points.
  std::deque<BackendId> names;
  std::deque<WaitingChange> changes;
  std::deque<WaitingBackends> backends;
  // Those who wait.
  std::vector<WaitingChange*> accepted;
  std::vector<WaitingChange*> refused;
  std::vector<WaitingBackends*> asked_for;

  void Refuse(const Error& refusal) {
    GroupWriter::Refuse(staged, refusal);
    for (WaitingChange* waiting : accepted) waiting->done.set_value(refusal);
    for (WaitingChange* waiting : refused) waiting->done.set_value(refusal);
    for (WaitingBackends* waiting : asked_for) waiting->done.set_value(refusal);
  }
};

Follower::Follower(const SharedLogOptions& options, GroupWriter& writer, Proposer& proposer,
                   OnMessage on_message)
    : options_(options), writer_(writer), proposer_(proposer), on_message_(std::move(on_message)) {}

Follower::~Follower() = default;

Status Follower::Begin() {
  batch_.clear();
  known_.clear();
  ASSIGN_OR_RETURN(state_, OrderState::Load(*writer_.parts().store.ForWriter()));
  const Queues queues = writer_.parts().queues.All().queues;
  if (state_.place() == Place::BeforeFirst() && !queues.empty()) {
    return Error(ErrorCode::kInvalidInput,
                 "the log was written with log.engine: local, and what is in it is unknown to the "
                 "other relays: deliver what it owes with that setting, then begin with an empty "
                 "log.path");
  }
  for (const auto& [name, queue] : queues) {
    known_.emplace(queue.number, Known{name, queue.state.edition});
  }
  return Ok();
}

std::map<BackendId, BackendNumber> Follower::Backends() const {
  std::map<BackendId, BackendNumber> backends;
  for (const auto& [number, known] : known_) backends.emplace(known.name, number);
  return backends;
}

Follower::Known* Follower::Find(BackendNumber backend) {
  const auto found = known_.find(backend);
  return found == known_.end() ? nullptr : &found->second;
}

Follower::Turn Follower::Step(std::chrono::milliseconds wait) {
  Result<std::vector<OrderedMessage>> next = options_.order->Next(state_.reached(), wait);
  if (!next.ok()) return {.order = std::move(next).error()};
  const std::vector<OrderedMessage> messages = std::move(next).value();
  Turn turn;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (batch_.empty()) writer_.Clear();
    turn.order = state_.CheckFollows(messages[i]);
    if (!turn.order.ok()) break;
    // A founding is alone in its batch: what comes behind it is of another generation.
    ends_batch_ = i + 1 == messages.size() || messages[i + 1].place != messages[i].place.Next();
    Apply(messages[i]);
    if (!ends_batch_) continue;
    turn.written = Write(turn.synced);
    if (!turn.written.ok()) break;
  }
  return turn;
}

void Follower::Apply(const OrderedMessage& message) {
  auto applied = std::make_unique<Applied>();
  if (std::optional<OrderState::Taken> taken = state_.Take(message)) {
    applied->message = *std::move(taken);
    if (applied->message.kind == FrameKind::kGroup) StageGroup(*applied, state_.at());
  }
  applied->place = state_.place();
  applied->chain = state_.chain();
  batch_.push_back(std::move(applied));
}

void Follower::StageGroup(Applied& applied, WallTime at) {
  const OrderState::Taken& message = applied.message;
  std::optional<Group> asking = proposer_.Came(message.session, message.counter);
  Result<RemoteGroup> decoded = DecodeGroup(message.body);
  // A relay that sends a group nobody can read has a bug; its callers get to know.
  if (!decoded.ok()) {
    if (asking) GroupWriter::Refuse(*asking, decoded.error());
    return;
  }
  RemoteGroup& remote = decoded.value();
  if (!remote.names.empty()) {
    applied.backends.push_back({.names = std::move(remote.names), .done = {}});
    applied.staged.backends.push_back(&applied.backends.back());
  }
  for (RemoteAppend& append : remote.appends) {
    applied.staged.appends.push_back(StagedAppend(std::move(append), at));
  }
  if (asking) {
    for (std::size_t i = 0; i < asking->appends.size(); ++i) {
      WaitingAppend& staged = applied.staged.appends.at(i);
      WaitingAppend& waits = asking->appends[i];
      staged.completions = std::move(waits.completions);
      staged.parts_before = waits.parts_before;
      std::get<AppendRequest>(staged.write).record = std::move(waits.Encoded().record);
    }
    applied.asked_for = std::move(asking->backends);
    applied.staged.marks = std::move(asking->marks);
  }
  for (std::size_t i = 0; i < remote.changes.size(); ++i) {
    StageChange(applied, std::move(remote.changes[i]), asking ? asking->changes.at(i) : nullptr,
                at);
  }
  for (const RemoteCursor& cursor : remote.cursors) StageCursor(applied, cursor);
  writer_.Stage(applied.staged);
  for (const WaitingBackends* waiting : applied.staged.backends) {
    for (const BackendId& name : waiting->names) {
      known_.try_emplace(writer_.numbers().tails.at(name).number, Known{name, 0});
    }
  }
}

WaitingAppend Follower::StagedAppend(RemoteAppend append, WallTime at) const {
  auto backends = std::make_shared<std::vector<BackendId>>();
  for (const BackendNumber number : append.backends) {
    const auto found = known_.find(number);
    if (found != known_.end()) backends->push_back(found->second.name);
  }
  // A relay's clock that is ahead must not make the queues' times run ahead.
  const WallTime accepted_at = std::min(append.accepted_at, at);
  return {.write = AppendRequest{std::move(append.record), std::move(backends), accepted_at},
          .completions = {}};
}

bool Follower::Counts(const OrderState::Taken& message, const RemoteChange& remote) const {
  const auto known = known_.find(remote.claim.backend);
  if (known == known_.end() || known->second.edition != remote.change.follows) return false;
  const Owner owner = state_.OwnerOf(remote.claim.backend);
  if (owner.epoch != remote.claim.epoch) return false;
  // A backend is forgotten only while no relay delivers to it.
  return remote.change.state ? owner.session == message.session : owner.session.is_none();
}

void Follower::StageChange(Applied& applied, RemoteChange remote, WaitingChange* asking,
                           WallTime at) {
  if (!Counts(applied.message, remote)) {
    if (asking != nullptr) applied.refused.push_back(asking);
    return;
  }
  if (asking != nullptr) applied.accepted.push_back(asking);
  Known& known = *Find(remote.claim.backend);
  const BackendId& name = applied.names.emplace_back(known.name);
  WaitingChange& staged = applied.changes.emplace_back(
      WaitingChange{name, std::move(remote.change), {}, Wakes::kListener, {}});
  const auto alone = std::make_shared<const std::vector<BackendId>>(1, name);
  for (EncodedRecord& record : staged.change.records) {
    const WallTime accepted_at = std::min(staged.change.accepted_at, at);
    staged.appends.push_back(
        {.write = AppendRequest{std::move(record), alone, accepted_at}, .completions = {}});
  }
  applied.staged.changes.push_back(&staged);
  if (staged.change.state) {
    known.edition = staged.change.state->edition;
    return;
  }
  state_.Forget(remote.claim.backend);
  known_.erase(remote.claim.backend);
  ends_batch_ = true;  // The numbers of a forgotten backend are released once it is written.
}

void Follower::StageCursor(Applied& applied, const RemoteCursor& remote) {
  const Known* known = Find(remote.claim.backend);
  const Owner owner = state_.OwnerOf(remote.claim.backend);
  const bool counts = known != nullptr && known->edition == remote.state.edition &&
                      owner == Owner{remote.claim.epoch, applied.message.session};
  if (counts) applied.staged.cursors.insert_or_assign(known->name, remote.state);
}

Status Follower::Write(std::vector<SyncedMessage>& synced) {
  for (const OrderState::Row& row : state_.TakeRows()) writer_.StageRow(row.key, row.value);
  std::vector<std::unique_ptr<Applied>> batch = std::exchange(batch_, {});
  if (Status written = writer_.Write(); !written.ok()) {
    const Error refusal = ClosedBecause(written.error());
    for (const auto& applied : batch) applied->Refuse(refusal);
    return written;
  }
  PassCrashPoint(CrashPoint::kCommitSynced);
  for (const auto& applied : batch) synced.push_back(Publish(*applied));
  return Ok();
}

SyncedMessage Follower::Publish(Applied& applied) {
  if (applied.staged.has_rows()) writer_.Publish(applied.staged);
  PassCrashPoint(CrashPoint::kCommitPublished);
  if (!applied.message.session.is_none()) {
    if (applied.message.kind != FrameKind::kGroup) {
      static_cast<void>(proposer_.Came(applied.message.session, applied.message.counter));
    }
    PublishOwners(applied);
    on_message_(applied.message);
  }
  SyncedMessage synced{applied.place, applied.chain, GroupWriter::TakeAppends(applied.staged)};
  writer_.Answer(applied.staged);
  for (WaitingChange* waiting : applied.accepted) waiting->done.set_value(Ok());
  for (WaitingChange* waiting : applied.refused) {
    waiting->done.set_value(Refused(waiting->backend));
  }
  for (WaitingBackends* waiting : applied.asked_for) waiting->done.set_value(Ok());
  return synced;
}

// The owner of a backend is known to the queues only once everything before its claim is published.
void Follower::PublishOwners(const Applied& applied) {
  if (applied.message.kind != FrameKind::kClaim) return;
  const Result<Claim> claim = DecodeClaim(applied.message.body);
  const Known* known = claim.ok() ? Find(claim.value().backend) : nullptr;
  if (known == nullptr) return;
  const Owner owner = state_.OwnerOf(claim.value().backend);
  writer_.parts().queues.SetDelivered(known->name,
                                      !session_.is_none() && owner.session == session_);
}

}  // namespace relay
