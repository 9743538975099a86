// Judges a relay for a monitoring system: one line, and the exit code of a Nagios plugin.
//
// THREADS. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "relay/status/relay_status.h"

namespace relay {

// The exit codes of Nagios plugins.
enum class Health : std::uint8_t { kOk = 0, kWarning = 1, kCritical = 2, kUnknown = 3 };

// Returns "OK", "WARNING", "CRITICAL", "UNKNOWN".
std::string_view ToString(Health health);

struct HealthReport {
  Health health = Health::kOk;
  // "WARNING: influx-b is paused; ... | influx-b_lag=12s influx-b_undelivered=70", one line: what
  // is wrong, the worst first, then figures.
  std::string line;
};

// CRITICAL: writes are refused, a backend lacks points older than `max_lag`, points are unaccounted
// for, or the log is 95 % full. WARNING: a backend accepts no writes or is paused, points are on
// hold, dead letters are stored, the log is damaged or 80 % full, copies are missing, or the newest
// configuration is not in use.
HealthReport CheckHealth(const RelayStatus& status, std::chrono::milliseconds max_lag);

}  // namespace relay
