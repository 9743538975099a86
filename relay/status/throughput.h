// Measures how fast points come in and go out, and estimates from it when a backend
// will have caught up, when the log will be full, and how long an outage that began
// now could last.
//
// THREADS. FlowMeter: any number at once. The rest are pure functions.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

// Rates of one backend over the last minute, per second.
struct Flow {
  double points_in = 0;
  double bytes_in = 0;     // Bytes of line protocol.
  double points_out = 0;   // Delivered, or set aside as dead.
  double stored_in = 0;    // Bytes on disk.
  double owed_growth = 0;  // Bytes on disk owed or on hold; negative while it drains.
};

using NamedFigures = std::map<std::string, QueueStats>;

class FlowMeter {
 public:
  static constexpr std::chrono::seconds kWindow{60};
  // A rate over less than this is not reported.
  static constexpr std::chrono::seconds kWindowLeast{2};

  // Adds a sample; called about once a second.
  void Note(Clock::TimePoint now, NamedFigures figures);

  // Returns the rates; a backend with too few samples has none.
  std::map<std::string, Flow> Flows() const;

 private:
  struct Sample {
    Clock::TimePoint at;
    NamedFigures figures;
  };

  mutable std::mutex mutex_;
  std::deque<Sample> samples_;  // Oldest first, within kWindow.
};

// Estimates the time until everything is delivered at the present rates; zero: nothing is owed;
// nullopt: the backend does not catch up. A backlog of a few seconds does not count as one that
// only grows.
std::optional<std::chrono::seconds> DrainEta(const QueueStats& figures, const Flow& flow);

// Returns the space until the log is full: up to the nearest of its limits, including what every
// backend has and is kept only for a rewind.
Bytes RoomIn(const DiskUse& disk, Bytes kept_by_all);

// Estimates when `room` is used up at `per_second` bytes; nullopt: never.
std::optional<std::chrono::seconds> TimeToFill(Bytes room, double per_second);

}  // namespace relay
