// Delays the answers to writes with consistency=one, quorum or all until backends
// have them. The write is in the log already; this polls whether backends have it.
//
// THREADS. Any number at once; it has one of its own.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

class DeliveryWaiter {
 public:
  // A payload that must be delivered to a backend, with everything before it.
  struct Needed {
    BackendId backend;
    PayloadId payload{0};
  };
  // Called with the number of backends that have what they need.
  using Done = std::function<void(std::size_t have)>;

  // Log and clock outlive it.
  DeliveryWaiter(const LogView& log, Clock& clock) : log_(log), clock_(clock) {}
  DeliveryWaiter(const DeliveryWaiter&) = delete;
  DeliveryWaiter& operator=(const DeliveryWaiter&) = delete;
  ~DeliveryWaiter() { Stop(); }

  // Step runs on a thread until Stop.
  void Start();

  // Calls `done` once: when `enough` backends have theirs, when that many cannot have
  // it soon (a lane is on hold), or when the time is up.
  void Wait(std::vector<Needed> needed, std::size_t enough, Clock::Duration limit, Done done);

  // Answers all waiting writes, and later ones at once.
  void Stop();

  // Runs one turn: answers what it can; returns how long to wait before the next.
  Clock::Duration Step();

 private:
  struct Waiting {
    std::vector<Needed> missing;
    std::size_t enough = 0;
    std::size_t have = 0;
    Clock::TimePoint deadline;
    Done done;
  };
  using Behind = std::set<BackendId>;

  void Look(Waiting& waiting, Behind& behind) const;
  static bool IsOver(const Waiting& waiting, Clock::TimePoint now);

  const LogView& log_;
  Clock& clock_;
  Signal came_;
  std::mutex mutex_;
  std::list<Waiting> waiting_;  // In order of arrival.
  bool stopped_ = false;
  std::jthread thread_;
};

}  // namespace relay
