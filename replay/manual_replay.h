// A manual replay: records of a backend's log that were accepted in some range are sent once more,
// to it or elsewhere, beside the normal delivery. Nothing in the log changes.
//
// One record is one request; lines that the target refuses for good are found by halving and
// counted, not kept. Records whose database it lacks are refused as a whole, so that one database
// does not keep the others waiting. What it cannot accept now is retried until it does or the job
// is cancelled. Statements (of /query) are not sent again: a repeated DROP would delete newer
// points.
//
// THREADS. One thread steps a job; Progress may be read from any. Log, transport and clock outlive
// it.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "replay/backend_job.h"
#include "replay/transport/transport.h"
#include "wal/base/backoff.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

struct ReplayRange {
  BackendId backend;
  Sequence after = Sequence::BeforeFirst();  // The job begins behind this record ...
  Sequence last = Sequence::BeforeFirst();   // ... and ends with this one.
  std::string database;                      // Empty: all.
  std::string measurement;                   // Empty: all.
  double points_per_second = 0;              // 0: as fast as it goes.
  // The target gets these records from a queue of its own too, and newer ones, which must come
  // last: its delivery is paused until the job has ended.
  bool pauses_target = false;
};

class ReplayJob final : public BackendJob {
 public:
  // `progress` is that of an earlier process; its next_after counts.
  ReplayJob(ReplayRange range, ReplayProgress progress, const LogView& log, Transport& transport,
            Clock& clock);

  // Sends at most one request.
  Clock::Duration Step() override;

  void Cancel() override;
  void GiveUp(std::string reason) override;
  void Interrupt() override { transport_.Cancel(); }
  bool NeedsPause() const override;

  const ReplayRange& range() const { return range_; }
  ReplayProgress Progress() const override;

 private:
  // Lines of one record that go in one request.
  struct SendBatch {
    std::string lines;
    PointCount points = 0;
  };

  Clock::Duration NextRecord();
  Clock::Duration SendFront();
  Clock::Duration Delivered(const SendBatch& batch, PointCount refused, std::string response);
  Clock::Duration Refused(std::string response);
  Clock::Duration PassedOver(std::string response);
  bool IsOfClient() const;
  Clock::Duration Later(std::string_view reason, Clock::Duration wait);
  SendBatch Chosen(const Record& record) const;
  bool IsChosen(std::string_view line) const;
  void Finish(ReplayState state, std::string reason);

  const ReplayRange range_;
  const LogView& log_;
  Transport& transport_;
  Clock& clock_;

  WriteParams params_;             // The record under way: its parameters, ...
  Sequence under_way_;             // ... its sequence, ...
  std::deque<SendBatch> batches_;  // ... and its unsent batches.
  std::uint32_t failures_ = 0;

  mutable std::mutex mutex_;
  ReplayProgress progress_;
};

}  // namespace relay
