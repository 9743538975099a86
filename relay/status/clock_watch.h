// Ages of records that stay right while the wall clock is set: a record is stamped with the wall
// time at which it was accepted, and a clock that is put back would make it look young, or not yet
// written.
//
// The watch compares the wall clock with the monotonic one and remembers each step, and which
// records were stamped before it. A stamp is then shown in terms of what the clock says now, so
// that "now minus stamp" is the age by the monotonic clock.
//
// INVARIANT. A corrected time is never later than now, and never later than when this process has
// seen the record. Records from before the process are shown as they were stamped, with the same
// two bounds.
//
// THREADS. Any number at once. The clock outlives it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "relay/status/clock_steps.h"
#include "relay/status/throughput.h"
#include "wal/base/clock.h"
#include "wal/base/types.h"

namespace relay {

struct RelayStatus;

class ClockWatch {
 public:
  // A smaller difference is no step: the clocks are not read at the same instant.
  static constexpr std::chrono::milliseconds kStepLeast{500};
  // Records stamped before an older step than this count as stamped after it.
  static constexpr std::size_t kStepsMax = 64;

  explicit ClockWatch(const Clock& clock);

  // Looks at both clocks; called about once a second, and before Correct. Returns by how much the
  // wall clock was set since the last call; nullopt: it was not.
  std::optional<std::chrono::nanoseconds> Note(const NamedFigures& figures);

  // Puts the times of the oldest records in terms of what the wall clock says now; sets `now` and
  // `clock`.
  void Correct(RelayStatus& status) const;

  ClockSteps steps() const;

 private:
  using Heads = std::map<std::string, Sequence, std::less<>>;

  // How the wall clock is ahead of the monotonic one.
  using Offset = std::chrono::nanoseconds;

  // The end of a time in which the wall clock was not set.
  struct Step {
    Offset before{0};          // The offset until then.
    Clock::TimePoint ok_at;    // The last look before the step.
    Heads ok_heads;            // Records up to here were stamped before the step;
    Clock::TimePoint seen_at;  // the first look after it;
    Heads seen_heads;          // records after these were stamped after the step.
  };
  // One moment of both clocks.
  struct Moment {
    Clock::TimePoint steady;
    Offset offset{0};
  };

  Moment Look() const;
  // The next two require the mutex.
  WallTime Shown(const std::string& backend, Sequence sequence, WallTime stamp,
                 const Moment& now) const;
  void CorrectFigures(const std::string& backend, QueueStats& figures, const Moment& now) const;
  ClockSteps StepsAt(const Moment& now) const;

  const Clock& clock_;
  mutable std::mutex mutex_;  // Guards what follows.
  Moment last_;
  std::optional<Heads> last_heads_;  // nullopt: the first look is still to come.
  std::vector<Step> steps_;          // Oldest first; the first is the start of the process.
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds last_by_{0};
  Clock::TimePoint last_step_at_;
};

}  // namespace relay
