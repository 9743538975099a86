#include "wal/log_reader.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "wal/identity.h"

namespace relay {
namespace {

Error NoSuchBackend(const BackendId& backend) {
  return {ErrorCode::kNotFound, fmt::format("the log knows no backend '{}'", backend.text())};
}

// A number of the `state` family; nothing where it was never written.
Result<std::optional<std::uint64_t>> ReadNumber(const Store& store, std::string_view key) {
  Result<std::optional<std::string>> stored = store.Get(Family::kState, key);
  if (!stored.ok()) return std::move(stored).error();
  if (!stored.value()) return std::optional<std::uint64_t>();
  Result<std::uint64_t> number = DecodeNumber(key, *stored.value());
  if (!number.ok()) return std::move(number).error();
  return std::optional(number.value());
}

Status CheckFormat(const Store& store) {
  Result<std::optional<std::uint64_t>> version = ReadNumber(store, kFormatKey);
  if (!version.ok()) return std::move(version).error();
  // None: new and still empty.
  if (version.value().value_or(kFormatVersion) == kFormatVersion) return Ok();
  return Error(ErrorCode::kInvalidInput,
               fmt::format("the log has format {}, this program reads and writes format {}",
                           *version.value(), kFormatVersion));
}

// The newest entry of a backend, if it has one. Where that is damaged, it counts
// all the same, with the sums of the last intact one: the record is there to be
// reported, and its number must not be given again.
Result<std::optional<Entry>> LastEntry(const Store& store, BackendNumber backend) {
  const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kEntries);
  std::optional<Sequence> newest;
  std::uint64_t next = std::numeric_limits<std::uint64_t>::max();
  while (true) {
    at->SeekForPrevious(EntryKey(backend, Sequence(next)));
    if (Status health = at->Health(); !health.ok()) return std::move(health).error();
    const Result<NumberedKey> place =
        at->Valid() ? DecodeNumberedKey(at->Key()) : Result<NumberedKey>(NumberedKey());
    if (!place.ok() || place.value().backend != backend) break;
    if (!newest) newest = Sequence(place.value().number);
    if (Result<Entry> entry = DecodeEntry(at->Key(), at->Value()); entry.ok()) {
      entry.value().position.sequence = *newest;
      return std::optional(entry.value());
    }
    if (place.value().number == 0) break;
    next = place.value().number - 1;
  }
  if (!newest) return std::optional<Entry>();
  Entry unknown;
  unknown.position.sequence = *newest;
  return std::optional(unknown);
}

Result<RunState> LoadRunState(const Store& store, BackendNumber number) {
  const std::string key = RunKey(number);
  Result<std::optional<std::string>> stored = store.Get(Family::kState, key);
  if (!stored.ok()) return std::move(stored).error();
  if (!stored.value()) return RunState();
  return DecodeRunState(key, *stored.value());
}

Result<Run> LoadRun(const Store& store, BackendNumber number, PayloadId& last_payload) {
  Result<RunState> state = LoadRunState(store, number);
  if (!state.ok()) return std::move(state).error();
  Result<std::optional<Entry>> last = LastEntry(store, number);
  if (!last.ok()) return std::move(last).error();

  Run run;
  run.number = number;
  run.state = state.value();
  run.head = run.state.cursor;  // Trimmed to the last record, or never written to.
  if (last.value() && last.value()->position.sequence > run.head.sequence) {
    run.head = last.value()->position;
  }
  if (last.value()) {
    run.last_accepted = last.value()->accepted_at;
    last_payload = std::max(last_payload, last.value()->payload);
  }
  return run;
}

Result<PayloadId> LastPayload(const Store& store) {
  const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kPayloads);
  at->SeekForPrevious(PayloadKey(PayloadId(std::numeric_limits<std::uint64_t>::max())));
  if (at->Valid()) return DecodePayloadKey(at->Key());
  if (Status health = at->Health(); !health.ok()) return std::move(health).error();
  return PayloadId(0);
}

Status LoadRuns(const Store& store, LoadedLog& log) {
  const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kState);
  for (at->Seek(kBackendPrefix); at->Valid() && at->Key().starts_with(kBackendPrefix); at->Next()) {
    Result<BackendId> name = BackendId::Parse(at->Key().substr(kBackendPrefix.size()));
    if (!name.ok()) return Error(ErrorCode::kCorruption, "a backend's name in the log is damaged");
    Result<std::uint64_t> stored = DecodeNumber(at->Key(), at->Value());
    if (!stored.ok()) return std::move(stored).error();
    const BackendNumber number(static_cast<std::uint32_t>(stored.value()));
    Result<Run> run = LoadRun(store, number, log.last_payload);
    if (!run.ok()) return std::move(run).error().Within(name.value().text());
    log.runs.emplace(std::move(name).value(), run.value());
    log.last_backend = std::max(log.last_backend, number.value());
  }
  return at->Health();
}

// Walks the entries of a run from one sequence on. Entries that are missing or
// damaged come out as one error for the whole stretch up to the next good one,
// whose running totals say how much was lost.
class EntryWalk {
 public:
  EntryWalk(const Store& store, const Run& run, Sequence after)
      : at_(store.NewCursor(Family::kEntries)), run_(run), last_(after) {
    at_->Seek(EntryKey(run.number, after.Next()));
  }

  bool AtHead() const { return last_ >= run_.head.sequence; }
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
      if (place.value().backend != run_.number) return std::nullopt;
      if (Sequence(place.value().number) > run_.head.sequence) return std::nullopt;
      if (Result<Entry> entry = DecodeEntry(at_->Key(), at_->Value()); entry.ok()) {
        return entry.value();
      }
    }
    return std::nullopt;
  }

  Entry EndOfStretch(const std::optional<Entry>& next) const {
    Entry end;
    end.position = run_.head;
    end.accepted_at = run_.last_accepted;
    if (!next) return end;
    end.position.sequence = Sequence(next->position.sequence.value() - 1);
    end.position.totals = next->position.totals - next->size;
    end.accepted_at = next->accepted_at;
    return end;
  }

  std::unique_ptr<StoreCursor> at_;
  const Run& run_;
  Sequence last_;
};

// Payloads in ascending order: mostly the next one, seldom a seek.
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
    Result<Record> record = Decode(id, at_->Value());
    if (!record.ok()) return std::move(record).error();
    at_->Next();
    return std::make_shared<const Record>(std::move(record).value());
  }

 private:
  const Store& store_;
  const RecentRecords* recent_;
  std::unique_ptr<StoreCursor> at_;  // Opened when the first one is not recent.
};

class OfflineLog final : public LogView {
 public:
  OfflineLog(std::unique_ptr<Store> store, LoadedLog log)
      : store_(std::move(store)), log_(std::move(log)) {}

  std::vector<BackendId> Backends() const override {
    std::vector<BackendId> names;
    names.reserve(log_.runs.size());
    for (const auto& [name, run] : log_.runs) names.push_back(name);
    return names;
  }

  Result<Figures> FiguresOf(const BackendId& backend) const override {
    Result<RunReader> reader = ReaderOf(backend);
    if (!reader.ok()) return std::move(reader).error();
    return reader.value().ReadFigures();
  }

  Result<std::vector<StoredRecord>> Read(const BackendId& backend, Sequence after,
                                         ReadLimit limit) const override {
    Result<RunReader> reader = ReaderOf(backend);
    if (!reader.ok()) return std::move(reader).error();
    return reader.value().Read(after, limit);
  }

  Result<Sequence> LastBefore(const BackendId& backend, WallTime time) const override {
    Result<RunReader> reader = ReaderOf(backend);
    if (!reader.ok()) return std::move(reader).error();
    return reader.value().LastBefore(time);
  }

  Result<std::vector<StoredDeadLetter>> ReadDead(const BackendId& backend, std::uint64_t after,
                                                 std::size_t count_max) const override {
    Result<RunReader> reader = ReaderOf(backend);
    if (!reader.ok()) return std::move(reader).error();
    return reader.value().ReadDead(after, count_max);
  }

 private:
  Result<RunReader> ReaderOf(const BackendId& backend) const {
    const auto found = log_.runs.find(backend);
    if (found == log_.runs.end()) return NoSuchBackend(backend);
    return RunReader(*store_, found->second);
  }

  std::unique_ptr<Store> store_;
  LoadedLog log_;
};

}  // namespace

std::int64_t Figures::unaccounted() const {
  const PointCount known = delivered + owed.points + held + dead + dropped;
  return static_cast<std::int64_t>(accepted.points) - static_cast<std::int64_t>(known);
}

Result<LoadedLog> LoadLog(const Store& store) {
  if (Status format = CheckFormat(store); !format.ok()) return std::move(format).error();
  LoadedLog log;
  Result<PayloadId> last = LastPayload(store);
  if (!last.ok()) return std::move(last).error();
  log.last_payload = last.value();
  if (Status loaded = LoadRuns(store, log); !loaded.ok()) return std::move(loaded).error();

  Result<std::optional<std::uint64_t>> backend = ReadNumber(store, kLastBackendKey);
  if (!backend.ok()) return std::move(backend).error();
  log.last_backend =
      std::max(log.last_backend, static_cast<std::uint32_t>(backend.value().value_or(0)));
  // The payloads themselves may be trimmed to the last one.
  Result<std::optional<std::uint64_t>> payload = ReadNumber(store, kLastPayloadKey);
  if (!payload.ok()) return std::move(payload).error();
  log.last_payload = std::max(log.last_payload, PayloadId(payload.value().value_or(0)));
  return log;
}

namespace {

// What cannot be read now is not damaged: no descriptors left, an I/O error.
// That is an error; damage is a record that says so.
Result<StoredRecord> NextRecord(EntryWalk& walk, PayloadWalk& payloads) {
  EntryWalk::Step step = walk.Next();
  if (Status health = walk.Health(); !health.ok()) return std::move(health).error();
  if (!step.intact.ok()) return StoredRecord{step.entry, std::move(step.intact).error()};
  auto record = payloads.Find(step.entry.payload);
  if (!record.ok() && record.error().code() != ErrorCode::kCorruption) {
    return std::move(record).error();
  }
  return StoredRecord{step.entry, std::move(record)};
}

}  // namespace

Result<std::vector<StoredRecord>> RunReader::Read(Sequence after, ReadLimit limit) const {
  INVARIANT(limit.records > 0);
  std::vector<StoredRecord> records;
  Sequence last = std::max(after, run_.state.trimmed.sequence);
  EntryWalk walk(store_, run_, last);
  PayloadWalk payloads(store_, recent_);
  Bytes bytes(0);
  while (records.size() < limit.records && !walk.AtHead()) {
    Result<StoredRecord> next = NextRecord(walk, payloads);
    // The records before it are delivered; it is asked for again.
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

// What damaged entries held, by the sums around them.
Totals RunReader::SizeOfStretch(Sequence before, const Position& end) const {
  const std::optional<Totals> totals = TotalsAt(before);
  return totals ? end.totals - *totals : Totals();
}

Result<Figures> RunReader::ReadFigures() const {
  Figures figures;
  figures.marks = run_.marks();
  figures.accepted = run_.head.totals;
  figures.owed = run_.head.totals - run_.state.cursor.totals;
  figures.kept = run_.state.cursor.totals - run_.state.trimmed.totals;
  figures.delivered = run_.state.delivered;
  figures.dead = run_.state.dead;
  figures.dropped = run_.state.dropped;
  if (figures.marks.lag() == 0) return figures;
  EntryWalk walk(store_, run_, figures.marks.cursor);
  if (Status health = walk.Health(); !health.ok()) return std::move(health).error();
  figures.oldest_owed = walk.Next().entry.accepted_at;
  return figures;
}

Result<Sequence> RunReader::LastBefore(WallTime time) const {
  return LastWhere([time](const Entry& entry) { return entry.accepted_at < time; });
}

Result<Position> RunReader::TrimTarget(const KeepPolicy& keep, WallTime now) const {
  const Position& trimmed = run_.state.trimmed;
  const Position& cursor = run_.state.cursor;
  if (trimmed.sequence == cursor.sequence) return trimmed;
  Result<Sequence> target = LastWhere([&](const Entry& entry) {
    if (entry.position.sequence > cursor.sequence) return false;
    const bool too_old = entry.accepted_at < now - keep.time;
    const Bytes kept_with_it =
        cursor.totals.stored - (entry.position.totals.stored - entry.size.stored);
    const bool too_much = kept_with_it > keep.size;
    return too_old || too_much;
  });
  if (!target.ok()) return std::move(target).error();
  if (target.value() == trimmed.sequence) return trimmed;
  Result<Entry> entry = ReadEntry(target.value());
  if (!entry.ok()) return std::move(entry).error();
  return entry.value().position;
}

Result<std::optional<PayloadId>> RunReader::FirstPayload() const {
  if (run_.state.trimmed.sequence == run_.head.sequence) return std::optional<PayloadId>();
  Result<Entry> entry = ReadEntry(run_.state.trimmed.sequence.Next());
  if (!entry.ok()) return std::move(entry).error();
  return std::optional(entry.value().payload);
}

// The last sequence whose entry, and all before it, are `wanted`: by bisection.
template <typename Wanted>
Result<Sequence> RunReader::LastWhere(const Wanted& wanted) const {
  std::uint64_t low = run_.state.trimmed.sequence.value();
  std::uint64_t high = run_.head.sequence.value();
  while (low < high) {  // The answer is in [low, high].
    const std::uint64_t middle = low + (high - low + 1) / 2;
    Result<Entry> entry = ReadEntry(Sequence(middle));
    if (!entry.ok()) return std::move(entry).error();
    if (wanted(entry.value())) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return Sequence(low);
}

Result<std::vector<StoredDeadLetter>> RunReader::ReadDead(std::uint64_t after,
                                                          std::size_t count_max) const {
  std::vector<StoredDeadLetter> letters;
  const std::unique_ptr<StoreCursor> at = store_.NewCursor(Family::kDead);
  for (at->Seek(DeadKey(run_.number, after + 1)); at->Valid() && letters.size() < count_max;
       at->Next()) {
    Result<NumberedKey> place = DecodeNumberedKey(at->Key());
    if (!place.ok()) return std::move(place).error();
    if (place.value().backend != run_.number) break;
    Result<DeadLetter> letter = DecodeDead(at->Key(), at->Value());
    if (!letter.ok()) return std::move(letter).error();
    letters.push_back({place.value().number, std::move(letter).value()});
  }
  if (Status health = at->Health(); !health.ok()) return std::move(health).error();
  return letters;
}

Result<Entry> RunReader::ReadEntry(Sequence sequence) const {
  const std::string key = EntryKey(run_.number, sequence);
  Result<std::optional<std::string>> value = store_.Get(Family::kEntries, key);
  if (!value.ok()) return std::move(value).error();
  if (!value.value()) {
    return Error(ErrorCode::kCorruption, fmt::format("entry {} is missing", sequence.value()));
  }
  return DecodeEntry(key, *value.value());
}

// Nothing where the entry there is damaged too.
std::optional<Totals> RunReader::TotalsAt(Sequence sequence) const {
  if (sequence == run_.state.cursor.sequence) return run_.state.cursor.totals;
  if (sequence == run_.state.trimmed.sequence) return run_.state.trimmed.totals;
  Result<Entry> entry = ReadEntry(sequence);
  if (!entry.ok()) return std::nullopt;
  return entry.value().position.totals;
}

Result<std::unique_ptr<LogView>> OpenLogView(const std::string& directory) {
  if (Result<FoundIdentity> found = ReadIdentity(directory, kFormatVersion); !found.ok()) {
    return std::move(found).error().Within(directory);
  }
  Result<std::unique_ptr<Store>> store =
      OpenStoreReadOnly({.directory = StoreDirectory(directory)});
  if (!store.ok()) return std::move(store).error();
  Result<LoadedLog> log = LoadLog(*store.value());
  if (!log.ok()) return std::move(log).error().Within(directory);
  return std::unique_ptr<LogView>(
      std::make_unique<OfflineLog>(std::move(store).value(), std::move(log).value()));
}

std::string StoreDirectory(const std::string& log_path) {
  return log_path + "/db";
}

}  // namespace relay
