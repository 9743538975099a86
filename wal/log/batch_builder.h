// Turns a group into one batch of the store, and gives out the sequences,
// payload ids and backend numbers in it, in commit order.
//
// INVARIANT. Sequences of a backend and payload ids ascend without gaps; times
// of acceptance never fall. Numbers of a batch that failed are given out again
// only after Begin, from what is on disk then.
//
// DURABILITY. None: the committer writes the batch.
//
// THREADS. The committer's.
#pragma once

#include <memory>

#include "wal/log/group.h"
#include "wal/reading/load.h"
#include "wal/store/store.h"

namespace relay {

class BatchBuilder {
 public:
  // Goes on from what `log` has. `batch` is one of the store that is open.
  void Begin(const LoadedLog& log, std::unique_ptr<StoreBatch> batch);

  // Gives up the batch before its store is closed.
  void End() { batch_.reset(); }

  // Replaces the batch by the rows of `group`, whose appends get their numbers.
  // REQUIRES: begun. The same below.
  StoreBatch& Build(Group& group);

  // No record is put into the queue of this backend any more.
  void Forget(const BackendId& backend) { numbers_.tails.erase(backend); }

  const Numbers& numbers() const { return numbers_; }

 private:
  void StageBackends(const WaitingBackends& waiting);
  void StageAppend(WaitingAppend& append);
  void StageEntry(Tail& tail, const AppendRequest& request);
  void StageChange(WaitingChange& waiting);

  Numbers numbers_;
  std::unique_ptr<StoreBatch> batch_;
};

}  // namespace relay
