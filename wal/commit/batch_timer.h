// Measures how long appends and syncs take, and for how long the disk has kept the
// committer's current batch waiting.
//
// THREADS. One thread calls Time, any thread the other methods.
#pragma once

#include <atomic>
#include <chrono>

#include "wal/commit/options.h"

namespace relay {

class BatchTimer {
 public:
  // nullptr: nothing is measured, Now is always zero.
  explicit BatchTimer(LogTimes* times) : times_(times) {}

  std::chrono::nanoseconds Now() const {
    return times_ != nullptr ? times_->now() : std::chrono::nanoseconds::zero();
  }

  // Returns the time since the current batch began; zero: no batch is being written.
  std::chrono::nanoseconds Waiting() const {
    const std::chrono::nanoseconds begun = begun_;
    return begun.count() == 0 ? begun : Now() - begun;
  }

  // Runs `write` and records how long it took.
  template <typename Write>
  auto Time(const Write& write) {
    const std::chrono::nanoseconds begun = Now();
    begun_ = begun;
    auto written = write();
    begun_ = std::chrono::nanoseconds::zero();
    if (times_ != nullptr) times_->syncs.Record(Now() - begun);
    return written;
  }

  void RecordAppend(std::chrono::nanoseconds took) {
    if (times_ != nullptr) times_->appends.Record(took);
  }

 private:
  LogTimes* const times_;
  // The start of the batch that is being written; zero: none is.
  std::atomic<std::chrono::nanoseconds> begun_{std::chrono::nanoseconds::zero()};
};

}  // namespace relay
