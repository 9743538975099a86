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

// Returns the size on disk of the records that the backend does not have yet.
Bytes Missing(const BackendStatus& backend) {
  return backend.figures.owed.stored + backend.figures.held.stored;
}

}  // namespace

std::string WhyDegraded(const RelayStatus& status) {
  if (!status.shared || status.shared->copies >= status.shared->copies_wanted) return "";
  return fmt::format("copies {} of {}: start the relays that are away", status.shared->copies,
                     status.shared->copies_wanted);
}

std::string ShownLane(const Lane& lane) {
  constexpr std::size_t kSizeMax = 200;  // Clients choose the names.
  return OneLine(ToString(lane), kSizeMax);
}

nanoseconds AgeAt(WallTime now, WallTime then) {
  return std::max(nanoseconds::zero(), nanoseconds(now - then));
}

nanoseconds OldestOwedAge(const BackendStatus& backend, WallTime now) {
  if (!backend.figures.oldest_owed) return nanoseconds::zero();
  return AgeAt(now, *backend.figures.oldest_owed);
}

PointCount UndeliveredPoints(const BackendStatus& backend) {
  return backend.figures.owed.points + backend.figures.held.points;
}

nanoseconds OldestUndeliveredAge(const BackendStatus& backend, WallTime now) {
  nanoseconds oldest = OldestOwedAge(backend, now);
  for (const LaneReport& lane : backend.lanes) {
    if (lane.held.oldest) oldest = std::max(oldest, AgeAt(now, *lane.held.oldest));
  }
  return oldest;
}

bool IsDiverged(const BackendStatus& backend) {
  return backend.watermarks && backend.watermarks->diverged;
}

std::string ShownState(std::string_view state, const QueueStats& figures, bool is_diverged) {
  const bool delivers = state == "caught up" || state == "delivering" || state == "held";
  if (is_diverged && delivers) return "diverged";
  return std::string(state == "caught up" && figures.held_records > 0 ? "held" : state);
}

std::optional<std::chrono::seconds> DrainEta(const BackendStatus& backend) {
  if (backend.figures.owed.points == 0 && backend.figures.held.points > 0) return std::nullopt;
  if (backend.figures.owed.points > 0 && !backend.takes_writes) return std::nullopt;
  return DrainEta(backend.figures, backend.flow.value_or(Flow()));
}

std::optional<std::chrono::seconds> EtaOnReturn(const BackendStatus& backend) {
  const Flow flow = backend.flow.value_or(Flow());
  if (backend.takes_writes && flow.points_out > 0) return std::nullopt;
  return EtaOnReturn(backend.figures, flow);
}

std::string ShownEta(const BackendStatus& backend) {
  if (backend.figures.owed.points == 0 || !backend.flow) return "";
  if (const auto eta = DrainEta(backend)) return ShownAge(eta);
  if (backend.takes_writes && backend.flow->points_out > 0) return "not catching up";
  const auto eta = EtaOnReturn(backend);
  if (!eta) return "";
  return fmt::format("after it is {}: about {} at its last rate",
                     backend.figures.paused ? "resumed" : "back", ShownAge(eta));
}

std::string WhyNotReady(const BackendStatus& backend, WallTime now, const Tolerance& tolerance) {
  if (!backend.takes_writes) {
    return fmt::format("{}{}{}", backend.state, backend.why.empty() ? "" : ": ", backend.why);
  }
  return WhyBehind(backend, now, tolerance);
}

namespace {

// The name of a bucket that is kept whole ("db/") is of the database before its slash too.
bool IsOfDatabase(const std::string& named, const std::string& database) {
  return named.starts_with(database) &&
         (named.size() == database.size() || named[database.size()] == '/');
}

}  // namespace

std::string WhyBehind(const BackendStatus& backend, WallTime now, const Tolerance& tolerance) {
  if (IsDiverged(backend)) return "diverged: " + backend.watermarks->diverged->reason;
  const nanoseconds age = OldestOwedAge(backend, now);
  if (age > tolerance.max_lag) {
    return fmt::format("{} behind, more than {}", ShownAge(age), ShownAge(tolerance.max_lag));
  }
  for (const LaneReport& lane : backend.lanes) {
    const HeldLane& held = lane.held;
    const bool counts =
        tolerance.database.empty() || IsOfDatabase(held.lane.database, tolerance.database);
    if (tolerance.ignores_held || !counts) continue;
    if (!held.oldest || AgeAt(now, *held.oldest) <= tolerance.max_lag) continue;
    return fmt::format("{} is on hold, with {} points{}{}", ShownLane(held.lane), held.size.points,
                       lane.why.empty() ? "" : ": ", lane.why);
  }
  return "";
}

Bytes DeadBytes(const RelayStatus& status) {
  Bytes sum(0);
  for (const BackendStatus& backend : status.backends) sum += backend.figures.dead_bytes;
  return sum;
}

std::string DiskRemedy(const RelayStatus& status) {
  const auto most = std::max_element(
      status.backends.begin(), status.backends.end(),
      [](const BackendStatus& a, const BackendStatus& b) { return Missing(a) < Missing(b); });
  std::string text;
  if (most != status.backends.end() && Missing(*most) > 0_B) {
    text = fmt::format("bring back {}, which takes {} of it, or skip what it lacks; ", most->name,
                       ShownBytes(Missing(*most)));
  }
  return text + (BindingLimit(status.disk) == DiskLimit::kMaxSize
                     ? "or raise log.max_size"
                     : "or free space on the disk of " + status.log_path);
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
