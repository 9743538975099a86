// One backend's run as it is held in memory: what its marks and sums are.
#pragma once

#include <map>
#include <memory>

#include "wal/log.h"
#include "wal/record/rows.h"
#include "wal/store/store.h"

namespace relay {

using Lanes = std::map<Lane, LaneState>;

struct Queue {
  BackendNumber number{0};
  Position head;
  WallTime last_accepted;  // Of the record at head.
  QueueState state;
  // Those that are not empty. Replaced, never altered: copies of a run share it.
  std::shared_ptr<const Lanes> lanes = std::make_shared<const Lanes>();

  Marks marks() const { return {state.trimmed.sequence, state.cursor.sequence, head.sequence}; }
};

using Queues = std::map<BackendId, Queue>;

// Puts the state of a run into a batch, under its key.
void PutQueueState(StoreBatch& batch, BackendNumber number, const QueueState& state);

// kNotFound, for a name that the log does not know.
Error NoSuchBackend(const BackendId& backend);

}  // namespace relay
