// Samples the log every second, for rates and for plots of the last hour.
//
// THREADS. Has one of its own, from construction to destruction; methods from any
// number. Log and clock outlive it.
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

  // Adds a sample; ignores it if the last one is less than kInterval ago.
  void Note(WallTime now, const NamedFigures& figures);

  // Returns {"times":[seconds …],"backends":{NAME:{"points":[…],"ages":[…]}}}: the points
  // owed and the age of the oldest; null while the backend did not exist.
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

  // Takes one sample.
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
