#include "wal/group/log_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <utility>
#include <variant>

namespace relay {
namespace {

constexpr Sequence kLastSequence(std::numeric_limits<std::uint64_t>::max());

Error OutOfRange(std::string_view what, Sequence to, Sequence low, Sequence high) {
  return {ErrorCode::kInvalidInput, fmt::format("cannot {} to {}: only from {} to {}", what,
                                                to.value(), low.value(), high.value())};
}

Error NoLetter(std::uint64_t number) {
  return {ErrorCode::kNotFound, fmt::format("there is no dead letter {}", number)};
}

// Returns the difference, or zero.
Bytes Less(Bytes from, Bytes by) {
  return from - std::min(from, by);
}

std::vector<std::uint64_t> Ascending(std::vector<std::uint64_t> numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

}  // namespace

ChangePlan::ChangePlan(const Store& store, const BackendId& backend, const Queue& queue)
    : store_(store), backend_(backend), queue_(queue), reader_(store, queue), state_(queue.state) {
  change_.follows = queue.state.edition;
}

Result<Change> ChangePlan::Plan(const LogCommand& command) && {
  return std::visit([this](const auto& one) { return PlanFor(one); }, command);
}

// Completes the change with the new state and the rows of the lanes.
Result<Change> ChangePlan::Done() {
  RETURN_IF_ERROR(CheckLaneCount());
  ++state_.edition;
  change_.state = state_;
  for (const auto& [lane, state] : change_.lanes) {
    std::string key = LaneKey(queue_.number, lane);
    std::optional<std::string> value;
    if (!state.empty()) value = EncodeLane(key, state);
    change_.rows.push_back({Family::kState, std::move(key), std::move(value)});
  }
  return std::move(change_);
}

Status ChangePlan::CheckLaneCount() const {
  std::size_t count = queue_.lanes->size() - queue_.lanes->count(OverflowLane());
  bool grew = false;
  for (const auto& [lane, state] : change_.lanes) {
    if (lane == OverflowLane()) continue;
    const bool was = queue_.lanes->contains(lane);
    if (was && state.empty()) --count;
    if (!was && !state.empty()) {
      ++count;
      grew = true;
    }
  }
  if (!grew || count <= Log::kHeldLanesMax) return Ok();
  return Error(ErrorCode::kFull,
               fmt::format("{} lanes are on hold, no more are kept", Log::kHeldLanesMax));
}

Result<Change> ChangePlan::Resolve(const Resolution& resolution) && {
  if (resolution.after != state_.cursor.sequence) {
    return Error(ErrorCode::kConflict,
                 fmt::format("the cursor is at {}, no more at {}", state_.cursor.sequence.value(),
                             resolution.after.value()));
  }
  INVARIANT(resolution.after < resolution.through.sequence);
  INVARIANT(resolution.through.sequence <= queue_.head.sequence);
  state_.cursor = resolution.through;
  state_.delivered += resolution.delivered;
  RecordDeadLetters(resolution.letters);
  RETURN_IF_ERROR(AppendOrExtend(resolution.gaps));
  for (const Sequence sequence : resolution.held) {
    INVARIANT(sequence > resolution.after && sequence <= resolution.through.sequence);
    const bool in_overflow =
        std::binary_search(resolution.overflow.begin(), resolution.overflow.end(), sequence);
    if (Status held = Hold(sequence, in_overflow); !held.ok()) {
      return std::move(held).error().Within(fmt::format("holding record {}", sequence.value()));
    }
  }
  return Done();
}

void ChangePlan::RecordDeadLetters(const std::vector<DeadLetter>& letters) {
  for (const DeadLetter& letter : letters) {
    std::string key = DeadKey(queue_.number, ++state_.last_dead);
    std::string value = EncodeDead(key, letter);
    const Bytes stored(key.size() + value.size());
    change_.rows.push_back({Family::kDead, std::move(key), std::move(value)});
    state_.dead[letter.reason] += letter.points;
    state_.dead_bytes += stored;
    if (state_.dead_letters++ == 0) state_.first_dead = state_.last_dead;
  }
}

void ChangePlan::AppendGaps(const std::vector<Gap>& gaps) {
  for (const Gap& gap : gaps) {
    PutNewGap(gap);
    state_.dropped += gap.points;
  }
}

// Counts no points.
void ChangePlan::PutNewGap(const Gap& gap) {
  std::string key = GapKey(queue_.number, ++state_.last_gap);
  std::string value = EncodeGap(key, gap);
  change_.rows.push_back({Family::kGaps, std::move(key), std::move(value)});
}

// Records become too old one by one while a backend is down: those that follow each other are one
// entry of the ledger, which is never trimmed.
Status ChangePlan::AppendOrExtend(std::vector<Gap> gaps) {
  if (gaps.empty() || gaps.front().reason != GapReason::kTooOld) {
    AppendGaps(gaps);
    return Ok();
  }
  ASSIGN_OR_RETURN(std::optional<StoredGap> last, LastGap());
  const Gap& first = gaps.front();
  const bool follows =
      last && last->gap.reason == GapReason::kTooOld && last->gap.last.Next() == first.first;
  if (follows) {
    state_.dropped += first.points;
    ExtendGap(*std::move(last), first);
    gaps.erase(gaps.begin());
  }
  AppendGaps(gaps);
  return Ok();
}

// Copies the record together with its payload: a record that a lane holds for weeks must
// not keep the payloads of all others on disk.
Status ChangePlan::Hold(Sequence sequence, bool in_overflow) {
  ASSIGN_OR_RETURN(Entry entry, reader_.ReadEntry(sequence));
  const PayloadId id = entry.payload;
  Result<std::optional<std::string>> payload = store_.Get(Family::kPayloads, PayloadKey(id));
  if (!payload.ok()) return std::move(payload).error();
  if (!payload.value()) return Error(ErrorCode::kCorruption, "its payload is missing");
  ASSIGN_OR_RETURN(WriteParams params, DecodeParams(id, *payload.value()));

  const Lane lane = in_overflow ? OverflowLane() : LaneOf(params);
  LaneState& state = LaneToChange(lane);
  INVARIANT(state.records == 0 || state.last < sequence);
  if (state.records == 0) {
    state.first = sequence;
    state.oldest = entry.accepted_at;
  }
  ++state.records;
  state.last = sequence;
  state.size = state.size + entry.size;
  ++state_.held_records;
  state_.held = state_.held + entry.size;
  std::string key = HeldKey(queue_.number, lane, sequence);
  std::string value = EncodeHeld(key, entry, *payload.value());
  change_.rows.push_back({Family::kHeld, std::move(key), std::move(value)});
  return Ok();
}

LaneState& ChangePlan::LaneToChange(const Lane& lane) {
  const auto [place, fresh] = change_.lanes.try_emplace(lane);
  if (!fresh) return place->second;
  const auto known = queue_.lanes->find(lane);
  if (known != queue_.lanes->end()) place->second = known->second;
  return place->second;
}

Result<Change> ChangePlan::ResolveHeld(const Lane& lane, const HeldResolution& resolution) && {
  const auto found = queue_.lanes->find(lane);
  const bool may_begin_later = lane == OverflowLane();
  if (found == queue_.lanes->end() || found->second.records == 0 ||
      (found->second.first != resolution.first && !may_begin_later)) {
    return Error(ErrorCode::kConflict,
                 fmt::format("record {} is not the oldest that is held", resolution.first.value()));
  }
  ASSIGN_OR_RETURN(Taken taken, TakeHeld(lane, resolution.first, resolution.through));
  if (taken.first != resolution.first || taken.last != resolution.through) {
    return Error(ErrorCode::kConflict,
                 fmt::format("records {} to {} are not held", resolution.first.value(),
                             resolution.through.value()));
  }
  state_.delivered += resolution.delivered;
  RecordDeadLetters(resolution.letters);
  AppendGaps(resolution.gaps);
  return Done();
}

Result<ChangePlan::Taken> ChangePlan::TakeHeld(const Lane& lane, Sequence from, Sequence to,
                                               Bytes stored) {
  LaneState& state = LaneToChange(lane);
  const std::string prefix = HeldPrefix(queue_.number, lane);
  Taken taken;
  const std::unique_ptr<StoreCursor> at = store_.NewCursor(Family::kHeld);
  at->Seek(HeldKey(queue_.number, lane, std::max(from, state.first)));
  for (; at->Valid() && at->Key().starts_with(prefix); at->Next()) {
    ASSIGN_OR_RETURN(Sequence sequence, DecodeHeldKey(at->Key(), prefix));
    if (sequence > to || taken.size.stored >= stored) break;
    Result<Entry> entry = DecodeHeldEntry(at->Key(), sequence, at->Value());
    if (entry.ok()) {
      taken.size = taken.size + entry.value().size;
      taken.newest = entry.value().accepted_at;
    }
    if (taken.records++ == 0) taken.first = sequence;
    taken.last = sequence;
    change_.rows.push_back({Family::kHeld, std::string(at->Key()), std::nullopt});
  }
  RETURN_IF_ERROR(at->Health());
  // The last removal also takes the sizes of damaged rows, which cannot be read.
  if (taken.records >= state.records) {
    taken.records = state.records;
    taken.size = state.size;
  }
  const Sequence end = taken.size.stored >= stored ? taken.last : to;
  RETURN_IF_ERROR(FindEnds(lane, state, from, end));
  state.records -= taken.records;
  state.size = state.size - taken.size;
  state_.held_records -= taken.records;
  state_.held = state_.held - taken.size;
  if (state.records == 0) state = {.by_operator = state.by_operator};
  return taken;
}

// Finds where the lane begins and ends once the rows from `from` to `to` are gone.
Status ChangePlan::FindEnds(const Lane& lane, LaneState& state, Sequence from, Sequence to) const {
  const bool first_goes = from <= state.first;
  const bool last_goes = to >= state.last;
  if (first_goes == last_goes) return Ok();  // All records go, or some in the middle.
  const std::string prefix = HeldPrefix(queue_.number, lane);
  const std::unique_ptr<StoreCursor> at = store_.NewCursor(Family::kHeld);
  if (first_goes) {
    at->Seek(HeldKey(queue_.number, lane, to.Next()));
  } else {
    at->SeekForPrevious(HeldKey(queue_.number, lane, Sequence(from.value() - 1)));
  }
  if (!at->Valid() || !at->Key().starts_with(prefix)) return at->Health();
  ASSIGN_OR_RETURN(Sequence end, DecodeHeldKey(at->Key(), prefix));
  if (last_goes) {
    state.last = end;
    return Ok();
  }
  state.first = end;
  Result<Entry> entry = DecodeHeldEntry(at->Key(), state.first, at->Value());
  if (entry.ok()) state.oldest = entry.value().accepted_at;
  return Ok();
}

Result<Change> ChangePlan::PlanFor(const Rewind& command) {
  const bool lacks_some = command.partial && command.to < state_.trimmed.sequence;
  if (lacks_some) RETURN_IF_ERROR(AppendNotKept(command));
  const Sequence to = lacks_some ? state_.trimmed.sequence : command.to;
  if (to < state_.trimmed.sequence || to > state_.cursor.sequence) {
    return OutOfRange("rewind", to, state_.trimmed.sequence, state_.cursor.sequence);
  }
  ASSIGN_OR_RETURN(Position position, reader_.PositionAt(to));
  PointCount again = state_.cursor.totals.points - position.totals.points;
  for (const auto& [lane, state] : *queue_.lanes) {
    if (state.records == 0 || state.last <= to) continue;
    ASSIGN_OR_RETURN(Taken taken, TakeHeld(lane, to.Next(), kLastSequence));
    INVARIANT(again >= taken.size.points);
    again -= taken.size.points;
  }
  state_.cursor = position;
  state_.rewound += again;
  return Done();
}

// Writes what a rewind asked for and the log no longer has. Its points were resolved before and
// stay counted so.
Status ChangePlan::AppendNotKept(const Rewind& command) {
  const Position& trimmed = state_.trimmed;
  Gap gap{.first = command.to.Next(),
          .last = trimmed.sequence,
          .from = command.since.value_or(WallTime()),
          .to = queue_.last_accepted,
          .databases = {},
          .reason = GapReason::kNotKept,
          .note = command.actor.note,
          .by = command.actor.by,
          .when = command.actor.when};
  const bool is_known = command.to == Sequence::BeforeFirst() && !command.since;
  if (is_known) gap.points = trimmed.totals.points;
  if (is_known) gap.bytes = trimmed.totals.bytes;
  if (trimmed.sequence < queue_.head.sequence) {
    ASSIGN_OR_RETURN(const Entry oldest_kept, reader_.ReadEntry(trimmed.sequence.Next()));
    gap.to = oldest_kept.accepted_at;
  }
  gap.from = std::min(gap.from, gap.to);
  PutNewGap(gap);
  change_.gap = std::move(gap);
  return Ok();
}

// Returns the gap of the records from `first` to `last`.
Result<Gap> ChangePlan::GapOf(Sequence first, const Position& last) const {
  ASSIGN_OR_RETURN(Entry begin, reader_.ReadEntry(first));
  ASSIGN_OR_RETURN(Entry end, reader_.ReadEntry(last.sequence));
  const Sequence before(first.value() - 1);
  Result<std::vector<std::string>> databases = reader_.DatabasesIn(before, last.sequence);
  if (!databases.ok()) return std::move(databases).error();
  const Totals size = last.totals - (begin.position.totals - begin.size);
  return Gap{.first = first,
             .last = last.sequence,
             .from = begin.accepted_at,
             .to = end.accepted_at,
             .points = size.points,
             .bytes = size.bytes,
             .databases = std::move(databases).value(),
             .note = {},
             .by = {}};
}

Result<Change> ChangePlan::PlanFor(const Skip& command) {
  const Sequence to = command.to;
  if (to <= state_.cursor.sequence || to > queue_.head.sequence) {
    return OutOfRange("skip", to, state_.cursor.sequence.Next(), queue_.head.sequence);
  }
  ASSIGN_OR_RETURN(Position position, reader_.PositionAt(to));
  ASSIGN_OR_RETURN(Gap gap, GapOf(state_.cursor.sequence.Next(), position));
  state_.cursor = position;
  return AppendSkippedGap(std::move(gap), command.actor);
}

Result<Change> ChangePlan::PlanFor(const SkipHeld& command) {
  const auto found = queue_.lanes->find(command.lane);
  if (found == queue_.lanes->end() || found->second.records == 0) {
    return Error(ErrorCode::kNotFound, "the lane holds nothing");
  }
  const LaneState before = found->second;
  ASSIGN_OR_RETURN(Taken taken, TakeHeld(command.lane, before.first, kLastSequence));
  return AppendSkippedGap(GapOf(command.lane, before, taken), command.actor);
}

Result<Change> ChangePlan::AppendSkippedGap(Gap gap, const Actor& actor) {
  gap.reason = GapReason::kSkipped;
  gap.by = actor.by;
  gap.note = actor.note;
  gap.when = actor.when;
  AppendGaps({gap});
  change_.gap = std::move(gap);
  return Done();
}

Gap ChangePlan::GapOf(const Lane& lane, const LaneState& before, const Taken& taken) {
  return {.first = before.first,
          .last = taken.last,
          .from = before.oldest,
          .to = std::max(before.oldest, taken.newest),
          .points = taken.size.points,
          .bytes = taken.size.bytes,
          .databases = {lane.database},
          .note = {},
          .by = {}};
}

Result<Change> ChangePlan::DropOwed(Bytes stored, WallTime now) && {
  if (queue_.head.sequence == state_.cursor.sequence) {
    return Error(ErrorCode::kConflict, "nothing is owed any more");
  }
  ASSIGN_OR_RETURN(Position end, reader_.EndOfStored(state_.cursor, stored));
  ASSIGN_OR_RETURN(Gap gap, GapOf(state_.cursor.sequence.Next(), end));
  state_.cursor = end;
  RETURN_IF_ERROR(AppendDroppedGap(std::move(gap), now));
  return Done();
}

Result<Change> ChangePlan::DropHeld(const Lane& lane, Bytes stored, WallTime now) && {
  const auto found = queue_.lanes->find(lane);
  if (found == queue_.lanes->end() || found->second.records == 0) {
    return Error(ErrorCode::kConflict, "nothing is held any more");
  }
  const LaneState before = found->second;
  ASSIGN_OR_RETURN(Taken taken, TakeHeld(lane, before.first, before.last, stored));
  RETURN_IF_ERROR(AppendDroppedGap(GapOf(lane, before, taken), now));
  return Done();
}

// Extends the last gap if the new one directly follows it: a log that stays full drops
// for hours, and the ledger must stay short.
Status ChangePlan::AppendDroppedGap(Gap gap, WallTime now) {
  gap.reason = GapReason::kDropOldest;
  gap.by = "relay";
  gap.note = "the log was full";
  gap.when = now;
  ASSIGN_OR_RETURN(std::optional<StoredGap> last, LastGap());
  const bool follows =
      last && last->gap.reason == GapReason::kDropOldest && last->gap.last.Next() == gap.first;
  if (!follows) {
    AppendGaps({gap});
    return Ok();
  }
  state_.dropped += gap.points;
  ExtendGap(*std::move(last), gap);
  return Ok();
}

// nullopt: the ledger is empty.
Result<std::optional<StoredGap>> ChangePlan::LastGap() const {
  Result<std::vector<StoredGap>> last =
      reader_.ReadGaps(std::max<std::uint64_t>(state_.last_gap, 1) - 1, 1);
  if (!last.ok()) return std::move(last).error();
  if (last.value().empty()) return std::optional<StoredGap>();
  return std::optional(std::move(last.value().front()));
}

void ChangePlan::ExtendGap(StoredGap last, const Gap& by) {
  Gap& longer = last.gap;
  longer.first = std::min(longer.first, by.first);
  longer.last = std::max(longer.last, by.last);
  longer.from = std::min(longer.from, by.from);
  longer.to = std::max(longer.to, by.to);
  longer.when = by.when;
  longer.points += by.points;
  longer.bytes += by.bytes;
  std::vector<std::string> databases;
  std::set_union(longer.databases.begin(), longer.databases.end(), by.databases.begin(),
                 by.databases.end(), std::back_inserter(databases));
  databases.resize(std::min(databases.size(), Gap::kDatabasesMax));
  longer.databases = std::move(databases);
  std::string key = GapKey(queue_.number, last.number);
  std::string value = EncodeGap(key, longer);
  change_.rows.push_back({Family::kGaps, std::move(key), std::move(value)});
}

Result<Change> ChangePlan::PlanFor(const HoldLane& command) {
  const Lane& lane = command.lane;
  constexpr std::size_t kNameMax = std::numeric_limits<std::uint16_t>::max();
  if (lane.database.size() > kNameMax || lane.retention_policy.size() > kNameMax) {
    return Error(ErrorCode::kInvalidInput, "a database or retention policy name is too long");
  }
  LaneToChange(lane).by_operator = true;
  return Done();
}

Result<Change> ChangePlan::PlanFor(const ReleaseLane& command) {
  const auto found = queue_.lanes->find(command.lane);
  if (found == queue_.lanes->end() || !found->second.by_operator) {
    return Error(ErrorCode::kNotFound, "no operator holds the lane");
  }
  LaneToChange(command.lane).by_operator = false;
  return Done();
}

Result<Change> ChangePlan::PlanFor(const GiveUpRefused& command) {
  const auto found = queue_.lanes->find(command.lane);
  if (found == queue_.lanes->end() || found->second.records == 0) {
    return Error(ErrorCode::kNotFound, "the lane holds nothing");
  }
  LaneToChange(command.lane).gives_up = true;
  return Done();
}

Result<Change> ChangePlan::PlanFor(const SetPaused& command) {
  state_.paused = command.paused;
  return Done();
}

namespace {

// Sums up the dead letters that are removed together.
class RemovedLetters {
 public:
  RemovedLetters(GapReason reason, const Actor& actor) {
    gap_.reason = reason;
    gap_.by = actor.by;
    gap_.note = actor.note;
    gap_.when = actor.when;
  }

  void Add(Bytes stored, const Result<DeadLetter>& letter) {
    ++count_;
    stored_ += stored;
    if (!letter.ok()) return;  // Nobody knows what a damaged letter held.
    const DeadLetter& one = letter.value();
    const bool is_first = gap_.first == Sequence::BeforeFirst();
    gap_.first = is_first ? one.sequence : std::min(gap_.first, one.sequence);
    gap_.last = std::max(gap_.last, one.sequence);
    gap_.from = is_first ? one.when : std::min(gap_.from, one.when);
    gap_.to = is_first ? one.when : std::max(gap_.to, one.when);
    gap_.points += one.points;
    gap_.bytes += Bytes(one.lines.size());
    const auto place =
        std::lower_bound(gap_.databases.begin(), gap_.databases.end(), one.params.database);
    const bool is_known = place != gap_.databases.end() && *place == one.params.database;
    if (!is_known && gap_.databases.size() < Gap::kDatabasesMax) {
      gap_.databases.insert(place, one.params.database);
    }
  }

  std::uint64_t count() const { return count_; }
  Bytes stored() const { return stored_; }
  const Gap& gap() const { return gap_; }

 private:
  std::uint64_t count_ = 0;
  Bytes stored_{0};
  Gap gap_;
};

}  // namespace

Result<DeadLetter> ChangePlan::TakeLetter(std::uint64_t number) {
  // The rows of removed letters stay on disk until their file is rewritten.
  if (number < state_.first_dead) return NoLetter(number);
  std::string key = DeadKey(queue_.number, number);
  Result<std::optional<std::string>> value = store_.Get(Family::kDead, key);
  if (!value.ok()) return std::move(value).error();
  if (!value.value()) return NoLetter(number);
  Result<DeadLetter> letter = DecodeDead(key, *value.value());
  state_.dead_bytes = Less(state_.dead_bytes, Bytes(key.size() + value.value()->size()));
  change_.rows.push_back({Family::kDead, std::move(key), std::nullopt});
  --state_.dead_letters;
  return letter;
}

// Finds the lowest number that is still stored once the letters `gone` are deleted.
Status ChangePlan::FindFirstDead(const std::vector<std::uint64_t>& gone) {
  const std::string prefix = BackendKeys(queue_.number);
  const std::unique_ptr<StoreCursor> at = store_.NewCursor(Family::kDead);
  at->Seek(DeadKey(queue_.number, state_.first_dead));
  for (; at->Valid() && at->Key().starts_with(prefix); at->Next()) {
    ASSIGN_OR_RETURN(NumberedKey place, DecodeNumberedKey(at->Key()));
    state_.first_dead = place.number;
    if (!std::binary_search(gone.begin(), gone.end(), state_.first_dead)) return Ok();
  }
  state_.first_dead = state_.last_dead + 1;
  return at->Health();
}

Result<Change> ChangePlan::PlanFor(const DropDead& command) {
  const std::vector<std::uint64_t> wanted = Ascending(command.numbers);
  RemovedLetters removed(GapReason::kDeadDropped, command.actor);
  for (const std::uint64_t number : wanted) {
    Result<DeadLetter> letter = TakeLetter(number);
    // A damaged letter can be dropped too.
    if (!letter.ok() && letter.error().code() != ErrorCode::kCorruption) {
      return std::move(letter).error();
    }
    removed.Add(Bytes(0), letter);
  }
  RETURN_IF_ERROR(FindFirstDead(wanted));
  if (removed.count() == 0) return Done();
  PutNewGap(removed.gap());
  change_.gap = removed.gap();
  return Done();
}

Result<Change> ChangePlan::PlanFor(const Redrive& command) {
  const std::vector<std::uint64_t> wanted = Ascending(command.numbers);
  Bytes bytes(0);
  for (const std::uint64_t number : wanted) {
    Result<DeadLetter> letter = TakeLetter(number);
    if (!letter.ok()) return std::move(letter).error();
    DeadLetter& dead = letter.value();
    bytes += Bytes(dead.lines.size());
    if (bytes > Redrive::kBytesMax || dead.lines.empty()) {
      return Error(ErrorCode::kInvalidInput,
                   dead.lines.empty()
                       ? fmt::format("dead letter {} has no lines", number)
                       : fmt::format("more than {} bytes at once", Redrive::kBytesMax.count()));
    }
    ASSIGN_OR_RETURN(EncodedRecord record, Encode({.params = std::move(dead.params),
                                                   .points = dead.points,
                                                   .lines = std::move(dead.lines)},
                                                  Codec::kZstd));
    change_.records.push_back(std::move(record));
  }
  RETURN_IF_ERROR(FindFirstDead(wanted));
  change_.accepted_at = command.now;
  return Done();
}

namespace {

bool IsBeyond(const DeadExcess& excess, const RemovedLetters& so_far, std::uint64_t number,
              const Result<DeadLetter>& letter) {
  if (so_far.stored() < excess.size) return true;
  return excess.too_old && (!letter.ok() || excess.too_old->Covers(number, letter.value().when));
}

}  // namespace

// Deletes no row: those below `first_dead` are discarded once this is on stable storage.
Result<Change> ChangePlan::RemoveDead(const DeadExcess& excess, WallTime now) && {
  RemovedLetters removed(GapReason::kDeadLetters, {"relay", "beyond log.dead_letters", now});
  const std::string prefix = BackendKeys(queue_.number);
  const std::unique_ptr<StoreCursor> at = store_.NewCursor(Family::kDead);
  at->Seek(DeadKey(queue_.number, state_.first_dead));
  for (; at->Valid() && at->Key().starts_with(prefix); at->Next()) {
    ASSIGN_OR_RETURN(const NumberedKey place, DecodeNumberedKey(at->Key()));
    state_.first_dead = place.number;
    const Result<DeadLetter> letter = DecodeDead(at->Key(), at->Value());
    const bool is_enough =
        removed.count() >= kRemovedLettersMax || removed.stored() >= kRemovedBytesMax;
    if (is_enough || !IsBeyond(excess, removed, place.number, letter)) break;
    removed.Add(Bytes(at->Key().size() + at->Value().size()), letter);
    state_.first_dead = place.number + 1;
  }
  RETURN_IF_ERROR(at->Health());
  if (removed.count() == 0)
    return Error(ErrorCode::kConflict, "no dead letter is beyond its budget");
  INVARIANT(removed.count() <= state_.dead_letters);
  state_.dead_letters -= removed.count();
  state_.dead_bytes =
      state_.dead_letters == 0 ? Bytes(0) : Less(state_.dead_bytes, removed.stored());
  state_.dead_removed += removed.gap().points;
  state_.dead_letters_removed += removed.count();
  RETURN_IF_ERROR(AppendDeadGap(removed.gap()));
  return Done();
}

// Extends the last gap if it is of the same kind and of the same day: a client that sends the
// wrong type has letters removed for weeks.
Status ChangePlan::AppendDeadGap(const Gap& gap) {
  ASSIGN_OR_RETURN(std::optional<StoredGap> last, LastGap());
  const auto day = [](WallTime time) { return std::chrono::floor<std::chrono::days>(time); };
  const bool joins =
      last && last->gap.reason == GapReason::kDeadLetters && day(last->gap.when) == day(gap.when);
  if (joins) {
    ExtendGap(*std::move(last), gap);
    return Ok();
  }
  PutNewGap(gap);
  return Ok();
}

Result<Change> ChangePlan::NoteCopy(WallTime newest, WallTime now) && {
  PutNewGap({.first = queue_.head.sequence,
             .last = queue_.head.sequence,
             .from = newest,
             .to = std::max(newest, now),
             .databases = {},
             .reason = GapReason::kOtherCopy,
             .note = "the log was started on a checkpoint",
             .by = "relay",
             .when = now});
  return Done();
}

Result<Change> ChangePlan::Trim(const Position& through) && {
  if (through.sequence > state_.cursor.sequence) {
    return Error(ErrorCode::kConflict, "the cursor was moved back");
  }
  state_.trimmed = through;
  return Done();
}

// Deletes the rows of the state alone; the other families are discarded as a whole afterwards.
Result<Change> ChangePlan::PlanFor(const Forget& /*command*/) {
  change_.rows.push_back({Family::kState, BackendKey(backend_), std::nullopt});
  change_.rows.push_back({Family::kState, QueueKey(queue_.number), std::nullopt});
  for (const auto& [lane, state] : *queue_.lanes) {
    change_.rows.push_back({Family::kState, LaneKey(queue_.number, lane), std::nullopt});
  }
  return std::move(change_);
}

}  // namespace relay
