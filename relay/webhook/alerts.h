// The alerts that a webhook tells: which a status gives, and when each is told.
//
// An alert is told once it has lasted for `after`, and its end once it has been over for as long,
// so that what comes and goes is neither; about the same alert something is told at most once in
// `min_interval`.
//
// THREADS. One at a time.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "relay/status/relay_status.h"
#include "wal/base/clock.h"
#include "wal/base/types.h"

namespace relay {

struct Alert {
  std::string name;     // "backend_failing"; see AlertsOf.
  std::string backend;  // Empty: it concerns the relay as a whole.
  bool is_critical = false;
  std::string summary;
  std::string fix;  // Empty: nothing is known.
};

// Alerts by "NAME/BACKEND".
using Alerts = std::map<std::string, Alert>;

// Returns what is wrong: backend_failing (it accepts no writes and is not paused), backend_stuck
// (no progress, or a database on hold for a while), backend_diverged, points_expire (some owed
// or on hold are, or will soon be, too old), dead_letters (some are stored), log_failing (writes
// are refused, as when the log is full), checkpoint_failing (the scheduled one), and disk_80,
// disk_90, disk_95.
Alerts AlertsOf(const RelayStatus& status);

struct AlertEvent {
  std::string key;
  Alert alert;
  bool is_over = false;
  WallTime since;  // When the alert began,
  WallTime at;     // and when this was told.
  std::string relay;
};

class AlertWatch {
 public:
  struct Pace {
    std::chrono::milliseconds after{0};
    std::chrono::milliseconds min_interval{0};
  };
  struct Moment {
    Clock::TimePoint steady;
    WallTime wall;
  };

  // Takes the alerts of now; returns what is to be told.
  std::vector<AlertEvent> Note(const Alerts& alerts, const Pace& pace, const Moment& now);

 private:
  struct Known {
    Alert alert;
    bool is_active = false;
    Clock::TimePoint changed_at;  // When it began to be active, or not.
    WallTime since;
    bool told_active = false;
    std::optional<Clock::TimePoint> told_at = std::nullopt;
  };

  void Update(const Alerts& alerts, const Moment& now);

  std::map<std::string, Known> known_;
};

}  // namespace relay
