// Outages, derived from the history's events.
//
// An outage begins when a backend stops taking writes, or is found to have diverged, and ends when
// it has everything that it was owed when it came back. One that goes away again before that is
// in the same outage. A pause counts as one: its state says so.
//
// Durations are by the monotonic clock where one process saw both ends, else by the wall clock.
//
// THREADS. Pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "relay/history/store.h"

namespace relay {

struct Outage {
  std::string backend;
  WallTime began;
  std::vector<std::string> states;  // "retrying", "paused"; each once.
  std::string reason;               // The first.
  std::uint64_t times_down = 0;
  std::chrono::nanoseconds down{0};   // Without the time in which it recovered.
  std::optional<WallTime> back;       // nullopt: it takes no writes, until now.
  std::optional<WallTime> recovered;  // nullopt: it lacks something still, or was removed.
  bool removed = false;               // From the configuration, during the outage.
  PointCount points_worst = 0;        // Owed or on hold.
  double age_worst = 0;               // Seconds, of the oldest of them.

  // Returns when it ended; an outage that goes on: `now`.
  WallTime EndOr(WallTime now) const { return recovered ? *recovered : removed ? *back : now; }
};

// The time during which the relay did not run, or runs since.
struct RestartSeen {
  WallTime at;
  std::string after;                  // "first", "clean" or "unclean".
  std::optional<WallTime> last_seen;  // When it ran before; nullopt: not known.
};

// Returns the outages that overlap [from, to), in the order in which they began. `now` ends those
// that go on.
std::vector<Outage> OutagesIn(const HistoryData& data, WallTime from, WallTime to, WallTime now);

// Returns the starts in [from, to).
std::vector<RestartSeen> RestartsIn(const HistoryData& data, WallTime from, WallTime to);

}  // namespace relay
