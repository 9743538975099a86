#include "wal/reading/queue.h"

#include <fmt/format.h>

namespace relay {

Error NoSuchBackend(const BackendId& backend) {
  return {ErrorCode::kNotFound, fmt::format("the log knows no backend '{}'", backend.text())};
}

void PutRunState(StoreBatch& batch, BackendNumber number, const RunState& state) {
  const std::string key = RunKey(number);
  batch.Put(Family::kState, key, EncodeRunState(key, state));
}

}  // namespace relay
