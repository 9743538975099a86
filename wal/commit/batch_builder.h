// Turns groups into one batch of the store, and gives out the sequences,
// payload ids and backend numbers in it, in commit order.
//
// INVARIANT. Sequences of a backend and payload ids ascend without gaps; times
// of acceptance never fall. Numbers of a failed batch are given out again only after
// Begin, which continues from what is on disk.
//
// DURABILITY. None: the committer writes the batch.
//
// THREADS. The committer's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "wal/group/group.h"
#include "wal/reading/load.h"
#include "wal/store/store.h"

namespace relay {

class BatchBuilder {
 public:
  // Continues from the numbers in `log`. `batch` belongs to the open store.
  void Begin(const LoadedLog& log, std::unique_ptr<StoreBatch> batch);

  // Releases the batch, which must not outlive its store.
  void End() { batch_.reset(); }

  // Empties the batch. REQUIRES, here and below: Begin was called.
  void Clear();

  // Adds the rows of `group` to the batch, and numbers its appends.
  void Add(Group& group);

  // Adds a row of the family `state`; nullopt deletes it.
  void AddRow(std::string_view key, const std::optional<std::string>& value);

  StoreBatch& batch() { return *batch_; }

  // Stops adding records to the backend's queue.
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
