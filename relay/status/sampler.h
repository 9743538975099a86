// Looks at the log every second: how fast it flows, and the last hour for plots.
//
// THREADS. Has one of its own, from construction to destruction; the rest from
// any. Log and clock outlive it.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "relay/status/throughput.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

// Samples every backend every five seconds, for an hour.
class History {
 public:
  static constexpr std::chrono::seconds kInterval{5};
  static constexpr std::size_t kSamplesMax = 720;

  // Ignored if it comes sooner than kInterval after the last one.
  void Note(WallTime now, const NamedFigures& figures);

  // {"times":[seconds …],"backends":{NAME:{"points":[…],"ages":[…]}}}: what is
  // owed and how old the oldest of it is; null where the backend was not there.
  std::string ToJson() const;

 private:
  struct Owed {
    PointCount points = 0;
    double age_seconds = 0;
  };
  struct Sample {
    WallTime at;
    std::map<std::string, Owed> backends;
  };

  mutable std::mutex mutex_;
  std::deque<Sample> samples_;  // Oldest first.
};

class Observer {
 public:
  Observer(const LogView& log, Clock& clock);

  const FlowMeter& flow() const { return flow_; }
  const History& history() const { return history_; }

  // One look.
  void Look();

 private:
  void Run(const std::stop_token& stop);

  const LogView& log_;
  Clock& clock_;
  FlowMeter flow_;
  History history_;
  std::jthread thread_;
};

}  // namespace relay
