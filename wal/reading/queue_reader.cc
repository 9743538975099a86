#include "wal/reading/queue_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace relay {
namespace {

// Walks the entries of a queue from one sequence on. A stretch of missing or damaged entries is
// returned as one error that ends at the next good entry, whose running totals say how much was
// lost.
class EntryWalk {
 public:
  EntryWalk(const Store& store, const Queue& queue, Sequence after)
      : at_(store.NewCursor(Family::kEntries)), queue_(queue), last_(after) {
    at_->Seek(EntryKey(queue.number, after.Next()));
  }

  bool AtHead() const { return last_ >= queue_.head.sequence; }
  Status Health() const { return at_->Health(); }

  struct Step {
    Entry entry;
    Status intact = Ok();
  };

  // REQUIRES: !AtHead() and Health() is ok.
  Step Next() {
    std::optional<Entry> found = NextIntact();
    const Sequence expected = last_.Next();
    if (found && found->position.sequence == expected) {
      last_ = expected;
      at_->Next();
      return {*found, Ok()};
    }
    Step lost{EndOfStretch(found),
              Error(ErrorCode::kCorruption, "the entry is damaged or missing")};
    last_ = lost.entry.position.sequence;
    return lost;
  }

 private:
  std::optional<Entry> NextIntact() {
    for (; at_->Valid(); at_->Next()) {
      Result<NumberedKey> place = DecodeNumberedKey(at_->Key());
      if (!place.ok()) continue;
      if (place.value().backend != queue_.number) return std::nullopt;
      if (Sequence(place.value().number) > queue_.head.sequence) return std::nullopt;
      if (Result<Entry> entry = DecodeEntry(at_->Key(), at_->Value()); entry.ok()) {
        return entry.value();
      }
    }
    return std::nullopt;
  }

  Entry EndOfStretch(const std::optional<Entry>& next) const {
    Entry end;
    end.position = queue_.head;
    end.accepted_at = queue_.last_accepted;
    if (!next) return end;
    end.position.sequence = Sequence(next->position.sequence.value() - 1);
    end.position.totals = next->position.totals - next->size;
    end.accepted_at = next->accepted_at;
    return end;
  }

  std::unique_ptr<StoreCursor> at_;
  const Queue& queue_;
  Sequence last_;
};

// Reads payloads in ascending order: usually the next one, rarely a seek.
class PayloadWalk {
 public:
  PayloadWalk(const Store& store, const RecentRecords* recent) : store_(store), recent_(recent) {}

  Result<std::shared_ptr<const Record>> Find(PayloadId id) {
    if (recent_ != nullptr) {
      if (std::shared_ptr<const Record> record = recent_->Find(id)) return record;
    }
    if (at_ == nullptr) at_ = store_.NewCursor(Family::kPayloads);
    const std::string key = PayloadKey(id);
    if (!at_->Valid() || at_->Key() != key) at_->Seek(key);
    if (!at_->Valid() && !at_->Health().ok()) return std::move(at_->Health()).error();
    if (!at_->Valid() || at_->Key() != key) {
      return Error(ErrorCode::kCorruption, fmt::format("payload {} is missing", id.value()));
    }
    ASSIGN_OR_RETURN(Record record, Decode(id, at_->Value()));
    at_->Next();
    return std::make_shared<const Record>(std::move(record));
  }

 private:
  const Store& store_;
  const RecentRecords* recent_;
  std::unique_ptr<StoreCursor> at_;  // Opened when a payload is first not in the cache.
};

// A failed read is not damage: no file descriptors left, an I/O error. It is returned as an error;
// damage is returned as a record that says so.
Result<StoredRecord> NextRecord(EntryWalk& walk, PayloadWalk& payloads) {
  EntryWalk::Step step = walk.Next();
  RETURN_IF_ERROR(walk.Health());
  if (!step.intact.ok()) return StoredRecord{step.entry, std::move(step.intact).error()};
  auto record = payloads.Find(step.entry.payload);
  if (!record.ok() && record.error().code() != ErrorCode::kCorruption) {
    return std::move(record).error();
  }
  return StoredRecord{step.entry, std::move(record)};
}

// Decodes a row of `held`; if its entry is damaged, only its sequence is known.
Result<StoredRecord> HeldRecord(std::string_view key, std::string_view prefix,
                                std::string_view value) {
  Result<Sequence> sequence = DecodeHeldKey(key, prefix);
  if (!sequence.ok()) return std::move(sequence).error();
  Result<Entry> entry = DecodeHeldEntry(key, sequence.value(), value);
  if (!entry.ok()) {
    Entry unknown;
    unknown.position.sequence = sequence.value();
    return StoredRecord{unknown, std::move(entry).error()};
  }
  Result<Record> record = Decode(entry.value().payload, HeldPayload(value));
  if (!record.ok()) return StoredRecord{entry.value(), std::move(record).error()};
  return StoredRecord{entry.value(), std::make_shared<const Record>(std::move(record).value())};
}

}  // namespace

Result<std::vector<StoredRecord>> QueueReader::Read(Sequence after, ReadLimit limit) const {
  INVARIANT(limit.records > 0);
  std::vector<StoredRecord> records;
  Sequence last = std::max(after, queue_.state.trimmed.sequence);
  EntryWalk walk(store_, queue_, last);
  PayloadWalk payloads(store_, recent_);
  Bytes bytes(0);
  while (records.size() < limit.records && !walk.AtHead()) {
    Result<StoredRecord> next = NextRecord(walk, payloads);
    // Returns the records before it; the next call meets the error again.
    if (!next.ok() && !records.empty()) return records;
    if (!next.ok()) return std::move(next).error();
    Entry& entry = next.value().entry;
    if (!records.empty() && bytes + entry.size.bytes > limit.bytes) break;
    bytes += entry.size.bytes;
    if (entry.payload == PayloadId(0)) entry.size = SizeOfStretch(last, entry.position);
    last = entry.position.sequence;
    records.push_back(std::move(next).value());
  }
  return records;
}

// Computes the size of damaged entries from the running totals around them.
Totals QueueReader::SizeOfStretch(Sequence before, const Position& end) const {
  const std::optional<Totals> totals = TotalsAt(before);
  return totals ? end.totals - *totals : Totals();
}

Result<QueueStats> QueueReader::ReadStats() const {
  QueueStats figures;
  figures.marks = queue_.marks();
  figures.accepted = queue_.head.totals;
  figures.owed = queue_.head.totals - queue_.state.cursor.totals;
  figures.kept = queue_.state.cursor.totals - queue_.state.trimmed.totals;
  figures.held = queue_.state.held;
  figures.held_records = queue_.state.held_records;
  figures.rewound = queue_.state.rewound;
  figures.delivered = queue_.state.delivered;
  figures.dead = queue_.state.dead_points();
  figures.dead_by_reason = queue_.state.dead;
  figures.dead_letters = queue_.state.dead_letters;
  figures.dead_bytes = queue_.state.dead_bytes;
  figures.dead_removed = queue_.state.dead_removed;
  figures.dead_letters_removed = queue_.state.dead_letters_removed;
  figures.dropped = queue_.state.dropped;
  figures.gaps = queue_.state.last_gap;
  figures.paused = queue_.state.paused;
  if (figures.marks.trimmed < figures.marks.cursor) {
    ASSIGN_OR_RETURN(WallTime oldest, TimeAfter(figures.marks.trimmed));
    figures.oldest_kept = oldest;
  }
  if (figures.marks.lag() > 0) {
    ASSIGN_OR_RETURN(WallTime oldest, TimeAfter(figures.marks.cursor));
    figures.oldest_owed = oldest;
  }
  return figures;
}

// Returns when the record after `sequence` was accepted. REQUIRES: there is one.
Result<WallTime> QueueReader::TimeAfter(Sequence sequence) const {
  EntryWalk walk(store_, queue_, sequence);
  RETURN_IF_ERROR(walk.Health());
  return walk.Next().entry.accepted_at;
}

Result<Sequence> QueueReader::LastBefore(WallTime time) const {
  return LastWhere([time](const Entry& entry) { return entry.accepted_at < time; });
}

Result<Sequence> QueueReader::LastOlder(const AgeLimit& limit) const {
  // No row needs to be read where stamps do not count.
  const std::uint64_t trimmed = queue_.state.trimmed.sequence.value();
  const std::uint64_t seen = std::clamp(limit.seen, trimmed, queue_.head.sequence.value());
  if (limit.stamped <= seen) return Sequence(seen);
  return LastWhere([&limit](const Entry& entry) {
    return limit.Covers(entry.position.sequence.value(), entry.accepted_at);
  });
}

Result<Position> QueueReader::TrimTarget(const KeepPolicy& keep, const AgeLimit& old) const {
  const Position& trimmed = queue_.state.trimmed;
  const Position& cursor = queue_.state.cursor;
  if (trimmed.sequence == cursor.sequence) return trimmed;
  Result<Sequence> target = LastWhere([&](const Entry& entry) {
    if (entry.position.sequence > cursor.sequence) return false;
    const bool too_old = old.Covers(entry.position.sequence.value(), entry.accepted_at);
    const Bytes kept_with_it =
        cursor.totals.stored - (entry.position.totals.stored - entry.size.stored);
    const bool too_much = kept_with_it > keep.size;
    return too_old || too_much;
  });
  if (!target.ok()) return std::move(target).error();
  if (target.value() == trimmed.sequence) return trimmed;
  ASSIGN_OR_RETURN(Entry entry, EntryOrStretch(target.value()));
  return entry.position;
}

Result<std::optional<PayloadId>> QueueReader::FirstPayload() const {
  EntryWalk walk(store_, queue_, queue_.state.trimmed.sequence);
  while (!walk.AtHead()) {
    const Entry entry = walk.Next().entry;
    RETURN_IF_ERROR(walk.Health());
    // A lost record has no payload.
    if (entry.payload != PayloadId(0)) return std::optional(entry.payload);
  }
  return std::optional<PayloadId>();
}

// Finds the last sequence for which it and all before it are `wanted`, by bisection.
template <typename Wanted>
Result<Sequence> QueueReader::LastWhere(const Wanted& wanted) const {
  std::uint64_t low = queue_.state.trimmed.sequence.value();
  std::uint64_t high = queue_.head.sequence.value();
  while (low < high) {  // The answer is in [low, high].
    const std::uint64_t middle = low + (high - low + 1) / 2;
    ASSIGN_OR_RETURN(Entry entry, EntryOrStretch(Sequence(middle)));
    if (wanted(entry)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return Sequence(low);
}

Result<std::vector<StoredDeadLetter>> QueueReader::ReadDead(std::uint64_t after,
                                                            std::size_t count_max) const {
  // Skips numbers below the first: reading over many deleted rows would be slow.
  const std::uint64_t from = std::max(after + 1, queue_.state.first_dead);
  std::vector<StoredDeadLetter> letters;
  const std::string prefix = BackendKeys(queue_.number);
  const std::unique_ptr<StoreCursor> at = store_.NewCursor(Family::kDead);
  for (at->Seek(DeadKey(queue_.number, from));
       at->Valid() && at->Key().starts_with(prefix) && letters.size() < count_max; at->Next()) {
    ASSIGN_OR_RETURN(NumberedKey place, DecodeNumberedKey(at->Key()));
    ASSIGN_OR_RETURN(DeadLetter letter, DecodeDead(at->Key(), at->Value()));
    letters.push_back({place.number, std::move(letter)});
  }
  RETURN_IF_ERROR(at->Health());
  return letters;
}

Result<std::vector<StoredGap>> QueueReader::ReadGaps(std::uint64_t after,
                                                     std::size_t count_max) const {
  std::vector<StoredGap> gaps;
  const std::string prefix = BackendKeys(queue_.number);
  const std::unique_ptr<StoreCursor> at = store_.NewCursor(Family::kGaps);
  for (at->Seek(GapKey(queue_.number, after + 1));
       at->Valid() && at->Key().starts_with(prefix) && gaps.size() < count_max; at->Next()) {
    ASSIGN_OR_RETURN(NumberedKey place, DecodeNumberedKey(at->Key()));
    ASSIGN_OR_RETURN(Gap gap, DecodeGap(at->Key(), at->Value()));
    gaps.push_back({place.number, std::move(gap)});
  }
  RETURN_IF_ERROR(at->Health());
  return gaps;
}

std::vector<HeldLane> QueueReader::HeldLanes() const {
  std::vector<HeldLane> lanes;
  lanes.reserve(queue_.lanes->size());
  for (const auto& [lane, state] : *queue_.lanes) {
    HeldLane held{.lane = lane, .records = state.records, .size = state.size};
    held.by_operator = state.by_operator;
    held.gives_up = state.gives_up;
    if (state.records > 0) {
      held.first = state.first;
      held.last = state.last;
      held.oldest = state.oldest;
    }
    lanes.push_back(std::move(held));
  }
  return lanes;
}

Result<std::vector<StoredRecord>> QueueReader::ReadHeld(const Lane& lane, Sequence after,
                                                        ReadLimit limit) const {
  INVARIANT(limit.records > 0);
  std::vector<StoredRecord> records;
  const auto found = queue_.lanes->find(lane);
  if (found == queue_.lanes->end() || found->second.records == 0) return records;
  const std::string prefix = HeldPrefix(queue_.number, lane);
  const Sequence from = std::max(after.Next(), found->second.first);
  const std::unique_ptr<StoreCursor> at = store_.NewCursor(Family::kHeld);
  Bytes bytes(0);
  for (at->Seek(HeldKey(queue_.number, lane, from));
       at->Valid() && at->Key().starts_with(prefix) && records.size() < limit.records; at->Next()) {
    ASSIGN_OR_RETURN(StoredRecord record, HeldRecord(at->Key(), prefix, at->Value()));
    const Bytes size = record.entry.size.bytes;
    if (!records.empty() && bytes + size > limit.bytes) return records;
    bytes += size;
    records.push_back(std::move(record));
  }
  RETURN_IF_ERROR(at->Health());
  return records;
}

Result<WriteOutcome> QueueReader::OutcomeOf(PayloadId payload) const {
  Result<Sequence> last =
      LastWhere([payload](const Entry& entry) { return entry.payload <= payload; });
  if (!last.ok()) return std::move(last).error();
  const Sequence sequence = last.value();
  if (sequence == queue_.state.trimmed.sequence) {
    return sequence == Sequence::BeforeFirst() ? WriteOutcome::kNotRouted : WriteOutcome::kTrimmed;
  }
  ASSIGN_OR_RETURN(Entry entry, ReadEntry(sequence));
  if (entry.payload != payload) return WriteOutcome::kNotRouted;
  if (sequence > queue_.state.cursor.sequence) return WriteOutcome::kOwed;
  ASSIGN_OR_RETURN(bool held, IsHeld(sequence));
  return held ? WriteOutcome::kHeld : WriteOutcome::kPassed;
}

Result<bool> QueueReader::IsHeld(Sequence sequence) const {
  for (const auto& [lane, state] : *queue_.lanes) {
    if (state.records == 0 || sequence < state.first || sequence > state.last) continue;
    ASSIGN_OR_RETURN(std::optional<std::string> row,
                     store_.Get(Family::kHeld, HeldKey(queue_.number, lane, sequence)));
    if (row) return true;
  }
  return false;
}

Result<Position> QueueReader::PositionAt(Sequence sequence) const {
  if (sequence == queue_.state.trimmed.sequence) return queue_.state.trimmed;
  if (sequence == queue_.state.cursor.sequence) return queue_.state.cursor;
  if (sequence == queue_.head.sequence) return queue_.head;
  ASSIGN_OR_RETURN(Entry entry, ReadEntry(sequence));
  return entry.position;
}

Result<Position> QueueReader::EndOfStored(const Position& start, Bytes stored) const {
  INVARIANT(start.sequence < queue_.head.sequence);
  const Sequence first = start.sequence.Next();
  Result<Sequence> last = LastWhere([&](const Entry& entry) {
    return entry.position.sequence <= first ||
           entry.position.totals.stored <= start.totals.stored + stored;
  });
  if (!last.ok()) return std::move(last).error();
  return PositionAt(last.value());
}

Result<std::vector<std::string>> QueueReader::DatabasesIn(Sequence after, Sequence through) const {
  std::set<std::string> names;
  EntryWalk walk(store_, queue_, after);
  const std::unique_ptr<StoreCursor> payloads = store_.NewCursor(Family::kPayloads);
  Sequence at = after;
  while (at < through && names.size() < Gap::kDatabasesMax) {
    const EntryWalk::Step step = walk.Next();
    RETURN_IF_ERROR(walk.Health());
    at = step.entry.position.sequence;
    if (!step.intact.ok()) continue;
    const std::string key = PayloadKey(step.entry.payload);
    if (!payloads->Valid() || payloads->Key() != key) payloads->Seek(key);
    if (!payloads->Valid() || payloads->Key() != key) continue;
    Result<WriteParams> params = DecodeParams(step.entry.payload, payloads->Value());
    if (params.ok()) names.insert(std::move(params).value().database);
    payloads->Next();
  }
  return std::vector<std::string>(names.begin(), names.end());
}

// Returns the entry of a record; for a lost one, the end of its damaged stretch.
Result<Entry> QueueReader::EntryOrStretch(Sequence sequence) const {
  EntryWalk walk(store_, queue_, Sequence(sequence.value() - 1));
  const Entry entry = walk.Next().entry;
  RETURN_IF_ERROR(walk.Health());
  return entry;
}

Result<Entry> QueueReader::ReadEntry(Sequence sequence) const {
  const std::string key = EntryKey(queue_.number, sequence);
  Result<std::optional<std::string>> value = store_.Get(Family::kEntries, key);
  if (!value.ok()) return std::move(value).error();
  if (!value.value()) {
    return Error(ErrorCode::kCorruption, fmt::format("entry {} is missing", sequence.value()));
  }
  return DecodeEntry(key, *value.value());
}

// nullopt: that entry is damaged too.
std::optional<Totals> QueueReader::TotalsAt(Sequence sequence) const {
  if (sequence == queue_.state.cursor.sequence) return queue_.state.cursor.totals;
  if (sequence == queue_.state.trimmed.sequence) return queue_.state.trimmed.totals;
  Result<Entry> entry = ReadEntry(sequence);
  if (!entry.ok()) return std::nullopt;
  return entry.value().position.totals;
}

}  // namespace relay
