// Makes checkpoints by itself, as log.checkpoints says: at their time, copied to another directory
// or handed to a command, the oldest deleted once a newer one is complete.
//
// SAFETY. Whatever fails, or is killed, the checkpoints that are complete stay, and what has the
// name of one is a whole one. A failure is said when it begins, and kept in `failure`; the next
// attempt is made after `every`, or after five minutes if that is longer. Writes and delivery go
// on: the thread has the least priority for processor and disk.
//
// When the last one was complete is kept in the log's directory, so that restarts do not change
// the schedule; a plan that has changed is tried at once.
//
// THREADS. Step belongs to one, by default its own; all else may be called by any.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "config/model/config.h"
#include "relay/admin/checkpoints.h"
#include "wal/base/clock.h"

namespace relay {

class CheckpointSchedule {
 public:
  // Names of its checkpoints begin so; others are left alone.
  static constexpr std::string_view kPrefix = "auto-";

  struct Parts {
    std::string log_path;
    std::string checkpoint_dir;  // The configured one.
    Checkpoints::Maker maker;
    Clock& clock;
  };

  // The parts outlive it.
  CheckpointSchedule(Parts parts, CheckpointPlan plan);

  // Runs it in a thread of its own until the destructor, which ends a command that runs.
  void Start();

  void Set(const CheckpointPlan& plan);

  // Why the last one was not made or shipped; empty: it was, or none is planned.
  std::string failure() const;
  // When the last one was complete; nullopt: none was.
  std::optional<WallTime> last() const;
  bool is_planned() const;

  // Makes one if it is due. Returns how long to wait.
  Clock::Duration Step(const std::stop_token& stop);

 private:
  Status MakeOne(const CheckpointPlan& plan, const std::stop_token& stop);
  Status Ship(const CheckpointPlan& plan, const std::string& name, const std::stop_token& stop);
  void DeleteOld(const CheckpointPlan& plan, const std::string& newest) const;
  void NoteResult(const Status& made, const std::string& where);
  void Run(const std::stop_token& stop);

  const Parts parts_;
  const Checkpoints checkpoints_;
  const std::string state_path_;
  mutable std::mutex mutex_;
  CheckpointPlan plan_;                   // Under the mutex; so below.
  std::optional<Clock::TimePoint> next_;  // nullopt: by the plan and the last one.
  std::optional<WallTime> last_;
  std::string failure_;
  Signal changed_;
  std::jthread thread_;
};

}  // namespace relay
