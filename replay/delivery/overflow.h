// The databases that share the overflow lane of one backend: those that the backend did not accept
// while Log::kHeldLanesMax others were on hold. A client that invents database names fills that
// lane, and nobody else waits for it.
//
// INVARIANT. A lane of which the overflow lane may hold a record is a member, so that its newer
// records go behind that one. Members leave only all together, when the overflow lane is empty.
//
// A member costs a few dozen bytes, whatever its name: only a hash of it is kept. Two names with
// the same hash share the lane, which keeps their order too.
//
// THREADS. One at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_set>
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

 private:
  static std::size_t HashOf(std::string_view database, std::string_view retention_policy) {
    constexpr std::size_t kOdd = 0x9E3779B97F4A7C15ULL;
    const std::hash<std::string_view> hash;
    return hash(database) * kOdd + hash(retention_policy);
  }

  std::unordered_set<std::size_t> hashes_;
  std::optional<Sequence> learnt_through_;
};

}  // namespace relay
