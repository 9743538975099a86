#include "relay/queries/query_connections.h"

#include <utility>

namespace relay {

void QueryConnections::Set(std::map<std::string, HttpTransportOptions> backends) {
  const std::lock_guard lock(mutex_);
  backends_ = std::move(backends);
  idle_.clear();
  ++generation_;
}

Result<QueryConnections::Taken> QueryConnections::Take(const std::string& backend) {
  const std::lock_guard lock(mutex_);
  const auto options = backends_.find(backend);
  if (options == backends_.end()) return Error(ErrorCode::kNotFound, "it is not configured");
  std::vector<Taken>& idle = idle_[backend];
  while (!idle.empty()) {
    Taken taken = std::move(idle.back());
    idle.pop_back();
    // A host's name is looked up again after a while.
    if (clock_.Now() - taken.made < taken.options.look_up_after) return taken;
  }
  ASSIGN_OR_RETURN(Deadline deadline, Deadline::Make());
  return Taken{.query = std::make_unique<HttpQuery>(options->second, std::move(deadline)),
               .options = options->second,
               .generation = generation_,
               .made = clock_.Now()};
}

void QueryConnections::Return(const std::string& backend, Taken taken) {
  if (!taken.query->reusable()) return;
  const std::lock_guard lock(mutex_);
  std::vector<Taken>& idle = idle_[backend];
  if (taken.generation == generation_ && idle.size() < kIdleMax) idle.push_back(std::move(taken));
}

}  // namespace relay
