// What one batch of the committer holds, and the numbers it gives out.
//
// A caller that waits for its change lives in Write, AddBackends or MarkNow of the
// Committer: the group points to what is on that caller's stack until its promise is kept.
//
// THREADS. One at a time: it is handed from the callers to the committer.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <vector>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/log/append_queue.h"
#include "wal/log/log_change.h"
#include "wal/recovery/high_water.h"

namespace relay {

enum class Wakes : bool { kNobody, kListener };

// A change of a queue that its caller waits for.
struct WaitingChange {
  const BackendId& backend;
  Change change;
  std::vector<WaitingAppend> appends;  // The records it adds to its own queue.
  Wakes wakes = Wakes::kNobody;
  std::promise<Status> done;
};

// New backends that their caller waits for.
struct WaitingBackends {
  std::vector<BackendId> names;
  std::promise<Status> done;
};

// A caller that waits until all that counts at this moment is on stable storage.
struct WaitingMark {
  std::promise<Result<HighWater>> done;
};

struct Group {
  std::vector<WaitingAppend> appends;
  std::vector<WaitingChange*> changes;
  std::vector<WaitingBackends*> backends;
  std::vector<WaitingMark*> marks;
  std::map<BackendId, QueueState> cursors;  // That moved since they were written last.
  bool closed = false;                      // The log takes no writes: nothing was taken.
  bool last = false;                        // The committer is to stop after it.

  bool has_rows() const {
    return !appends.empty() || !changes.empty() || !backends.empty() || !cursors.empty();
  }
  bool empty() const { return !has_rows() && marks.empty(); }
};

// Where the committer puts a backend's next record.
struct Tail {
  BackendNumber number{0};
  Position head;
  WallTime last_accepted;
};

// The numbers given out so far.
struct Numbers {
  std::map<BackendId, Tail> tails;
  PayloadId last_payload{0};
  std::uint32_t last_backend = 0;
};

}  // namespace relay
