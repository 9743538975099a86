// Keeps the log within its limits, once a second, and tells the journal when
// the log begins to be unwell, when it is well again, and what damage it found.
#pragma once

#include <set>
#include <string>
#include <thread>

#include "replay/clock.h"
#include "wal/durable_log.h"

namespace relay {

// THREADS. Has one of its own, from construction to destruction. Log and clock
// outlive it.
class Housekeeper {
 public:
  Housekeeper(DurableLog& log, Clock& clock);

 private:
  void Run(const std::stop_token& stop);
  void TellTrouble(const Status& status);
  void TellAlarms();

  DurableLog& log_;
  Clock& clock_;
  std::string trouble_;  // Told already; empty: none. So below.
  std::set<std::string> alarmed_;
  std::jthread thread_;
};

}  // namespace relay
