#include "wal/commit/shared_commit.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <set>
#include <utility>

#include "wal/group/group_codec.h"

namespace relay {
namespace {

// The proposer's thread looks this often for what is due.
constexpr std::chrono::milliseconds kTurn{50};
constexpr std::chrono::milliseconds kFollowWait{100};
constexpr std::chrono::milliseconds kLookAtRange{5'000};
// The order is nearly full at four fifths.
constexpr std::uint64_t kFullParts = 4;
constexpr std::uint64_t kFull = 5;

Error NotOpen() {
  return {ErrorCode::kUnavailable, "this relay has not caught up with the other relays yet"};
}

}  // namespace

SharedCommit::SharedCommit(const LogOptions& options, CommitQueue& waiting, GroupWriter& writer)
    : options_(options),
      shared_(*options.shared),
      waiting_(waiting),
      writer_(writer),
      proposer_(shared_),
      gate_(shared_, writer),
      ownership_(shared_.takeover),
      follower_(shared_, writer, proposer_,
                [this](const OrderState::Taken& message) { OnMessage(message); }) {}

Status SharedCommit::Start() {
  writer_.parts().queues.DeliverToNone();
  waiting_.Close(NotOpen());
  RETURN_IF_ERROR(follower_.Begin());
  gate_.Begin(follower_.state().place());
  gate_.Listen();
  ShowProgress();
  propose_thread_ = std::thread([this] { ProposeLoop(); });
  follow_thread_ = std::thread([this] { FollowLoop(); });
  return Ok();
}

void SharedCommit::Stop() {
  if (propose_thread_.joinable()) propose_thread_.join();
  ending_ = true;
  shared_.order->Wake();
  if (follow_thread_.joinable()) follow_thread_.join();
  gate_.Leave();
  gate_.Refuse(Error(ErrorCode::kUnavailable, "the relay is being stopped"));
  Refuse(proposer_.Abandon(), Error(ErrorCode::kUnavailable, "the relay is being stopped"));
}

Status SharedCommit::WaitUntilOpen(std::chrono::milliseconds wait) {
  const auto is_decided = [this] { return is_open_ || left_because_; };
  // nullopt: it is not open, and may come to be.
  const auto wait_once = [&]() -> std::optional<Status> {
    std::unique_lock lock(mutex_);
    opened_.wait_for(lock, wait, is_decided);
    if (left_because_) return Status(*left_because_);
    if (is_open_) return Ok();
    if (unreachable_) return Status(*unreachable_);
    return std::nullopt;
  };
  while (true) {
    const Place before = progress()->synced;
    if (const std::optional<Status> outcome = wait_once()) return *outcome;
    RETURN_IF_ERROR(proposer_.Health());
    // A log that begins empty may have much to read.
    if (progress()->synced == before) return NotOpen();
  }
}

Clock::TimePoint SharedCommit::MayDeliverUntil() const {
  const std::lock_guard lock(mutex_);
  return ownership_.FencedFrom();
}

void SharedCommit::KeepOrderShort() {
  const Clock::TimePoint now = shared_.clock->Now();
  if (now - looked_at_range_ < kLookAtRange) return;
  looked_at_range_ = now;
  const Result<OrderRange> read = shared_.order->Range();
  {
    const std::lock_guard lock(mutex_);
    range_.reset();
    if (read.ok()) range_ = read.value();
    if (!is_open_) return;
  }
  if (!read.ok() || read.value().last < read.value().first) return;
  const OrderRange& range = read.value();
  const std::uint64_t count = range.last.value() - range.first.value() + 1;
  const std::uint64_t each = std::max<std::uint64_t>(1, range.bytes.count() / count);
  const std::uint64_t kept = kOrderKept.count() / each;
  if (count <= kept) return;
  const bool is_nearly_full =
      range.bytes_max > 0_B && range.bytes.count() / kFullParts >= range.bytes_max.count() / kFull;
  const Place old_enough(range.last.value() - kept);
  const Place through = std::min(old_enough, OnEveryDisk(is_nearly_full));
  if (through >= range.first) static_cast<void>(shared_.order->Forget(through));
}

// Returns the last place that all relays have; `is_nearly_full`: all that are in sync.
Place SharedCommit::OnEveryDisk(bool is_nearly_full) const {
  const std::shared_ptr<const Progress> progress = this->progress();
  const std::map<std::string, Copies::Peer> heard = gate_.peers();
  Place least = progress->synced;
  for (const auto& [relay, address] : progress->addresses) {
    if (relay == shared_.relay) continue;
    const auto peer = heard.find(relay);
    const bool counts = !is_nearly_full || (peer != heard.end() && peer->second.in_sync);
    if (!counts) continue;
    least = std::min(least, peer == heard.end() ? Place::BeforeFirst() : peer->second.place);
  }
  return least;
}

std::shared_ptr<const SharedCommit::Progress> SharedCommit::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

SharedLogStatus::Deliverer SharedCommit::DelivererOf(const BackendId& backend) const {
  const std::shared_ptr<const Progress> progress = this->progress();
  const auto found = progress->deliverers.find(backend);
  return found == progress->deliverers.end() ? SharedLogStatus::Deliverer() : found->second;
}

SharedLogStatus SharedCommit::ReadStatus() const {
  const std::shared_ptr<const Progress> progress = this->progress();
  SharedLogStatus status{.relay = shared_.relay,
                         .place = progress->synced,
                         .copies = gate_.copies(),
                         .copies_wanted = shared_.copies,
                         .left_because = {},
                         .peers = {},
                         .deliverers = progress->deliverers,
                         .repeated = proposer_.repeated(),
                         .strange = progress->strange};
  const std::map<std::string, Copies::Peer> heard = gate_.peers();
  const Clock::TimePoint now = shared_.clock->Now();
  for (const auto& [relay, address] : progress->addresses) {
    if (relay == shared_.relay) continue;
    SharedLogStatus::Peer peer{.relay = relay, .address = address, .place = {}, .silence = {}};
    if (const auto found = heard.find(relay); found != heard.end()) {
      peer.place = found->second.place;
      peer.silence = std::chrono::floor<std::chrono::milliseconds>(now - found->second.heard);
      peer.in_sync = found->second.in_sync;
    }
    status.peers.push_back(std::move(peer));
  }
  const std::lock_guard lock(mutex_);
  status.range = range_;
  status.takeovers = takeovers_;
  status.may_deliver = now < ownership_.FencedFrom();
  if (left_because_) status.left_because = left_because_->message();
  return status;
}

void SharedCommit::Refuse(std::vector<Group> groups, const Error& because) const {
  for (Group& group : groups) GroupWriter::Refuse(group, because);
}

// Refuses what waits in the queue, and what comes.
void SharedCommit::Close(const Error& because) {
  Group waiting = waiting_.Close(because);
  GroupWriter::Refuse(waiting, ClosedBecause(because));
}

// ------------------------------------------------------------ the proposer's thread

void SharedCommit::ProposeLoop() {
  pthread_setname_np(pthread_self(), "proposer");
  while (true) {
    BeatIfDue();
    proposer_.RepeatIfDue();
    gate_.Look(options_.stalled_after);
    RefuseIfStalled();
    if (!proposer_.WaitForRoom(kTurn) && !waiting_.stopping()) continue;
    Group group = waiting_.Next(kTurn);
    if (!group.closed) writer_.TakeCursors(group);
    const bool last = group.last;
    if (!group.empty()) Propose(std::move(group));
    if (last) break;
  }
  Drain();
}

void SharedCommit::Propose(Group group) {
  // Everything that has taken effect is on stable storage already.
  if (!group.has_rows()) return writer_.Answer(group);
  const std::shared_ptr<const Progress> progress = this->progress();
  const std::string body = EncodeGroup(group, [&progress](const BackendId& backend) {
    const auto found = progress->claims.find(backend);
    return found == progress->claims.end() ? UnderClaim() : found->second;
  });
  if (!proposer_.Send(FrameKind::kGroup, body, &group)) {
    GroupWriter::Refuse(group, ClosedBecause(NotOpen()));
  }
}

// Waits for what is under way, then gives up the backends, so that others take over at once.
void SharedCommit::Drain() {
  const Clock::TimePoint end = shared_.clock->Now() + options_.stalled_after;
  const auto wait_until_empty = [&] {
    while (!proposer_.is_empty() && shared_.clock->Now() < end) {
      proposer_.RepeatIfDue();
      std::unique_lock lock(mutex_);
      opened_.wait_for(lock, kTurn);
    }
  };
  wait_until_empty();
  const std::shared_ptr<const Progress> progress = this->progress();
  for (const auto& [backend, claim] : progress->claims) {
    if (writer_.parts().queues.LeaseOf(backend).ok()) {
      proposer_.Send(
          FrameKind::kClaim,
          Encode(Claim{.backend = claim.backend, .follows = claim.epoch, .gives_up = true}));
    }
  }
  wait_until_empty();
}

void SharedCommit::BeatIfDue() {
  const Clock::TimePoint now = shared_.clock->Now();
  std::string body;
  {
    const std::lock_guard lock(mutex_);
    if (!is_open_ || !ownership_.BeatIsDue(now)) return;
    body = Encode(Beat{
        .at = shared_.clock->WallNow(), .synced = progress_->synced, .chain = progress_->chain});
  }
  proposer_.Send(FrameKind::kBeat, body, nullptr, [this, now](std::uint64_t counter) {
    const std::lock_guard lock(mutex_);
    ownership_.Sent(counter, now);
  });
}

void SharedCommit::RefuseIfStalled() {
  const std::chrono::nanoseconds waiting = proposer_.Waiting();
  if (waiting < options_.stalled_after) return;
  Status health = proposer_.Health();
  const Error stalled(
      health.ok() ? ErrorCode::kUnavailable : health.error().code(),
      fmt::format("the order has placed no write for {} s{}{}",
                  std::chrono::floor<std::chrono::seconds>(waiting).count(),
                  health.ok() ? "" : ": ", health.ok() ? "" : health.error().message()));
  Close(stalled);
  Refuse(proposer_.TakeGroups(), ClosedBecause(stalled));
}

// ------------------------------------------------------------ the follower's thread

void SharedCommit::FollowLoop() {
  pthread_setname_np(pthread_self(), "follower");
  while (!ending_) {
    if (has_left()) {
      LookForNewGeneration();
      std::unique_lock lock(mutex_);
      opened_.wait_for(lock, kTurn);
    } else if (store_failed_) {
      ReopenStoreWhenDue();
    } else {
      FollowOnce();
    }
  }
}

void SharedCommit::FollowOnce() {
  Follower::Turn turn = follower_.Step(kFollowWait);
  const bool has_come = !turn.synced.empty();
  gate_.Synced(std::move(turn.synced));
  if (!turn.written.ok()) return CloseStore(turn.written.error());
  if (std::string damage = writer_.NewDamage(); !damage.empty()) {
    return CloseStore(Error(ErrorCode::kCorruption, std::move(damage)));
  }
  {
    const std::lock_guard lock(mutex_);
    unreachable_.reset();
    if (!turn.order.ok()) unreachable_ = turn.order.error();
  }
  if (!turn.order.ok()) {
    if (turn.order.error().code() != ErrorCode::kUnavailable) LeaveOrder(turn.order.error());
    return;
  }
  if (has_come) ShowProgress();
  CheckOthers();
  if (has_left()) return;
  if (proposer_.has_session()) {
    ClaimBackends();
  } else {
    OpenSessionWhenCaughtUp();
  }
}

// Two relays that differ cannot both be right, and nobody here can tell which one is.
void SharedCommit::CheckOthers() {
  const Status history = gate_.CheckHistory();
  if (!history.ok()) LeaveOrder(history.error());
}

// A relay that has not read the order to its end would take its own past for the present.
void SharedCommit::OpenSessionWhenCaughtUp() {
  if (!caught_up_at_) {
    const Result<OrderRange> range = shared_.order->Range();
    if (!range.ok()) return;
    caught_up_at_ = range.value().last;
  }
  if (follower_.state().place() < *caught_up_at_) return;
  caught_up_at_.reset();
  const auto& relays = follower_.state().relays();
  const auto known = relays.find(shared_.relay);
  Refuse(proposer_.Begin(known == relays.end() ? SessionId() : known->second.id), NotOpen());
  const SessionId session = proposer_.session();
  follower_.SetSession(session);
  gate_.SetSession(session);
  const std::lock_guard lock(mutex_);
  ownership_.Begin(session);
}

// Takes note of a message that is on stable storage.
void SharedCommit::OnMessage(const OrderState::Taken& message) {
  const SessionId session = proposer_.session();
  bool opens = false;
  bool is_open = false;
  {
    const std::lock_guard lock(mutex_);
    ownership_.Came(message);
    const bool is_own_hello = message.kind == FrameKind::kHello && message.session == session;
    opens = is_own_hello && !is_open_;
    if (opens) is_open_ = true;
    is_open = is_open_;
    if (message.kind == FrameKind::kClaim && message.session == session) ++takeovers_;
  }
  if (opens || message.session == session) {
    if (!waiting_.closed_because()) return;
    waiting_.Reopen();
    opened_.notify_all();
    return;
  }
  const bool takes_name = message.kind == FrameKind::kHello && message.relay == shared_.relay;
  if (!takes_name || session.is_none()) return;
  if (is_open) {
    return LeaveOrder(
        Error(ErrorCode::kUnavailable,
              fmt::format("another relay has taken the name {}: each relay needs one of its own",
                          shared_.relay)));
  }
  // A late hello of this relay's last life came first: another session follows it.
  Refuse(proposer_.Abandon(), NotOpen());
}

// Takes no part any more: an operator must decide how to go on.
void SharedCommit::LeaveOrder(const Error& because) {
  {
    const std::lock_guard lock(mutex_);
    left_because_ = because;
    is_open_ = false;
    ownership_.Begin({});
  }
  writer_.parts().queues.DeliverToNone();
  Close(because);
  Refuse(proposer_.Abandon(), ClosedBecause(because));
  gate_.Leave();
  gate_.Refuse(ClosedBecause(because));
}

Status SharedCommit::Found(bool only_tries) {
  const std::shared_ptr<const Progress> progress = this->progress();
  {
    const std::lock_guard lock(mutex_);
    if (!left_because_ || left_because_->code() != ErrorCode::kConflict) {
      return Error(ErrorCode::kConflict,
                   "the stream has lost nothing that this relay knows of: only a relay that has "
                   "found its end missing (status says so) begins a new one");
    }
  }
  if (only_tries) return Ok();
  return shared_.order->Found(
      progress->synced,
      EncodeFounding({.relay = shared_.relay, .last = progress->synced, .chain = progress->chain}));
}

// A relay that left since the order lost its end goes on once it is founded anew where its log
// ends.
void SharedCommit::LookForNewGeneration() {
  const Clock::TimePoint now = shared_.clock->Now();
  if (now - looked_for_generation_ < kLookAtRange / 2) return;
  looked_for_generation_ = now;
  bool must_warn = false;  // Others may not have noticed that their history is another one.
  {
    const std::lock_guard lock(mutex_);
    if (left_because_->code() == ErrorCode::kCorruption) must_warn = true;
    if (left_because_->code() != ErrorCode::kConflict && !must_warn) return;
  }
  if (must_warn) return gate_.Warn();
  Follower::Turn turn = follower_.Step(std::chrono::milliseconds(0));
  const bool has_come = !turn.synced.empty();
  if (has_come) TakePartAgain();
  gate_.Synced(std::move(turn.synced));
  if (!turn.written.ok()) return CloseStore(turn.written.error());
  if (has_come) return ShowProgress();
  if (turn.order.ok() || turn.order.error().code() == ErrorCode::kUnavailable) return;
  const std::lock_guard lock(mutex_);
  left_because_ = turn.order.error();
}

void SharedCommit::TakePartAgain() {
  gate_.Begin(follower_.state().place());
  gate_.Listen();
  waiting_.Close(NotOpen());
  const std::lock_guard lock(mutex_);
  left_because_.reset();
}

bool SharedCommit::has_left() const {
  const std::lock_guard lock(mutex_);
  return left_because_.has_value();
}

// Shows the other threads how far the log has come, and who delivers.
void SharedCommit::ShowProgress() {
  const OrderState& state = follower_.state();
  const SessionId session = proposer_.session();
  auto progress = std::make_shared<Progress>();
  for (const auto& [name, number] : follower_.Backends()) {
    const Owner owner = state.OwnerOf(number);
    progress->claims.emplace(name, UnderClaim{number, owner.epoch});
    const std::string* relay = owner.session.is_none() ? nullptr : state.RelayOf(owner.session);
    if (relay == nullptr) continue;
    progress->deliverers.emplace(
        name, SharedLogStatus::Deliverer{*relay, state.relays().at(*relay).address,
                                         owner.session == session});
  }
  for (const auto& [relay, known] : state.relays()) {
    progress->addresses.emplace(relay, known.address);
  }
  progress->synced = state.place();
  progress->chain = state.chain();
  progress->strange = state.strange();
  const std::lock_guard lock(mutex_);
  progress_ = std::move(progress);
}

void SharedCommit::ClaimBackends() {
  if (waiting_.stopping()) return;
  const std::shared_ptr<const Progress> progress = this->progress();
  std::set<BackendNumber> known;
  for (const auto& [name, claim] : progress->claims) known.insert(claim.backend);
  std::set<BackendNumber> wanted;
  for (const BackendId& name : writer_.parts().queues.Configured()) {
    const auto found = progress->claims.find(name);
    if (found != progress->claims.end()) wanted.insert(found->second.backend);
  }
  std::vector<Claim> due;
  {
    const std::lock_guard lock(mutex_);
    if (!is_open_) return;
    due = ownership_.Claims(follower_.state(), known, wanted);
  }
  for (const Claim& claim : due) proposer_.Send(FrameKind::kClaim, Encode(claim));
}

// A relay whose store failed can neither accept nor resolve: others take over.
void SharedCommit::CloseStore(const Error& because) {
  store_failed_ = true;
  reopen_after_ = std::chrono::milliseconds(0);
  reopen_at_ = shared_.clock->Now();
  follower_.SetSession({});
  gate_.SetSession({});
  gate_.Refuse(ClosedBecause(because));
  writer_.parts().queues.DeliverToNone();
  {
    const std::lock_guard lock(mutex_);
    is_open_ = false;
    ownership_.Begin({});
  }
  Close(because);
  Refuse(proposer_.Abandon(), ClosedBecause(because));
}

void SharedCommit::ReopenStoreWhenDue() {
  if (shared_.clock->Now() < reopen_at_) {
    std::unique_lock lock(mutex_);
    opened_.wait_for(lock, kTurn);
    return;
  }
  Status reopened = writer_.Reopen(waiting_.closed_because());
  if (reopened.ok()) reopened = follower_.Begin();
  if (reopened.ok()) {
    gate_.Begin(follower_.state().place());
    store_failed_ = false;
    waiting_.Close(NotOpen());
    return ShowProgress();
  }
  waiting_.Close(reopened.error());
  reopen_after_ = std::clamp(2 * reopen_after_, options_.reopen_first, options_.reopen_max);
  reopen_at_ = shared_.clock->Now() + reopen_after_;
  writer_.parts().opener.ServeReaders();
}

}  // namespace relay
