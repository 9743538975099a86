#include "relay/status/relay_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/offline.h"

namespace relay {
namespace {

using std::chrono::nanoseconds;

// `rate` is that of the backend in the worst state.
std::optional<std::chrono::seconds> UntilFull(const RelayStatus& status, double Flow::*rate) {
  double most = 0;
  for (const BackendStatus& backend : status.backends) {
    if (backend.flow) most = std::max(most, (*backend.flow).*rate);
  }
  return TimeToFill(RoomIn(status.disk, KeptByAll(status)), most);
}

}  // namespace

std::string ShownLane(const Lane& lane) {
  constexpr std::size_t kSizeMax = 200;  // Clients choose the names.
  return OneLine(ToString(lane), kSizeMax);
}

nanoseconds OldestOwedAge(const BackendStatus& backend, WallTime now) {
  if (!backend.figures.oldest_owed) return nanoseconds::zero();
  return std::max(nanoseconds::zero(), now - *backend.figures.oldest_owed);
}

std::optional<std::chrono::seconds> DrainEta(const BackendStatus& backend) {
  return DrainEta(backend.figures, backend.flow.value_or(Flow()));
}

std::string WhyNotReady(const BackendStatus& backend, WallTime now, const Tolerance& tolerance) {
  if (!backend.takes_writes) {
    return fmt::format("{}{}{}", backend.state, backend.why.empty() ? "" : ": ", backend.why);
  }
  const nanoseconds age = OldestOwedAge(backend, now);
  if (age > tolerance.max_lag) {
    return fmt::format("{} behind, more than {}", ShownAge(age), ShownAge(tolerance.max_lag));
  }
  for (const auto& [held, why, remedy] : backend.lanes) {
    const bool counts = !tolerance.database.empty() && held.lane.database == tolerance.database;
    if (!counts || !held.oldest || now - *held.oldest <= tolerance.max_lag) continue;
    return fmt::format("{} is on hold, with {} points{}{}", ShownLane(held.lane), held.size.points,
                       why.empty() ? "" : ": ", why);
  }
  return "";
}

Bytes DeadBytes(const RelayStatus& status) {
  Bytes sum(0);
  for (const BackendStatus& backend : status.backends) sum += backend.figures.dead_bytes;
  return sum;
}

Bytes KeptByAll(const RelayStatus& status) {
  if (status.backends.empty()) return 0_B;
  const auto least = std::min_element(status.backends.begin(), status.backends.end(),
                                      [](const BackendStatus& a, const BackendStatus& b) {
                                        return a.figures.kept.stored < b.figures.kept.stored;
                                      });
  return least->figures.kept.stored;
}

std::optional<std::chrono::seconds> FullEta(const RelayStatus& status) {
  return UntilFull(status, &Flow::owed_growth);
}

std::optional<std::chrono::seconds> OutageTolerance(const RelayStatus& status) {
  return UntilFull(status, &Flow::stored_in);
}

std::vector<BackendStatus> BackendStatuses(const LogView& log) {
  std::vector<BackendStatus> statuses;
  for (const BackendId& backend : log.Backends()) {
    BackendStatus status;
    status.name = backend.text();
    status.state = "not running";
    Result<QueueStats> figures = log.StatsOf(backend);
    Result<std::vector<HeldLane>> lanes = log.HeldLanes(backend);
    if (figures.ok()) status.figures = figures.value();
    for (HeldLane& lane : lanes.ok() ? lanes.value() : std::vector<HeldLane>()) {
      status.lanes.push_back({.held = std::move(lane), .why = "", .remedy = ""});
    }
    if (!figures.ok()) status.why = figures.error().message();
    statuses.push_back(std::move(status));
  }
  return statuses;
}

Result<RelayStatus> OfflineStatus(const std::string& path, WallTime now) {
  ASSIGN_OR_RETURN(std::unique_ptr<LogView> log, OpenLogView(path));
  RelayStatus status;
  status.version = RELAY_VERSION;
  status.now = now;
  status.log_path = path;
  status.backends = BackendStatuses(*log);
  return status;
}

}  // namespace relay
