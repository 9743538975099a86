#include "wal/reading/queue.h"

#include <fmt/format.h>

namespace relay {

Error NoSuchBackend(const BackendId& backend) {
  return {ErrorCode::kNotFound, fmt::format("the log has no backend '{}'", backend.text())};
}

void PutQueueState(StoreBatch& batch, BackendNumber number, const QueueState& state) {
  const std::string key = QueueKey(number);
  batch.Put(Family::kState, key, EncodeQueueState(key, state));
}

}  // namespace relay
