#include "wal/base/crash_point.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "wal/base/invariant.h"

namespace relay {
namespace {

// Names in the order of CrashPoint.
constexpr std::array kNames = {std::string_view("none"),
#define RELAY_NAME(identifier, name) std::string_view(name),
                               RELAY_CRASH_POINTS(RELAY_NAME)
#undef RELAY_NAME
};

std::atomic<std::uint64_t>& PassesLeft() {
  static constinit std::atomic<std::uint64_t> left = 0;
  return left;
}

}  // namespace

std::string_view ToString(CrashPoint point) {
  return kNames.at(static_cast<std::size_t>(point));
}

std::optional<CrashPoint> CrashPointNamed(std::string_view name) {
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<CrashPoint>(found - kNames.begin());
}

void ArmCrashPoint(CrashPoint point, std::uint64_t pass) {
  INVARIANT(pass > 0);
  PassesLeft() = pass;
  crash_point::Armed() = point;
}

void crash_point::PassArmed() {
  if (PassesLeft().fetch_sub(1) != 1) return;
  kill(getpid(), SIGKILL);
  while (true) pause();  // SIGKILL may arrive late; nothing runs after this line.
}

}  // namespace relay
