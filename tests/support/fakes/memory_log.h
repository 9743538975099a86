#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "wal/log.h"

namespace relay::test {

// The Log contract without a disk: everything is "durable" at once. Passes the
// same contract tests as the log on RocksDB. Can be told to fail.
class MemoryLog final : public Log {
 public:
  explicit MemoryLog(const std::vector<BackendId>& backends)
      : configured_(backends.begin(), backends.end()) {
    for (const BackendId& backend : backends) queues_.emplace(backend, Run{});
  }

  // Returns another log in the same state, without its listener.
  std::unique_ptr<MemoryLog> Copy() const {
    const std::lock_guard lock(mutex_);
    auto copy = std::make_unique<MemoryLog>(std::vector<BackendId>());
    copy->configured_ = configured_;
    copy->queues_ = queues_;
    copy->last_payload_ = last_payload_;
    copy->lives_ = lives_;
    copy->synced_changes_ = synced_changes_;
    return copy;
  }

  // Begins another life, as a log does when it is opened.
  void BeginLife(LifeId life) {
    const std::lock_guard lock(mutex_);
    lives_.Begin(life, last_payload_.Next());
  }

  // Refuses appends and whatever waits for the disk, until told to work again.
  void Fail(bool failing) {
    const std::lock_guard lock(mutex_);
    failing_ = failing;
  }

  // Refuses appends for want of room, until told that there is some.
  void Fill(bool full) {
    const std::lock_guard lock(mutex_);
    full_ = full;
  }

  // Makes reads fail, as they do when no descriptors are left.
  void FailReads(bool failing) {
    const std::lock_guard lock(mutex_);
    failing_reads_ = failing;
  }

  // Lends the delivery to all backends to this relay under a lease; nullopt: another one has it.
  void Lend(std::optional<std::uint64_t> lease) {
    const std::lock_guard lock(mutex_);
    lease_ = lease;
  }

  // Makes the stored bytes of one record unreadable.
  void Damage(const BackendId& backend, Sequence sequence) {
    const std::lock_guard lock(mutex_);
    queues_.at(backend).damaged.insert(sequence);
  }

  // Removes the backend from the configuration.
  void Orphan(const BackendId& backend) {
    const std::lock_guard lock(mutex_);
    configured_.erase(backend);
  }

  // Adds the backend to the configuration; a known one gets its queue back.
  void Configure(const BackendId& backend) {
    const std::lock_guard lock(mutex_);
    configured_.insert(backend);
    queues_.try_emplace(backend);
  }

  // Moves the cursor back, as after a crash before it was on stable storage.
  void FallBack(const BackendId& backend, Sequence cursor, PointCount delivered) {
    const std::lock_guard lock(mutex_);
    Run& run = queues_.at(backend);
    run.cursor = run.PositionAt(cursor);
    run.figures.delivered = delivered;
  }

  // Counts the changes that waited for the disk, as in the log on RocksDB: each
  // makes every cursor so far durable, and FallBack goes no further back.
  std::uint64_t synced_changes() const {
    const std::lock_guard lock(mutex_);
    return synced_changes_;
  }

  // REQUIRES: trimmed <= through <= cursor.
  void Trim(const BackendId& backend, Sequence through) {
    const std::lock_guard lock(mutex_);
    Run& run = queues_.at(backend);
    INVARIANT(run.trimmed.sequence <= through && through <= run.cursor.sequence);
    run.trimmed = run.PositionAt(through);
  }

  // Removes all dead letters of the backend, as the log does beyond their budget.
  void RemoveDead(const BackendId& backend, WallTime now) {
    const std::lock_guard lock(mutex_);
    Run& run = queues_.at(backend);
    if (run.letters.empty()) return;
    std::vector<std::uint64_t> all;
    for (const auto& [number, letter] : run.letters) all.push_back(number);
    Gap gap = run.GapOfLetters(all, {"relay", "beyond log.dead_letters", now});
    gap.reason = GapReason::kDeadLetters;
    run.figures.dead_removed += gap.points;
    run.figures.dead_letters_removed += run.letters.size();
    run.letters.clear();
    run.gaps.push_back(std::move(gap));
  }

  std::vector<BackendId> Backends() const override {
    const std::lock_guard lock(mutex_);
    std::vector<BackendId> names;
    for (const auto& [name, run] : queues_) names.push_back(name);
    return names;
  }

  Result<QueueStats> StatsOf(const BackendId& backend) const override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return Unknown();
    const Run& run = found->second;
    QueueStats figures = run.figures;
    figures.marks = run.marks();
    figures.accepted = run.head().totals;
    figures.owed = run.head().totals - run.cursor.totals;
    figures.kept = run.cursor.totals - run.trimmed.totals;
    figures.dead_letters = run.letters.size();
    figures.gaps = run.gaps.size();
    for (const auto& [lane, held] : run.lanes) {
      figures.held_records += held.records.size();
      figures.held = figures.held + held.size();
    }
    if (figures.marks.lag() > 0) figures.oldest_owed = run.After(run.cursor).accepted_at;
    if (figures.kept != Totals()) figures.oldest_kept = run.After(run.trimmed).accepted_at;
    return figures;
  }

  Result<std::vector<StoredRecord>> Read(const BackendId& backend, Sequence after,
                                         ReadLimit limit) const override {
    INVARIANT(limit.records > 0);
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return Unknown();
    if (failing_reads_) return Error(ErrorCode::kIo, "Too many open files");
    const Run& run = found->second;
    std::vector<StoredRecord> records;
    Bytes bytes(0);
    const Sequence first = std::max(after, run.trimmed.sequence);
    for (std::uint64_t i = first.value(); i < run.records.size(); ++i) {
      if (!AddWithin(limit, run.Shown(run.records.at(i)), bytes, records)) break;
    }
    return records;
  }

  Result<Sequence> LastBefore(const BackendId& backend, WallTime time) const override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return Unknown();
    Sequence last = found->second.trimmed.sequence;
    for (const Stored& stored : found->second.records) {
      if (stored.entry.accepted_at < time) last = std::max(last, stored.entry.position.sequence);
    }
    return last;
  }

  // Measures ages by this clock, from each append on.
  void MeasureAges(const Clock& clock) {
    const std::lock_guard lock(mutex_);
    clock_ = &clock;
  }

  Result<Sequence> LastOlderThan(const BackendId& backend, std::chrono::nanoseconds age,
                                 Clock::TimePoint now) const override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return Unknown();
    Sequence last = found->second.trimmed.sequence;
    for (const Stored& stored : found->second.records) {
      if (now - stored.taken_at > age) last = std::max(last, stored.entry.position.sequence);
    }
    return last;
  }

  Result<std::vector<StoredDeadLetter>> ReadDead(const BackendId& backend, std::uint64_t after,
                                                 std::size_t count_max) const override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return Unknown();
    std::vector<StoredDeadLetter> letters;
    const auto& kept = found->second.letters;
    for (auto at = kept.upper_bound(after); at != kept.end() && letters.size() < count_max; ++at) {
      letters.push_back({at->first, at->second});
    }
    return letters;
  }

  Result<std::vector<StoredGap>> ReadGaps(const BackendId& backend, std::uint64_t after,
                                          std::size_t count_max) const override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return Unknown();
    std::vector<StoredGap> gaps;
    const std::vector<Gap>& kept = found->second.gaps;
    for (std::uint64_t i = after; i < kept.size() && gaps.size() < count_max; ++i) {
      gaps.push_back({i + 1, kept.at(i)});
    }
    return gaps;
  }

  Result<std::vector<HeldLane>> HeldLanes(const BackendId& backend) const override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return Unknown();
    std::vector<HeldLane> lanes;
    for (const auto& [lane, held] : found->second.lanes) {
      HeldLane shown{.lane = lane, .records = held.records.size(), .size = held.size()};
      shown.by_operator = held.by_operator;
      shown.gives_up = held.gives_up && !held.records.empty();
      if (!held.records.empty()) {
        shown.first = held.records.begin()->first;
        shown.last = held.records.rbegin()->first;
        shown.oldest = held.records.begin()->second.entry.accepted_at;
      }
      lanes.push_back(shown);
    }
    return lanes;
  }

  Result<std::vector<StoredRecord>> ReadHeld(const BackendId& backend, const Lane& lane,
                                             Sequence after, ReadLimit limit) const override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return Unknown();
    if (failing_reads_) return Error(ErrorCode::kIo, "Too many open files");
    std::vector<StoredRecord> records;
    const auto held = found->second.lanes.find(lane);
    if (held == found->second.lanes.end()) return records;
    Bytes bytes(0);
    for (auto at = held->second.records.upper_bound(after); at != held->second.records.end();
         ++at) {
      if (!AddWithin(limit, found->second.Shown(at->second), bytes, records)) break;
    }
    return records;
  }

  Result<WriteOutcome> OutcomeOf(const BackendId& backend, PayloadId payload) const override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return Unknown();
    const Run& run = found->second;
    for (const Stored& stored : run.records) {
      if (stored.entry.payload != payload) continue;
      const Sequence sequence = stored.entry.position.sequence;
      if (sequence <= run.trimmed.sequence) return WriteOutcome::kTrimmed;
      if (sequence > run.cursor.sequence) return WriteOutcome::kOwed;
      return run.Holds(sequence) ? WriteOutcome::kHeld : WriteOutcome::kPassed;
    }
    return WriteOutcome::kNotRouted;
  }

  bool Gave(const WritePosition& position) const override {
    const std::lock_guard lock(mutex_);
    return lives_.Gave(position, last_payload_);
  }

  void Append(AppendRequest request, AppendDone done) override {
    std::vector<AppendRequest> parts;
    parts.push_back(std::move(request));
    AppendParts(std::move(parts), std::move(done));
  }

  void AppendParts(std::vector<AppendRequest> parts, AppendDone done) override {
    INVARIANT(!parts.empty());
    std::optional<Durable> durable;
    {
      const std::lock_guard lock(mutex_);
      const PayloadId first = last_payload_.Next();
      if (full_) return done(Error(ErrorCode::kFull, "the log is full"));
      if (!failing_) {
        for (AppendRequest& part : parts) Store(part);
        durable = SyncGate::Passed(first, last_payload_, lives_.current());
      }
    }
    if (!durable) return done(Error(ErrorCode::kUnavailable, "the log is closed"));
    done(*durable);
    if (on_readable_) on_readable_();
  }

  void AppendSmall(SmallWrite write, AppendDone done) override {
    INVARIANT(write.record.params.api != Api::kStatement);
    Result<EncodedRecord> encoded = Encode(std::move(write.record), write.codec);
    if (!encoded.ok()) return done(std::move(encoded).error());
    Append({std::move(encoded).value(), std::move(write.backends), write.accepted_at},
           std::move(done));
  }

  Status Resolve(const BackendId& backend, Resolution resolution) override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return Unknown();
    if (!lease_) return Elsewhere();
    Run& run = found->second;
    const bool waits =
        !resolution.letters.empty() || !resolution.gaps.empty() || !resolution.held.empty();
    if (waits && failing_) return Closed();
    if (resolution.after != run.cursor.sequence) return Conflict();
    INVARIANT(resolution.after < resolution.through.sequence);
    INVARIANT(resolution.through.sequence <= run.head().sequence);
    for (const Sequence sequence : resolution.held) {
      const Stored& stored = run.At(sequence);
      const bool in_overflow =
          std::binary_search(resolution.overflow.begin(), resolution.overflow.end(), sequence);
      const Lane lane = in_overflow ? OverflowLane() : LaneOf(stored.record->params);
      const std::size_t own = run.lanes.size() - run.lanes.count(OverflowLane());
      const bool is_new = !in_overflow && !run.lanes.contains(lane);
      if (is_new && own == kHeldLanesMax) return TooManyLanes();
      run.lanes[lane].records.emplace(sequence, stored);
    }
    run.cursor = resolution.through;
    run.Account(resolution.delivered, resolution.letters, resolution.gaps);
    if (waits) ++synced_changes_;
    return Ok();
  }

  Status ResolveHeld(const BackendId& backend, const Lane& lane,
                     HeldResolution resolution) override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(backend);
    if (found == queues_.end()) return Unknown();
    if (!lease_) return Elsewhere();
    if (failing_) return Closed();
    Run& run = found->second;
    const auto held = run.lanes.find(lane);
    if (held == run.lanes.end()) return Conflict();
    auto& records = held->second.records;
    const auto from = lane == OverflowLane() ? records.find(resolution.first) : records.begin();
    if (from == records.end() || from->first != resolution.first) return Conflict();
    if (!records.contains(resolution.through)) return Conflict();
    records.erase(from, records.upper_bound(resolution.through));
    run.DropEmptyLanes();
    run.Account(resolution.delivered, resolution.letters, resolution.gaps);
    ++synced_changes_;
    return Ok();
  }

  Result<CommandResult> Execute(const BackendId& backend, const LogCommand& command) override {
    // Forget works even while the log fails, and tells nobody: nothing is delivered to the backend.
    const bool forgets = std::holds_alternative<Forget>(command);
    Result<CommandResult> done = Unknown();
    {
      const std::lock_guard lock(mutex_);
      const auto found = queues_.find(backend);
      if (found == queues_.end()) return done;
      if (failing_ && !forgets) return Closed();
      done = std::visit([&](const auto& one) { return Do(*found, one); }, command);
      if (!done.ok() || forgets) return done;
      ++synced_changes_;
    }
    if (on_readable_) on_readable_();
    return done;
  }

  Marks MarksOf(const BackendId& backend) const override {
    const std::lock_guard lock(mutex_);
    return queues_.at(backend).marks();
  }

  Result<std::uint64_t> LeaseOf(const BackendId& /*backend*/) const override {
    const std::lock_guard lock(mutex_);
    if (!lease_) return Elsewhere();
    return *lease_;
  }

  bool PausedOf(const BackendId& backend) const override {
    const std::lock_guard lock(mutex_);
    return queues_.at(backend).figures.paused;
  }

  void OnReadable(std::function<void()> listener) override { on_readable_ = std::move(listener); }

  Status Health() const override {
    const std::lock_guard lock(mutex_);
    if (failing_) return Closed();
    return Ok();
  }

 private:
  struct Stored {
    Entry entry;
    std::shared_ptr<const Record> record;
    Clock::TimePoint taken_at = {};
  };
  struct Held {
    std::map<Sequence, Stored> records;
    bool by_operator = false;
    bool gives_up = false;

    Totals size() const {
      Totals sum;
      for (const auto& [sequence, stored] : records) sum = sum + stored.entry.size;
      return sum;
    }
  };
  struct Run {
    std::vector<Stored> records;
    std::set<Sequence> damaged;
    std::map<std::uint64_t, DeadLetter> letters;
    std::uint64_t last_letter = 0;
    std::vector<Gap> gaps;
    std::map<Lane, Held> lanes;
    Position trimmed;
    Position cursor;
    QueueStats figures;  // Uses only its counters.

    Position head() const { return records.empty() ? Position() : records.back().entry.position; }
    Marks marks() const { return {trimmed.sequence, cursor.sequence, head().sequence}; }
    const Stored& At(Sequence sequence) const { return records.at(sequence.value() - 1); }
    const Entry& After(const Position& position) const {
      return records.at(position.sequence.value()).entry;
    }
    Position PositionAt(Sequence sequence) const {
      return sequence == Sequence::BeforeFirst() ? Position() : At(sequence).entry.position;
    }
    StoredRecord Shown(const Stored& stored) const {
      if (damaged.contains(stored.entry.position.sequence)) {
        return {stored.entry, Error(ErrorCode::kCorruption, "checksum mismatch")};
      }
      return {stored.entry, stored.record};
    }
    bool Holds(Sequence sequence) const {
      return std::any_of(lanes.begin(), lanes.end(), [sequence](const auto& lane) {
        return lane.second.records.contains(sequence);
      });
    }
    bool HasLetters(const std::vector<std::uint64_t>& numbers) const {
      return std::all_of(numbers.begin(), numbers.end(),
                         [this](std::uint64_t number) { return letters.contains(number); });
    }
    void DropEmptyLanes() {
      for (auto& [lane, held] : lanes) held.gives_up = held.gives_up && !held.records.empty();
      std::erase_if(lanes, [](const auto& lane) {
        return lane.second.records.empty() && !lane.second.by_operator;
      });
    }
    // REQUIRES: trimmed > command.to.
    Gap NotKept(const Rewind& command) const {
      const bool is_known = command.to == Sequence::BeforeFirst() && !command.since;
      const bool keeps_any = trimmed.sequence.value() < records.size();
      const WallTime to = keeps_any ? records.at(trimmed.sequence.value()).entry.accepted_at
                                    : records.back().entry.accepted_at;
      return {.first = command.to.Next(),
              .last = trimmed.sequence,
              .from = std::min(to, command.since.value_or(WallTime())),
              .to = to,
              .points = is_known ? trimmed.totals.points : 0,
              .bytes = is_known ? trimmed.totals.bytes : Bytes(0),
              .databases = {},
              .reason = GapReason::kNotKept,
              .note = command.actor.note,
              .by = command.actor.by,
              .when = command.actor.when};
    }

    // REQUIRES: the letters exist, and there is one.
    Gap GapOfLetters(const std::vector<std::uint64_t>& numbers, const Actor& actor) const {
      const DeadLetter& first = letters.at(*std::min_element(numbers.begin(), numbers.end()));
      Gap gap{.first = first.sequence,
              .last = first.sequence,
              .from = first.when,
              .to = first.when,
              .databases = {},
              .note = actor.note,
              .by = actor.by,
              .when = actor.when};
      std::set<std::string> databases;
      for (const std::uint64_t number : std::set(numbers.begin(), numbers.end())) {
        const DeadLetter& letter = letters.at(number);
        gap.first = std::min(gap.first, letter.sequence);
        gap.last = std::max(gap.last, letter.sequence);
        gap.from = std::min(gap.from, letter.when);
        gap.to = std::max(gap.to, letter.when);
        gap.points += letter.points;
        gap.bytes += Bytes(letter.lines.size());
        databases.insert(letter.params.database);
      }
      gap.databases.assign(databases.begin(), databases.end());
      return gap;
    }

    void Account(PointCount delivered, std::vector<DeadLetter>& buried, std::vector<Gap>& lost) {
      figures.delivered += delivered;
      for (DeadLetter& letter : buried) {
        figures.dead += letter.points;
        figures.dead_by_reason[letter.reason] += letter.points;
        letters.emplace(++last_letter, std::move(letter));
      }
      for (Gap& gap : lost) {
        figures.dropped += gap.points;
        gaps.push_back(std::move(gap));
      }
    }
    CommandResult EnterSkipped(const std::vector<const Stored*>& skipped, const Actor& asked) {
      Gap gap{.first = skipped.front()->entry.position.sequence,
              .last = skipped.back()->entry.position.sequence,
              .from = skipped.front()->entry.accepted_at,
              .to = skipped.back()->entry.accepted_at,
              .databases = {},
              .note = asked.note,
              .by = asked.by};
      gap.when = asked.when;
      std::set<std::string> databases;
      for (const Stored* stored : skipped) {
        gap.points += stored->entry.size.points;
        gap.bytes += stored->entry.size.bytes;
        databases.insert(stored->record->params.database);
      }
      gap.databases.assign(databases.begin(), databases.end());
      figures.dropped += gap.points;
      gaps.push_back(gap);
      return {.marks = {}, .gap = std::move(gap)};
    }
  };
  using NamedRun = std::pair<const BackendId, Run>;

  static Error Unknown() { return {ErrorCode::kNotFound, "the log knows no such backend"}; }
  static Error Closed() { return {ErrorCode::kUnavailable, "the log is closed"}; }
  static Error Elsewhere() { return {ErrorCode::kElsewhere, "relay-b delivers to west"}; }
  static Error Conflict() { return {ErrorCode::kConflict, "read again"}; }
  static Error NoLetter() { return {ErrorCode::kNotFound, "no such dead letter"}; }
  static Error TooManyLanes() { return {ErrorCode::kFull, "too many lanes are on hold"}; }

  // Returns whether to read the next record.
  static bool AddWithin(ReadLimit limit, StoredRecord next, Bytes& bytes,
                        std::vector<StoredRecord>& records) {
    const Bytes size = next.entry.size.bytes;
    if (records.size() == limit.records) return false;
    if (!records.empty() && bytes + size > limit.bytes) return false;
    bytes += size;
    records.push_back(std::move(next));
    return true;
  }

  static Result<CommandResult> Do(NamedRun& named, const Rewind& command) {
    Run& run = named.second;
    const bool lacks_some = command.partial && command.to < run.trimmed.sequence;
    const Sequence to = lacks_some ? run.trimmed.sequence : command.to;
    if (to < run.trimmed.sequence || to > run.cursor.sequence) {
      return Error(ErrorCode::kInvalidInput, "outside of what is kept");
    }
    std::optional<Gap> gap;
    if (lacks_some) gap = run.NotKept(command);
    if (gap) run.gaps.push_back(*gap);
    const Position position = run.PositionAt(to);
    run.figures.rewound += run.cursor.totals.points - position.totals.points;
    for (auto& [lane, held] : run.lanes) {
      const auto from = held.records.upper_bound(to);
      for (auto at = from; at != held.records.end(); ++at) {
        run.figures.rewound -= at->second.entry.size.points;
      }
      held.records.erase(from, held.records.end());
    }
    run.DropEmptyLanes();
    run.cursor = position;
    return CommandResult{.marks = run.marks(), .gap = std::move(gap)};
  }

  static Result<CommandResult> Do(NamedRun& named, const Skip& command) {
    Run& run = named.second;
    if (command.to <= run.cursor.sequence || command.to > run.head().sequence) {
      return Error(ErrorCode::kInvalidInput, "outside of what is owed");
    }
    std::vector<const Stored*> skipped;
    for (std::uint64_t i = run.cursor.sequence.value(); i < command.to.value(); ++i) {
      skipped.push_back(&run.records.at(i));
    }
    run.cursor = run.PositionAt(command.to);
    return run.EnterSkipped(skipped, command.actor);
  }

  static Result<CommandResult> Do(NamedRun& named, const SkipHeld& command) {
    Run& run = named.second;
    const auto held = run.lanes.find(command.lane);
    if (held == run.lanes.end() || held->second.records.empty()) {
      return Error(ErrorCode::kNotFound, "the lane holds nothing");
    }
    std::vector<const Stored*> skipped;
    for (const auto& [sequence, stored] : held->second.records) skipped.push_back(&stored);
    CommandResult result = run.EnterSkipped(skipped, command.actor);
    held->second.records.clear();
    run.DropEmptyLanes();
    return result;
  }

  static Result<CommandResult> Do(NamedRun& named, const HoldLane& command) {
    Run& run = named.second;
    const std::size_t own = run.lanes.size() - run.lanes.count(OverflowLane());
    if (!run.lanes.contains(command.lane) && own == kHeldLanesMax) {
      return TooManyLanes();
    }
    run.lanes[command.lane].by_operator = true;
    return CommandResult();
  }

  static Result<CommandResult> Do(NamedRun& named, const ReleaseLane& command) {
    Run& run = named.second;
    const auto held = run.lanes.find(command.lane);
    if (held == run.lanes.end() || !held->second.by_operator) {
      return Error(ErrorCode::kNotFound, "no operator holds the lane");
    }
    held->second.by_operator = false;
    run.DropEmptyLanes();
    return CommandResult();
  }

  static Result<CommandResult> Do(NamedRun& named, const GiveUpRefused& command) {
    Run& run = named.second;
    const auto held = run.lanes.find(command.lane);
    if (held == run.lanes.end() || held->second.records.empty()) {
      return Error(ErrorCode::kNotFound, "the lane holds nothing");
    }
    held->second.gives_up = true;
    return CommandResult();
  }

  static Result<CommandResult> Do(NamedRun& named, const SetPaused& command) {
    named.second.figures.paused = command.paused;
    return CommandResult();
  }

  static Result<CommandResult> Do(NamedRun& named, const DropDead& command) {
    Run& run = named.second;
    if (!run.HasLetters(command.numbers)) return NoLetter();
    if (command.numbers.empty()) return CommandResult();
    Gap gap = run.GapOfLetters(command.numbers, command.actor);
    gap.reason = GapReason::kDeadDropped;
    run.gaps.push_back(gap);
    for (const std::uint64_t number : command.numbers) run.letters.erase(number);
    return CommandResult{.marks = {}, .gap = std::move(gap)};
  }

  Result<CommandResult> Do(NamedRun& named, const Redrive& command) {
    Run& run = named.second;
    if (!run.HasLetters(command.numbers)) return NoLetter();
    Bytes bytes(0);
    for (const std::uint64_t number : command.numbers) {
      const DeadLetter& letter = run.letters.at(number);
      bytes += Bytes(letter.lines.size());
      if (letter.lines.empty() || bytes > Redrive::kBytesMax) {
        return Error(ErrorCode::kInvalidInput, "no lines, or too many");
      }
    }
    for (const std::uint64_t number : std::set(command.numbers.begin(), command.numbers.end())) {
      const DeadLetter letter = run.letters.at(number);
      run.letters.erase(number);
      const Record record{.params = letter.params, .points = letter.points, .lines = letter.lines};
      AppendRequest request{Encode(record, Codec::kZstd).value(),
                            std::make_shared<const std::vector<BackendId>>(1, named.first),
                            command.now};
      Store(request);
    }
    return CommandResult();
  }

  Result<CommandResult> Do(NamedRun& named, const Forget& /*command*/) {
    if (configured_.contains(named.first)) {
      return Error(ErrorCode::kInvalidInput, "it is configured");
    }
    queues_.erase(BackendId(named.first));
    return CommandResult();
  }

  void Store(AppendRequest& request) {
    last_payload_ = last_payload_.Next();
    Result<Record> record = Decode(last_payload_, request.record.Seal(last_payload_));
    INVARIANT(record.ok());
    const auto shared = std::make_shared<const Record>(std::move(record).value());
    for (const BackendId& backend : *request.backends) {
      Run& run = queues_.at(backend);
      Entry entry;
      entry.payload = last_payload_;
      entry.size = request.record.size();
      entry.accepted_at = request.accepted_at;
      if (!run.records.empty()) {
        entry.accepted_at = std::max(entry.accepted_at, run.records.back().entry.accepted_at);
      }
      const Position head = run.head();
      entry.position = {head.sequence.Next(), head.totals + entry.size};
      run.records.push_back(
          {entry, shared, clock_ != nullptr ? clock_->Now() : Clock::TimePoint()});
    }
  }

  mutable std::mutex mutex_;
  std::set<BackendId> configured_;
  std::map<BackendId, Run> queues_;
  PayloadId last_payload_{0};
  Lives lives_;
  std::uint64_t synced_changes_ = 0;
  const Clock* clock_ = nullptr;
  bool failing_ = false;
  bool full_ = false;
  bool failing_reads_ = false;
  std::optional<std::uint64_t> lease_ = 0;
  std::function<void()> on_readable_;
};

}  // namespace relay::test
