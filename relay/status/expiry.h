// Points that a backend is owed, or that are on hold for it, and that will be older than its
// retention policy keeps before they arrive.
//
// THREADS. Values and pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "wal/base/types.h"
#include "wal/record/model.h"

namespace relay {

struct LaneExpiryReport {
  Lane lane;  // Clients' names.
  Lane on_backend;
  std::chrono::nanoseconds keeps{0};
  PointCount expired = 0;        // They are older than that already.
  PointCount expiring = 0;       // They will be before long: within a quarter of it, or a day.
  std::optional<WallTime> from;  // When the oldest and the newest of those were accepted;
  std::optional<WallTime> to;    // nullopt: there are none.
};

struct ExpiryReport {
  bool watched = false;
  std::string why;                      // Why not, or what went wrong; empty: all is well.
  std::optional<WallTime> asked_at;     // When the policies were read.
  bool whole = true;                    // False: there may be more.
  std::vector<LaneExpiryReport> lanes;  // The most urgent first.

  PointCount expired() const;
  PointCount expiring() const;
};

// Returns the time until the first of them expires, not negative; nullopt: none will soon.
std::optional<std::chrono::nanoseconds> ExpiresIn(const ExpiryReport& report, WallTime now);

// Says what expires, in one sentence for each lane: "3h00m of metrics.autogen will begin to expire
// in 40m00s: 5000 points; the policy keeps 7d00h". The names are the backend's.
std::vector<std::string> DescribeExpiry(const ExpiryReport& report, WallTime now);

// Says what can be done for the first of them; empty: nothing expires.
std::string ExpiryRemedy(const ExpiryReport& report, const std::string& backend);

}  // namespace relay
