// Keeps the log within its limits, once a second, and tells the journal when
// the log begins to fail, when it recovers, and what damage it found.
//
// Tells the service manager WATCHDOG=1 each second that the log could be looked
// after, or that it waits for a disk that hangs: starting the relay again would
// not mend that, and would keep what is stored from the backends.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "wal/base/clock.h"
#include "wal/log/durable_log.h"

namespace relay {

// THREADS. Has two of its own, from construction to destruction: one keeps
// house and waits for the disk with it, the other tells. Log and clock outlive
// it.
class RetentionThread {
 public:
  RetentionThread(DurableLog& log, Clock& clock);

 private:
  void Keep(const std::stop_token& stop);
  void Tell(const std::stop_token& stop);
  Status Kept() const;
  bool Alive();
  void TellTrouble(const Status& status);
  void TellAlarms();

  DurableLog& log_;
  Clock& clock_;
  mutable std::mutex mutex_;
  Status kept_ = Ok();                   // How the last turn ended; guarded by mutex_.
  std::atomic<std::uint64_t> turns_{0};  // Of keeping house.
  std::uint64_t turns_seen_ = 0;         // These three are the teller's own.
  std::string trouble_;                  // Told already; empty: none. So below.
  std::set<std::string> alarmed_;
  std::jthread keeper_;
  std::jthread teller_;
};

}  // namespace relay
