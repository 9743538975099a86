// Measures how fast points come in and go out, and estimates from it when a backend
// will have caught up, when the log will be full, and how long an outage that began
// now could last.
//
// THREADS. FlowMeter: any number at once. The rest are pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

// Rates of one backend, per second: of what flows over the last three seconds, of what fills the
// disk over the last minute.
struct Flow {
  double points_in = 0;
  double bytes_in = 0;         // Bytes of line protocol.
  double points_out = 0;       // Delivered, or set aside as dead.
  double last_points_out = 0;  // The same while it was last delivered to for three seconds.
  double stored_in = 0;        // Bytes on disk.
  double owed_growth = 0;      // Bytes on disk owed or on hold; negative while it drains.
};

using NamedFigures = std::map<std::string, QueueStats>;

class FlowMeter {
 public:
  static constexpr std::chrono::seconds kWindow{60};
  // Points and bytes are counted over this, so that the end of a flow is seen as soon.
  static constexpr std::chrono::seconds kFlowWindow{3};
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

  // Returns the newest sample that is older than `window`, of those with this backend; else the
  // oldest of them.
  const Sample& Before(Clock::TimePoint at, std::chrono::seconds window,
                       const std::string& backend) const;
  void KeepLastRates();

  mutable std::mutex mutex_;
  std::deque<Sample> samples_;                // Oldest first, within kWindow.
  std::map<std::string, double> last_rates_;  // See Flow::last_points_out.
};

// Estimates the time until everything is delivered at the present rates; zero: nothing is owed;
// nullopt: the backend does not catch up, or nothing is delivered now. A backlog of a few seconds
// does not count as one that only grows.
std::optional<std::chrono::seconds> DrainEta(const QueueStats& figures, const Flow& flow);

// Estimates how long it will take to deliver what is owed once the backend takes points again, at
// the rate it last did; nullopt: that is not known.
std::optional<std::chrono::seconds> EtaOnReturn(const QueueStats& figures, const Flow& flow);

// The limit of the log that is the nearer one.
enum class DiskLimit : std::uint8_t {
  kMaxSize,  // log.max_size
  kMinFree,  // log.min_free: the file system has others on it, or is smaller than log.max_size.
};

// Returns "log.max_size", "log.min_free".
std::string_view ToString(DiskLimit limit);

DiskLimit BindingLimit(const DiskUse& disk);

// Returns what the log may take up to that limit.
Bytes CapacityOf(const DiskUse& disk);

// Returns how much of the capacity is used, 0 to 1, without what every backend has and is kept only
// for a rewind: that is deleted first.
double ShareUsed(const DiskUse& disk, Bytes kept_by_all);

// Tells when the log has passed 80, 90 or 95 % of what it may take.
//
// THREADS. One.
class FillAlarm {
 public:
  // Returns the mark that was passed since the last call; nullopt: none. A mark is passed again
  // only after the share was five points below it.
  std::optional<int> Note(double share);

 private:
  int passed_ = 0;  // The highest mark that is passed, in percent; 0: none.
};

// Returns the space until the log is full: up to the nearest of its limits, including what every
// backend has and is kept only for a rewind.
Bytes RoomIn(const DiskUse& disk, Bytes kept_by_all);

// Estimates when `room` is used up at `per_second` bytes; nullopt: never, or not within 90 days.
std::optional<std::chrono::seconds> TimeToFill(Bytes room, double per_second);

}  // namespace relay
