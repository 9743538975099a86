// A manual replay: records of a backend's log that were accepted in some range
// are sent once more, to it or to somewhere else, beside the normal delivery.
// Nothing in the log changes.
//
// One record is one request; what the target refuses for good is halved down to
// the line and counted, not kept; so is what it has no database for, as a whole,
// lest one database keeps all others waiting. What it cannot take now is tried
// again until it does or the job is cancelled. Statements (of /query) are not sent again:
// what a DROP took away once must not be taken away from newer points.
//
// THREADS. One thread steps a job; Progress may be read from any. Log,
// transport and clock outlive it.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "replay/transport/transport.h"
#include "wal/base/backoff.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

struct ReplayRange {
  BackendId backend;
  Sequence after = Sequence::BeforeFirst();  // Where the job begins ...
  Sequence last = Sequence::BeforeFirst();   // ... and ends, inclusive.
  std::string database;                      // Empty: all.
  std::string measurement;                   // The same.
  double points_per_second = 0;              // 0: as fast as it goes.
};

enum class ReplayState : std::uint8_t { kRunning, kComplete, kCancelled, kGivenUp };

// "running", "done", "cancelled", "failed".
std::string_view ToString(ReplayState state);

struct ReplayProgress {
  ReplayState state = ReplayState::kRunning;
  Sequence next_after = Sequence::BeforeFirst();  // Everything up to here is done.
  PointCount points_sent = 0;
  PointCount points_refused = 0;
  RecordCount damaged = 0;  // Records that cannot be read: passed over.
  Bytes bytes_sent{0};
  std::string why;      // What it waits for, or why it failed.
  std::string refusal;  // What the target said of the last points that it refused.
};

class ReplayJob {
 public:
  // `progress`: how far an earlier process came; its next_after counts.
  ReplayJob(ReplayRange range, ReplayProgress progress, const LogView& log, Transport& transport,
            Clock& clock);

  // Sends at most one request; returns how long to wait before the next step.
  // REQUIRES: the state is kRunning.
  Clock::Duration Step();

  void Cancel();

  const ReplayRange& range() const { return range_; }
  ReplayProgress Progress() const;

 private:
  // Lines of one record that go in one request.
  struct SendBatch {
    std::string lines;
    PointCount points = 0;
  };

  Clock::Duration NextRecord();
  Clock::Duration SendFront();
  Clock::Duration Delivered(const SendBatch& piece, PointCount refused, std::string words);
  Clock::Duration Refused(std::string words);
  Clock::Duration PassedOver(std::string words);
  bool IsOfClient() const;
  Clock::Duration Later(std::string_view why, Clock::Duration wait);
  SendBatch Chosen(const Record& record) const;
  bool IsChosen(std::string_view line) const;
  void Finish(ReplayState state, std::string why);

  const ReplayRange range_;
  const LogView& log_;
  Transport& transport_;
  Clock& clock_;

  WriteParams params_;            // Of the record under way,
  Sequence under_way_;            // which this is,
  std::deque<SendBatch> pieces_;  // and what of it is left.
  std::uint32_t failures_ = 0;

  mutable std::mutex mutex_;
  ReplayProgress progress_;
};

}  // namespace relay
