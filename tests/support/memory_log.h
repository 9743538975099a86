#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "wal/log.h"

namespace relay::test {

// The Log contract without a disk: every append is "durable" at once. Passes
// the same contract tests as the log on RocksDB. Can be told to fail.
class MemoryLog final : public Log {
 public:
  explicit MemoryLog(const std::vector<BackendId>& backends) {
    for (const BackendId& backend : backends) runs_.emplace(backend, Run{});
  }

  // From here on appends and set-asides are refused, until it is told to work.
  void Fail(bool failing) {
    const std::lock_guard lock(mutex_);
    failing_ = failing;
  }

  // From here on reads fail, as they do when there are no descriptors left.
  void FailReads(bool failing) {
    const std::lock_guard lock(mutex_);
    failing_reads_ = failing;
  }

  // Makes the stored bytes of one record unreadable.
  void Damage(const BackendId& backend, Sequence sequence) {
    const std::lock_guard lock(mutex_);
    runs_.at(backend).damaged.insert(sequence);
  }

  std::vector<BackendId> Backends() const override {
    std::vector<BackendId> names;
    for (const auto& [name, run] : runs_) names.push_back(name);
    return names;
  }

  Result<Figures> FiguresOf(const BackendId& backend) const override {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(backend);
    if (found == runs_.end()) return Unknown();
    const Run& run = found->second;
    Figures figures;
    figures.marks = MarksIn(run);
    figures.accepted = run.head().totals;
    figures.owed = run.head().totals - run.cursor.totals;
    figures.delivered = run.delivered;
    figures.dead = run.dead;
    if (figures.marks.lag() > 0) {
      figures.oldest_owed = run.records.at(run.cursor.sequence.value()).entry.accepted_at;
    }
    return figures;
  }

  Result<std::vector<StoredRecord>> Read(const BackendId& backend, Sequence after,
                                         ReadLimit limit) const override {
    INVARIANT(limit.records > 0);
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(backend);
    if (found == runs_.end()) return Unknown();
    if (failing_reads_) return Error(ErrorCode::kIo, "Too many open files");
    std::vector<StoredRecord> records;
    Bytes bytes(0);
    for (std::uint64_t i = after.value(); i < found->second.records.size(); ++i) {
      const Stored& stored = found->second.records.at(i);
      if (records.size() == limit.records) break;
      if (!records.empty() && bytes + stored.entry.size.bytes > limit.bytes) break;
      bytes += stored.entry.size.bytes;
      records.push_back({stored.entry, Content(found->second, stored)});
    }
    return records;
  }

  Result<Sequence> LastBefore(const BackendId& backend, WallTime time) const override {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(backend);
    if (found == runs_.end()) return Unknown();
    std::uint64_t last = 0;
    for (const Stored& stored : found->second.records) {
      if (stored.entry.accepted_at < time) last = stored.entry.position.sequence.value();
    }
    return Sequence(last);
  }

  Result<std::vector<StoredDeadLetter>> ReadDead(const BackendId& backend, std::uint64_t after,
                                                 std::size_t count_max) const override {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(backend);
    if (found == runs_.end()) return Unknown();
    std::vector<StoredDeadLetter> letters;
    for (std::uint64_t i = after; i < found->second.letters.size(); ++i) {
      if (letters.size() < count_max) letters.push_back({i + 1, found->second.letters.at(i)});
    }
    return letters;
  }

  void Append(AppendRequest request, AppendDone done) override {
    std::optional<Durable> durable;
    {
      const std::lock_guard lock(mutex_);
      if (!failing_) durable = Store(request);
    }
    if (!durable) return done(Error(ErrorCode::kUnavailable, "the log is closed"));
    done(*durable);
    if (on_readable_) on_readable_();
  }

  Status Advance(const BackendId& backend, const Position& through, PointCount delivered) override {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(backend);
    if (found == runs_.end()) return Unknown();
    INVARIANT(found->second.cursor.sequence <= through.sequence);
    INVARIANT(through.sequence <= found->second.head().sequence);
    found->second.cursor = through;
    found->second.delivered += delivered;
    return Ok();
  }

  Status SetAside(const BackendId& backend, const Position& through, PointCount delivered,
                  std::vector<DeadLetter> letters) override {
    {
      const std::lock_guard lock(mutex_);
      if (failing_) return Error(ErrorCode::kUnavailable, "the log is closed");
    }
    if (Status advanced = Advance(backend, through, delivered); !advanced.ok()) return advanced;
    const std::lock_guard lock(mutex_);
    Run& run = runs_.at(backend);
    for (DeadLetter& letter : letters) {
      run.dead += letter.points;
      run.letters.push_back(std::move(letter));
    }
    return Ok();
  }

  Marks MarksOf(const BackendId& backend) const override {
    const std::lock_guard lock(mutex_);
    return MarksIn(runs_.at(backend));
  }

  void OnReadable(std::function<void()> listener) override { on_readable_ = std::move(listener); }

  Status Health() const override {
    const std::lock_guard lock(mutex_);
    if (failing_) return Error(ErrorCode::kUnavailable, "the log is closed");
    return Ok();
  }

 private:
  struct Stored {
    Entry entry;
    std::shared_ptr<const Record> record;
  };
  struct Run {
    std::vector<Stored> records;
    std::vector<DeadLetter> letters;
    std::set<Sequence> damaged;
    Position cursor;
    PointCount delivered = 0;
    PointCount dead = 0;

    Position head() const { return records.empty() ? Position() : records.back().entry.position; }
  };

  static Error Unknown() { return {ErrorCode::kNotFound, "the log knows no such backend"}; }

  static Marks MarksIn(const Run& run) {
    return {Sequence::BeforeFirst(), run.cursor.sequence, run.head().sequence};
  }

  static Result<std::shared_ptr<const Record>> Content(const Run& run, const Stored& stored) {
    if (run.damaged.contains(stored.entry.position.sequence)) {
      return Error(ErrorCode::kCorruption, "checksum does not match");
    }
    return stored.record;
  }

  Durable Store(AppendRequest& request) {
    last_payload_ = last_payload_.Next();
    Result<Record> record = Decode(last_payload_, request.record.Seal(last_payload_));
    INVARIANT(record.ok());
    const auto shared = std::make_shared<const Record>(std::move(record).value());
    for (const BackendId& backend : *request.backends) {
      Run& run = runs_.at(backend);
      Entry entry;
      entry.payload = last_payload_;
      entry.size = request.record.size();
      entry.accepted_at = request.accepted_at;
      if (!run.records.empty()) {
        entry.accepted_at = std::max(entry.accepted_at, run.records.back().entry.accepted_at);
      }
      const Position head = run.head();
      entry.position = {head.sequence.Next(), head.totals + entry.size};
      run.records.push_back({entry, shared});
    }
    return SyncGate::Passed(last_payload_);
  }

  mutable std::mutex mutex_;
  std::map<BackendId, Run> runs_;
  PayloadId last_payload_{0};
  bool failing_ = false;
  bool failing_reads_ = false;
  std::function<void()> on_readable_;
};

}  // namespace relay::test
