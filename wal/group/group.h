// The contents of one batch of the committer, and the numbers that the committer gives out.
//
// A group points to objects on the stacks of callers that wait in Committer::Write,
// AddBackends or MarkNow: they live until their promise is kept.
//
// THREADS. One at a time: a group passes from the callers to the committer.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <vector>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/group/append_queue.h"
#include "wal/group/log_change.h"
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

// A caller that waits until everything that has taken effect by now is on stable storage.
struct WaitingMark {
  std::promise<Result<HighWater>> done;
};

struct Group {
  std::vector<WaitingAppend> appends;
  std::vector<WaitingChange*> changes;
  std::vector<WaitingBackends*> backends;
  std::vector<WaitingMark*> marks;
  std::map<BackendId, QueueState> cursors;  // Moved since they were last written.
  bool closed = false;                      // The log takes no writes: nothing was taken.
  bool last = false;                        // The committer stops after this group.

  bool has_rows() const {
    return !appends.empty() || !changes.empty() || !backends.empty() || !cursors.empty();
  }
  bool empty() const { return !has_rows() && marks.empty(); }
};

// The end of a backend's queue, where the committer puts its next record.
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
