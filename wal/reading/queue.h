// One backend's queue as held in memory: its marks and sums.
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
  WallTime last_accepted;  // The time of the record at the head.
  QueueState state;
  // Lanes that are not empty. Replaced, never modified: copies of a queue share it.
  std::shared_ptr<const Lanes> lanes = std::make_shared<const Lanes>();

  Marks marks() const { return {state.trimmed.sequence, state.cursor.sequence, head.sequence}; }
};

using Queues = std::map<BackendId, Queue>;

// Adds the state of a queue to a batch, under its key.
void PutQueueState(StoreBatch& batch, BackendNumber number, const QueueState& state);

// kNotFound: the log has no queue of that name.
Error NoSuchBackend(const BackendId& backend);

}  // namespace relay
