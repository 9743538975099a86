// The appends that wait for the committer, oldest first.
//
// Small writes cost more by the record than by their bytes, and do not compress
// alone. Small writes that wait at the same time and have equal parameters and backends
// are joined into one record, which the committer encodes when it takes it.
// A write is never joined across another one of its lane, nor across a
// statement, so that each thread's writes keep their order in their lane.
//
// THREADS. One at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "wal/log.h"

namespace relay {

// A record that is to be appended.
struct WaitingAppend {
  struct Completion {
    AppendDone done;
    std::chrono::nanoseconds since{0};
  };

  std::variant<AppendRequest, SmallWrite> write;
  std::vector<Completion> completions;  // Several if small writes were joined.
  // Count the other parts of the same write: all go in one batch, and the last has the completion.
  RecordCount parts_before = 0;
  RecordCount parts_after = 0;
  PayloadId payload{0};

  const WriteParams& params() const;
  // Returns the size in memory, lines included; it may be many times the stored size.
  Bytes memory() const;
  // Returns an upper bound of the size on disk.
  Bytes stored() const;

  // Encodes the record unless that is done: from then on `write` is an AppendRequest.
  AppendRequest& Encoded();
};

class AppendQueue {
 public:
  // Limits the lines of small writes in one record: zstd gains little beyond it.
  static constexpr Bytes kJoinedMax = 256_KiB;

  bool empty() const { return waiting_.empty(); }
  Bytes memory() const { return memory_; }

  // REQUIRES: `parts` is not empty.
  void Add(std::vector<AppendRequest> parts, WaitingAppend::Completion completion);
  void AddSmall(SmallWrite write, WaitingAppend::Completion completion);

  // Takes the oldest appends until their size on disk reaches `most`; the parts of a
  // write stay together.
  std::vector<WaitingAppend> Take(Bytes most);

 private:
  // A lane is a database and a retention policy.
  struct ByLane {
    static auto Of(const WriteParams& params) {
      return std::tuple<std::string_view, std::string_view>(params.database,
                                                            params.retention_policy);
    }
    bool operator()(const WriteParams& a, const WriteParams& b) const { return Of(a) < Of(b); }
  };

  WaitingAppend* Joinable(const SmallWrite& write);
  void Push(WaitingAppend append);

  std::deque<WaitingAppend> waiting_;
  Bytes memory_{0};
  std::size_t taken_ = 0;  // In the queue's lifetime: the number of the append waiting_.front().
  // The newest append of a lane, by number, if small writes may join it.
  std::map<WriteParams, std::size_t, ByLane> open_;
};

}  // namespace relay
