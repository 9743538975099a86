// A job that sends points to a backend beside its normal delivery: in steps, until it is done, has
// failed or is cancelled. It can be made again from its progress, in another process.
//
// THREADS. One thread steps a job; the rest may be called from any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wal/base/clock.h"
#include "wal/base/types.h"

namespace relay {

enum class ReplayState : std::uint8_t { kRunning, kComplete, kCancelled, kGivenUp };

// Returns "running", "done", "cancelled" or "failed".
std::string_view ToString(ReplayState state);

struct ReplayProgress {
  ReplayState state = ReplayState::kRunning;
  Sequence next_after = Sequence::BeforeFirst();  // Everything up to here is done.
  PointCount points_sent = 0;
  PointCount points_refused = 0;
  RecordCount damaged = 0;  // Unreadable records, passed over.
  Bytes bytes_sent{0};
  std::string reason = {};   // The reason why it waits or failed.
  std::string refusal = {};  // The target's response to the last points that it refused.

  // The values of jobs that read a server instead of the log.
  std::uint64_t values_done = 0;
  std::uint64_t values_total = 0;  // 0: not known yet.
  std::string doing = {};          // "copying metrics.autogen.cpu"
  std::string result = {};         // The finding of the last comparison.
  std::string cursor = {};         // Where the job continues; only the job reads it.
};

class BackendJob {
 public:
  BackendJob() = default;
  BackendJob(const BackendJob&) = delete;
  BackendJob& operator=(const BackendJob&) = delete;
  virtual ~BackendJob() = default;

  // Does a part of the work; returns how long to wait until the next step.
  // REQUIRES: the state is kRunning.
  virtual Clock::Duration Step() = 0;

  // Ends the job, unless it has ended.
  virtual void Cancel() = 0;
  virtual void GiveUp(std::string reason) = 0;

  // Ends the step under way soon, and every later one at once, without an end of the job.
  virtual void Interrupt() = 0;

  // Returns whether the backend's normal delivery must be paused during the next step.
  virtual bool NeedsPause() const = 0;

  virtual ReplayProgress Progress() const = 0;
};

}  // namespace relay
