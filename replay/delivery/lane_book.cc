#include "replay/delivery/lane_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "replay/delivery/lane_batches.h"
#include "wal/base/invariant.h"

namespace relay {
namespace {

// The overflow lane waits so long after each database that was refused, and after a round.
constexpr Clock::Duration kNextOfRound{50};
constexpr std::uint32_t kRoundFailures = 4;

void ForgetSuspicion(LaneQueue& lane) {
  lane.create_due = lane.create_tried = lane.is_suspect = false;
  lane.canary.reset();
  lane.line_suspicions = 0;
  lane.suspicion.reset();
}

// Adopts whether an operator gives refused lines up; if so, the lane is tried now. nullptr: the log
// holds nothing for it.
void AdoptGivingUp(LaneQueue& lane, const HeldLane* held, Clock::TimePoint now) {
  const bool gave_up = lane.gives_up;
  lane.gives_up = held != nullptr && held->gives_up;
  if (lane.gives_up && !gave_up) lane.not_before = now;
}

LaneStatus StatusOf(const LaneQueue& lane) {
  LaneStatus status;
  status.lane = lane.lane;
  status.reason = lane.reason;
  status.remedy = lane.remedy;
  status.since = lane.since;
  status.last_answer = lane.last_answer;
  if (lane.by_operator) {
    status.state = "held by operator";
  } else {
    status.state = lane.mode == LaneMode::kHeld ? "held" : "draining";
  }
  return status;
}

bool IsStatement(const StoredRecord& stored) {
  return stored.record.ok() && stored.record.value()->params.api == Api::kStatement;
}

}  // namespace

double Chance(std::minstd_rand& random) {
  constexpr auto kRange = static_cast<double>(std::minstd_rand::max()) + 1.0;
  return static_cast<double>(random()) / kRange;
}

// ---------------------------------------------------------------- what is read

// Returns the record's lane; tries the previous record's lane, if any, first.
// REQUIRES: nothing of the overflow lane is left to be learnt.
LaneQueue& LaneBook::LaneFor(const WriteParams& params, LaneQueue* last) {
  if (IsShared(params)) return lanes_.Of(OverflowLane());
  const bool same = last != nullptr && last->lane.database == params.database &&
                    last->lane.retention_policy == params.retention_policy;
  return same ? *last : lanes_.Of(LaneOf(params));
}

// A lane that holds records of its own is no member, even if its name has the hash of one.
bool LaneBook::IsShared(const WriteParams& params) const {
  if (!overflow_.Contain(params)) return false;
  const LaneQueue* own = lanes_.Find(LaneOf(params));
  return own == nullptr || !own->held_last;
}

void LaneBook::TakeFlow(std::vector<StoredRecord> records) {
  LaneQueue* lane = nullptr;
  const Sequence old_through = old_through_();
  if (!overflow_.empty() && lanes_.Of(OverflowLane()).is_idle()) overflow_.Clear();
  for (StoredRecord& stored : records) {
    const bool fences = IsStatement(stored);
    fenced_ = fences;
    if (fences && !window_.empty()) break;  // It is read again when its turn comes.
    const Sequence sequence = stored.entry.position.sequence;
    window_.Add(std::move(stored), clock_.WallNow(), old_through);
    const std::shared_ptr<const Record>& record = window_.At(sequence).record;
    if (!record) continue;
    lane = &LaneFor(record->params, lane);
    GiveTo(*lane, sequence);
    if (fences) break;
  }
}

// Puts a record that was read into its lane, or on hold behind what that holds.
void LaneBook::GiveTo(LaneQueue& lane, Sequence sequence) {
  if (!lane.takes_flow()) return window_.Hold(sequence);
  lane.flow.push_back(sequence);
  if (lane.flow.size() == 1) lanes_.Queue(lane, clock_.Now());
}

void LaneBook::TakeHeld(LaneQueue& lane, std::vector<StoredRecord> records) {
  lane.held.Restart(Sequence::BeforeFirst());
  if (lane.lane == OverflowLane()) records = overflow_.TakeRun(std::move(records));
  if (records.empty()) return;
  const Sequence old_through = old_through_();
  for (StoredRecord& stored : records) {
    const Sequence sequence = stored.entry.position.sequence;
    lane.held.Add(std::move(stored), clock_.WallNow(), old_through);
    if (lane.held.At(sequence).record) lane.held_unsent.push_back(sequence);
  }
  reading_held_.insert(&lane);
  FinishIfAllRead(lane);
}

void LaneBook::FlowCommitted(const ResolvedPrefix& resolved) {
  for (const Sequence sequence : resolved.held) {
    LaneQueue& lane = LaneFor(window_.At(sequence).record->params, nullptr);
    lane.held_last = sequence;
    lanes_.Queue(lane, clock_.Now());
  }
  window_.Forget(resolved.through.sequence);
}

void LaneBook::HeldCommitted(LaneQueue& lane, Sequence through) {
  lane.held.Forget(through);
  if (!lane.held.empty()) return;
  reading_held_.erase(&lane);
  if (lane.lane == OverflowLane()) overflow_.PassedThrough(through);
  const bool is_last = lane.held_last && *lane.held_last <= lane.held.forgotten_through();
  if (lane.mode == LaneMode::kFinishing || (is_last && !HasPassedOver(lane))) GoLive(lane);
}

// --------------------------------------------------------------- held and live

void LaneBook::PutOnHold(LaneQueue& lane, std::string reason, std::string remedy) {
  if (MustShare(lane)) return MoveToOverflow(lane);
  if (IsOfRound(lane)) return PassOver(lane, std::move(reason), std::move(remedy));
  if (lane.lane == OverflowLane()) overflow_.BeginRound();
  TakeOutOfFlow(lane);
  if (lane.mode == LaneMode::kLive || lane.reason != reason) lane.since = clock_.Now();
  lane.mode = LaneMode::kHeld;
  lane.reason = std::move(reason);
  lane.remedy = std::move(remedy);
  ForgetSuspicion(lane);
  lane.failures = std::max(lane.failures, 1U);
  lane.not_before = clock_.Now() + probe_.After(lane.failures, Chance(random_));
  on_hold_.insert(&lane);
  Changed();
  lanes_.Queue(lane, clock_.Now());
}

// Returns whether records of one of the overflow lane's databases, read from what the log holds,
// were refused: the others have their turn.
bool LaneBook::IsOfRound(const LaneQueue& lane) const {
  return lane.lane == OverflowLane() && !lane.by_operator && !lane.held.empty() &&
         !lane.batches.empty();
}

bool LaneBook::HasPassedOver(const LaneQueue& lane) const {
  return lane.lane == OverflowLane() && overflow_.has_refused();
}

// Shows the first reason of a round only: there may be a hundred thousand.
void LaneBook::PassOver(LaneQueue& lane, std::string reason, std::string remedy) {
  overflow_.Refuse(lane.batches.front()->params());
  overflow_.PassedThrough(lane.held.read_through());
  TakeOutOfFlow(lane);
  ForgetSuspicion(lane);
  lane.mode = LaneMode::kHeld;
  longest_is_known_ = false;
  lane.failures = std::max(lane.failures, 1U);
  lane.not_before = clock_.Now() + kNextOfRound;
  if (lane.reason.empty()) {
    lane.reason = std::move(reason);
    lane.remedy = std::move(remedy);
    lane.since = clock_.Now();
    Changed();
  }
  lanes_.Queue(lane, clock_.Now());
}

bool LaneBook::EndRound(LaneQueue& lane) {
  const bool has_begun = overflow_.round_after() > Sequence::BeforeFirst();
  if (lane.lane != OverflowLane() || !has_begun) return false;
  lane.not_before = clock_.Now() + probe_.After(kRoundFailures, Chance(random_));
  if (!overflow_.has_refused()) lane.not_before = clock_.Now();
  overflow_.BeginRound();
  return true;
}

bool LaneBook::MustShare(const LaneQueue& lane) const {
  const bool is_new = lane.mode == LaneMode::kLive && !lane.by_operator && !lane.held_last;
  if (!is_new || lane.lane == OverflowLane()) return false;
  const LaneQueue* shared = lanes_.Find(OverflowLane());
  const std::size_t of_it = shared != nullptr && shared->mode != LaneMode::kLive ? 1 : 0;
  return on_hold_.size() - of_it >= Log::kHeldLanesMax;
}

// Gives the lane's records, none of which the log holds, to the overflow lane: it is now the one
// that sends them or holds them. REQUIRES: neither lane is busy, or the overflow lane is.
void LaneBook::MoveToOverflow(LaneQueue& lane) {
  TakeOutOfFlow(lane);
  LaneQueue& shared = lanes_.Of(OverflowLane());
  const Lane name = lane.lane;
  const std::vector<Sequence> moved = window_.SequencesToHold(
      [&name](const WriteParams& params) { return LaneOf(params) == name; });
  overflow_.Add(name);
  lane = LaneQueue{.lane = name, .epoch = lane.epoch + 1};
  lanes_.Queue(lane, clock_.Now());
  if (!shared.takes_flow()) return;  // They are held now.
  for (const Sequence sequence : moved) {
    window_.Unhold(sequence);
    shared.flow.push_back(sequence);
  }
  lanes_.Queue(shared, clock_.Now());
}

std::vector<Sequence> LaneBook::InOverflow(const std::vector<Sequence>& held) {
  std::vector<Sequence> found;
  if (overflow_.empty()) return found;
  for (const Sequence sequence : held) {
    if (IsShared(window_.At(sequence).record->params)) found.push_back(sequence);
  }
  return found;
}

// Returns the sequences in the flow that are to go on hold for this lane.
std::vector<Sequence> LaneBook::SequencesToHold(const LaneQueue& lane) const {
  const bool is_shared = lane.lane == OverflowLane();
  return window_.SequencesToHold([&](const WriteParams& params) {
    if (IsShared(params)) return is_shared;
    return LaneOf(params) == lane.lane;
  });
}

// Puts the lane's records that were read and not sent on hold. REQUIRES: not busy.
void LaneBook::TakeOutOfFlow(LaneQueue& lane) {
  INVARIANT(!lane.is_busy);
  if (lane.held.empty()) {
    for (const auto& batch : lane.batches) {
      for (const SendBatch::Part& part : batch->parts) window_.Hold(part.sequence);
    }
  }
  for (const Sequence sequence : lane.flow) window_.Hold(sequence);
  lane.batches.clear();
  lane.flow.clear();
  ForgetHeldRead(lane);
}

void LaneBook::ForgetHeldRead(LaneQueue& lane) {
  reading_held_.erase(&lane);
  if (lane.held.empty()) return;
  ++lane.epoch;
  lane.batches.clear();
  lane.held.Restart(Sequence::BeforeFirst());
  lane.held_unsent.clear();
}

void LaneBook::DropTooOld() {
  if (window_.empty()) return;
  const Sequence old_through = old_through_();
  if (!window_.IsTooOld(old_through)) return;
  for (auto& [name, lane] : lanes_) {
    // Held records that were read are in the lane's own window.
    if (!lane.is_busy && lane.held.empty()) DropTooOldOf(lane, window_, old_through);
  }
}

// REQUIRES: the lane is not busy, its unsent records are in the window, and there is a limit.
void LaneBook::DropTooOldOf(LaneQueue& lane, Window& window, Sequence old_through) {
  const std::set<Sequence> dropped =
      window.DropTooOld(UnsentRecords(lane), clock_.WallNow(), old_through);
  if (dropped.empty()) return;
  TakeOut(lane, dropped);
  lanes_.Queue(lane, clock_.Now());
}

// Does that for what was read of the lane's held records.
void LaneBook::DropTooOldHeld(LaneQueue& lane) {
  if (lane.held.empty()) return;
  const Sequence old_through = old_through_();
  if (lane.held.IsTooOld(old_through)) DropTooOldOf(lane, lane.held, old_through);
}

void LaneBook::DrainIfHeld(LaneQueue& lane) {
  if (lane.mode != LaneMode::kHeld || lane.by_operator) return;
  if (HasPassedOver(lane)) return;  // Others of it are on hold.
  lane.mode = LaneMode::kDraining;
  lane.reason.clear();
  lane.remedy.clear();
  lane.since = clock_.Now();
  Changed();
  FinishIfAllRead(lane);
}

void LaneBook::FinishIfAllRead(LaneQueue& lane) {
  if (lane.mode != LaneMode::kDraining || lane.held.empty() || HasPassedOver(lane)) return;
  if (lane.held_last && lane.held.read_through() < *lane.held_last) return;
  lane.mode = LaneMode::kFinishing;
  PutBackIntoFlow(lane);
}

// Takes back records that were to go on hold but have not gone yet. They are newer than all held
// ones.
void LaneBook::PutBackIntoFlow(LaneQueue& lane) {
  for (const Sequence sequence : SequencesToHold(lane)) {
    window_.Unhold(sequence);
    lane.flow.push_back(sequence);
  }
}

void LaneBook::GoLive(LaneQueue& lane) {
  lane.mode = LaneMode::kLive;
  lane.held_last.reset();
  lane.gives_up = false;
  lane.holds = 0;
  lane.reason.clear();
  lane.remedy.clear();
  lane.failures = 0;
  lane.not_before = {};
  on_hold_.erase(&lane);
  Changed();
  PutBackIntoFlow(lane);
  lanes_.Queue(lane, clock_.Now());
}

void LaneBook::HoldByOperator(LaneQueue& lane, bool held) {
  lane.by_operator = held;
  Changed();
  if (held) {
    on_hold_.insert(&lane);
    // A busy lane is put on hold once its request is answered.
    if (!lane.is_busy) PutOnHold(lane, kHeldByOperator, "");
    return;
  }
  if (!lane.held_last) return GoLive(lane);
  lane.reason = "released";
  lane.not_before = clock_.Now();
  lanes_.Queue(lane, clock_.Now());
}

void LaneBook::TryNow() {
  const Clock::TimePoint now = clock_.Now();
  for (auto& [name, lane] : lanes_) {
    if (lane.not_before <= now) continue;
    lane.not_before = now;
    lanes_.Queue(lane, now);
  }
}

void LaneBook::Adopt(const std::vector<HeldLane>& held) {
  std::set<LaneQueue*> gone = on_hold_;
  const bool is_first = !std::exchange(has_looked_, true);
  for (const HeldLane& info : held) {
    if (is_first && info.lane == OverflowLane()) overflow_.MustLearn();
    LaneQueue& lane = lanes_.Of(info.lane);
    gone.erase(&lane);
    AdoptLane(lane, &info);
  }
  for (LaneQueue* lane : gone) AdoptLane(*lane, nullptr);
}

// nullptr: the log holds nothing for the lane.
void LaneBook::AdoptLane(LaneQueue& lane, const HeldLane* held) {
  if (lane.is_busy) return;
  const bool by_operator = held != nullptr && held->by_operator;
  const std::optional<Sequence> last = held != nullptr ? held->last : std::nullopt;
  const auto begins_as_read = [&] {
    const Sequence read = lane.held.first();
    return lane.lane == OverflowLane() ? held->first <= read : held->first == read;
  };
  const bool others_left = lane.held.empty() || (last && begins_as_read());
  if (!others_left) ForgetHeldRead(lane);
  DropTooOldHeld(lane);
  lane.held_last = last;
  if (last && lane.mode == LaneMode::kLive) {
    PutOnHold(lane, "was on hold when the relay started", "");
    lane.not_before = clock_.Now();
  }
  if (by_operator != lane.by_operator) HoldByOperator(lane, by_operator);
  AdoptGivingUp(lane, held, clock_.Now());
  const bool holds_nothing = !last && !lane.by_operator && lane.mode != LaneMode::kLive;
  if (holds_nothing && SequencesToHold(lane).empty()) GoLive(lane);
  lanes_.Queue(lane, clock_.Now());
}

void LaneBook::Restart(Sequence cursor) {
  window_.Restart(cursor);
  fenced_ = false;
  for (auto& [name, lane] : lanes_) {
    ++lane.epoch;
    lane.batches.clear();
    lane.flow.clear();
    ForgetHeldRead(lane);
    lane.is_suspect = lane.create_due = false;
    lane.canary.reset();
    if (lane.mode == LaneMode::kFinishing) lane.mode = LaneMode::kDraining;
    const bool holds_nothing = !lane.held_last && !lane.by_operator;
    if (lane.mode != LaneMode::kLive && holds_nothing) GoLive(lane);
    lanes_.Queue(lane, clock_.Now());
  }
}

void LaneBook::BeginAnew() {
  window_.Restart(Sequence::BeforeFirst());
  fenced_ = false;
  on_hold_.clear();
  reading_held_.clear();
  lanes_ = {};
  overflow_ = {};
  has_looked_ = false;
  Changed();
}

// -------------------------------------------------------------- what is shown

void LaneBook::Changed() {
  changed_ = true;
  longest_is_known_ = false;
}

const LaneQueue* LaneBook::FindLongestHeld() const {
  const LaneQueue* longest = nullptr;
  for (const LaneQueue* lane : on_hold_) {
    if (lane->mode != LaneMode::kHeld || lane->by_operator) continue;
    const bool before = longest == nullptr ||
                        std::tie(lane->since, lane->lane) < std::tie(longest->since, longest->lane);
    if (before) longest = lane;
  }
  return longest;
}

std::optional<LaneStatus> LaneBook::LongestHeld() {
  if (!longest_is_known_) longest_ = FindLongestHeld();
  longest_is_known_ = true;
  const LaneQueue* longest = longest_;
  if (longest == nullptr) return std::nullopt;
  LaneStatus status = StatusOf(*longest);
  status.reason = fmt::format("{}: {}", DescribeLane(longest->lane), longest->reason);
  return status;
}

std::optional<std::vector<LaneStatus>> LaneBook::TakeChanged(bool always) {
  if (!changed_ && !always) return std::nullopt;
  changed_ = false;
  std::vector<const LaneQueue*> lanes(on_hold_.begin(), on_hold_.end());
  const std::size_t count = std::min(lanes.size(), WorkerStatus::kLanesShown);
  std::partial_sort(lanes.begin(), lanes.begin() + static_cast<std::ptrdiff_t>(count), lanes.end(),
                    [](const LaneQueue* a, const LaneQueue* b) { return a->lane < b->lane; });
  lanes.resize(count);
  std::vector<LaneStatus> shown;
  shown.reserve(lanes.size());
  for (const LaneQueue* lane : lanes) shown.push_back(StatusOf(*lane));
  return shown;
}

}  // namespace relay
