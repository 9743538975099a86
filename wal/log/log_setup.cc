// What of an open log can be set up anew: its limits and its backends.
#include <algorithm>
#include <utility>

#include "wal/log/durable_log.h"
#include "wal/record/rows.h"

namespace relay {

void DurableLog::SetLimits(const LogLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  disk_.max = limits.size_max;
  disk_.min_free = limits.free_min;
}

LogLimits DurableLog::LimitsNow() const {
  const std::lock_guard lock(mutex_);
  return limits_;
}

std::vector<BackendId> DurableLog::Configured() const {
  const std::lock_guard lock(mutex_);
  return backends_;
}

// What failed may be on disk all the same: a run without records, until the
// name is asked for again.
Status DurableLog::SetBackends(const std::vector<BackendId>& backends) {
  WaitingBackends waiting;
  std::future<Status> done = waiting.done.get_future();
  {
    const std::lock_guard lock(mutex_);
    std::copy_if(backends.begin(), backends.end(), std::back_inserter(waiting.names),
                 [this](const BackendId& name) { return !queues_.contains(name); });
    if (waiting.names.empty()) {
      backends_ = backends;
      return Ok();
    }
    if (closed_because_ || stopping_) {
      return Error(ErrorCode::kUnavailable, "the log takes no writes now");
    }
    new_backends_.push_back(&waiting);
  }
  work_.notify_one();
  RETURN_IF_ERROR(done.get());
  const std::lock_guard lock(mutex_);
  backends_ = backends;
  return Ok();
}

// Two callers may have asked for the same name.
void DurableLog::StageBackends(const WaitingBackends& waiting) {
  for (const BackendId& backend : waiting.names) {
    if (tails_.contains(backend)) continue;
    const BackendNumber number(++staged_backend_);
    const std::string key = BackendKey(backend);
    batch_->Put(Family::kState, key, EncodeNumber(key, number.value()));
    const std::string run = QueueKey(number);
    batch_->Put(Family::kState, run, EncodeQueueState(run, QueueState()));
    tails_.emplace(backend, Tail{number, Position(), WallTime()});
  }
  batch_->Put(Family::kState, kLastBackendKey, EncodeNumber(kLastBackendKey, staged_backend_));
}

}  // namespace relay
