// Samples the log every second, for rates and for plots of the last hour.
//
// THREADS. Has one of its own, from construction to destruction; methods from any
// number. Log and clock outlive it.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "relay/status/clock_watch.h"
#include "relay/status/throughput.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

// Samples every backend every five seconds, for an hour.
class History {
 public:
  static constexpr std::chrono::seconds kInterval{5};
  static constexpr std::size_t kSamplesMax = 720;

  // One moment of both clocks.
  struct Moment {
    Clock::TimePoint steady;
    WallTime wall;
  };

  // The points that a backend does not have yet, on hold or owed.
  struct Undelivered {
    PointCount points = 0;
    double age_seconds = 0;  // The age of the oldest.
  };

  // Returns whether kInterval has passed since the last sample.
  bool IsDue(Clock::TimePoint now) const;

  // Adds a sample.
  void Note(Clock::TimePoint now, std::map<std::string, Undelivered> backends);

  // Returns the form of PlotsJson (relay/history/report.h), without what only the history on disk
  // has: the points owed or on hold and the age of the oldest; null while the backend did not
  // exist. Times are in terms of what the wall clock says now, in order even if it was set.
  std::string ToJson(const Moment& now) const;

 private:
  struct Sample {
    Clock::TimePoint at;
    std::map<std::string, Undelivered> backends;
  };

  mutable std::mutex mutex_;
  std::deque<Sample> samples_;  // Oldest first.
};

class Observer {
 public:
  Observer(const LogView& log, Clock& clock);

  const FlowMeter& flow() const { return flow_; }
  std::string HistoryJson() const { return history_.ToJson({clock_.Now(), clock_.WallNow()}); }

  // Takes one sample; logs if the wall clock was set since the last one.
  void Look();

  // Makes the times of a status right if the wall clock was set; sets `now` and `clock`.
  void CorrectTimes(RelayStatus& status);

 private:
  void NoteHistory();
  void NoteClock(const NamedFigures& figures);
  void Run(const std::stop_token& stop);

  const LogView& log_;
  Clock& clock_;
  ClockWatch watch_;
  FlowMeter flow_;
  History history_;
  std::jthread thread_;
};

}  // namespace relay
