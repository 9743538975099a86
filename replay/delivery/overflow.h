// The databases that share the overflow lane of one backend: those that the backend did not accept
// while Log::kHeldLanesMax others were on hold. A client that invents database names fills that
// lane, and nobody else waits for it.
//
// INVARIANT. A lane of which the overflow lane may hold a record is a member, so that its newer
// records go behind that one. Members leave only all together, when the overflow lane is empty.
//
// Round. What the log holds in the overflow lane is sent in rounds: consecutive records of one
// database are read and sent; if the backend does not accept them, all others of this database are
// passed over until the next round. So a database that was created is delivered, in its order,
// whatever stands before it.
//
// A member costs a few dozen bytes, whatever its name: only a hash of it is kept. Two names with
// the same hash share the lane, which keeps their order too.
//
// THREADS. One at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "wal/log.h"

namespace relay {

class OverflowMembers {
 public:
  bool Contain(const WriteParams& params) const {
    return !hashes_.empty() && hashes_.contains(HashOf(params.database, params.retention_policy));
  }
  void Add(const Lane& lane) { hashes_.insert(HashOf(lane.database, lane.retention_policy)); }
  void Clear() { hashes_.clear(); }
  bool empty() const { return hashes_.empty(); }
  std::size_t size() const { return hashes_.size(); }

  // Reports, at the start, what the log holds in the overflow lane. Until all of it was learnt,
  // records may not be distributed.
  void MustLearn() { learnt_through_ = Sequence::BeforeFirst(); }

  // Returns the last record that was learnt; the next one is to be read. nullopt: nothing is left
  // to be learnt.
  std::optional<Sequence> learning_after() const { return learnt_through_; }

  // Takes the next records of the overflow lane; empty: there are no more.
  void Learn(const std::vector<StoredRecord>& records) {
    for (const StoredRecord& stored : records) {
      if (stored.record.ok()) Add(LaneOf(stored.record.value()->params));
      learnt_through_ = stored.entry.position.sequence;
    }
    if (records.empty()) learnt_through_.reset();
  }

  // Begins a round at the oldest record.
  void BeginRound() {
    refused_.clear();
    round_after_ = Sequence::BeforeFirst();
    read_most_ = kReadLeast;
  }
  Sequence round_after() const { return round_after_; }  // The next read begins behind it.
  RecordCount read_most() const { return read_most_; }
  void PassedThrough(Sequence sequence) { round_after_ = std::max(round_after_, sequence); }
  void Refuse(const WriteParams& params) {
    refused_.insert(HashOf(params.database, params.retention_policy));
  }
  bool has_refused() const { return !refused_.empty(); }

  // Returns, of the records that were read next, those of the first database that was not refused
  // in this round, as far as they are consecutive; empty: there are none.
  std::vector<StoredRecord> TakeRun(std::vector<StoredRecord> records) {
    std::vector<StoredRecord> run;
    std::optional<std::size_t> wanted;
    for (StoredRecord& stored : records) {
      const std::optional<std::size_t> hash = HashOf(stored);
      if (run.empty() && hash && refused_.contains(*hash)) {
        PassedThrough(stored.entry.position.sequence);
        continue;
      }
      const bool joins = run.empty() || (hash && hash == wanted);
      if (!joins) {
        read_most_ = kReadLeast;
        return run;
      }
      wanted = hash;
      run.push_back(std::move(stored));
    }
    read_most_ = kReadMost;  // There may be more of it, or more to be passed over.
    return run;
  }

 private:
  // Few, as most databases of a client that invents them have one record.
  static constexpr RecordCount kReadLeast = 16;
  static constexpr RecordCount kReadMost = 10'000;

  // nullopt: the record is damaged, and a run of its own.
  static std::optional<std::size_t> HashOf(const StoredRecord& stored) {
    if (!stored.record.ok()) return std::nullopt;
    const WriteParams& params = stored.record.value()->params;
    return HashOf(params.database, params.retention_policy);
  }

  static std::size_t HashOf(std::string_view database, std::string_view retention_policy) {
    constexpr std::size_t kOdd = 0x9E3779B97F4A7C15ULL;
    const std::hash<std::string_view> hash;
    return hash(database) * kOdd + hash(retention_policy);
  }

  std::unordered_set<std::size_t> hashes_;
  std::optional<Sequence> learnt_through_;
  std::unordered_set<std::size_t> refused_;  // In this round.
  Sequence round_after_ = Sequence::BeforeFirst();
  RecordCount read_most_ = kReadLeast;
};

}  // namespace relay
