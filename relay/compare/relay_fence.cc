#include "relay/compare/relay_fence.h"

#include <fmt/format.h>

#include <algorithm>
#include <stop_token>

namespace relay {
namespace {

Result<BackendStatus> BackendIn(const RelayStatus& status, const std::string& name) {
  const auto found =
      std::find_if(status.backends.begin(), status.backends.end(),
                   [&name](const BackendStatus& backend) { return backend.name == name; });
  if (found != status.backends.end()) return *found;
  return Error(ErrorCode::kNotFound,
               fmt::format("the running relay has no backend {}: reload its configuration", name));
}

// Returns why the backend has not passed the position; empty: it has.
std::string WhyNotPassed(const BackendStatus& backend, std::uint64_t position) {
  const std::uint64_t cursor = backend.figures.marks.cursor.value();
  if (cursor >= position) return "";
  std::string why = fmt::format("{} is owed {} records up to position {} ({}", backend.name,
                                position - cursor, position, backend.state);
  if (!backend.why.empty()) why += ": " + backend.why;
  return why + ")";
}

}  // namespace

Result<Mark> RelayFence::Here() {
  ASSIGN_OR_RETURN(const RelayStatus status, options_.status());
  ASSIGN_OR_RETURN(const BackendStatus a, BackendIn(status, options_.a));
  ASSIGN_OR_RETURN(const BackendStatus b, BackendIn(status, options_.b));
  return Mark{
      .a = a.figures.marks.head.value(), .b = b.figures.marks.head.value(), .time = status.now};
}

Status RelayFence::WaitPassed(const Mark& mark) {
  constexpr std::chrono::milliseconds kEvery{20};
  Signal never;
  const Clock::TimePoint end = clock_.Now() + options_.patience;
  while (true) {
    ASSIGN_OR_RETURN(const RelayStatus status, options_.status());
    ASSIGN_OR_RETURN(const BackendStatus a, BackendIn(status, options_.a));
    ASSIGN_OR_RETURN(const BackendStatus b, BackendIn(status, options_.b));
    std::string why = WhyNotPassed(a, mark.a);
    if (why.empty()) why = WhyNotPassed(b, mark.b);
    if (why.empty()) return Ok();
    if (clock_.Now() >= end) {
      const auto waited = std::chrono::duration_cast<std::chrono::seconds>(options_.patience);
      return Error(ErrorCode::kUnavailable, fmt::format("{}, after {} s", why, waited.count()));
    }
    if (options_.on_wait) options_.on_wait(why);
    clock_.WaitFor(never, kEvery, std::stop_token());
  }
}

std::vector<std::string> ReasonsForGaps(const RelayStatus& status, const std::string& backend) {
  std::vector<std::string> reasons;
  for (const BackendStatus& one : status.backends) {
    if (one.name != backend) continue;
    if (one.figures.held.points > 0) {
      reasons.push_back(
          fmt::format("{} points are on hold for {}", one.figures.held.points, backend));
    }
    if (one.figures.dead > 0) {
      reasons.push_back(
          fmt::format("{} has refused {} points: `influxdb-relay dead list --backend {}`", backend,
                      one.figures.dead, backend));
    }
  }
  return reasons;
}

}  // namespace relay
