// The room that the log has on its disk: its limits, what was measured, and what
// was appended since.
//
// INVARIANT. Appends count from when they are accepted, so that the limit holds
// between two measurements; a measurement takes over what was appended before it.
//
// DURABILITY. None: everything is measured anew after a start.
//
// THREADS. Any number at once, Measure by one.
//
// ERRORS. kFull: a limit is reached. kIo: the directory cannot be measured.
#pragma once

#include <mutex>
#include <string>

#include "wal/base/result.h"
#include "wal/log/options.h"

namespace relay {

class DiskBudget {
 public:
  DiskBudget(std::string directory, const LogLimits& limits);

  LogLimits limits() const;
  void SetLimits(const LogLimits& limits);

  // Measures the directory and its file system. Checkpoints do not count.
  Status Measure();

  // Counts what will be written, at most.
  void CountAppended(Bytes stored);

  // The last measurement and what was appended since.
  DiskUse use() const;

  // kFull: neither appends nor what else grows the log may be accepted.
  Status CheckRoom() const;

  // kFull: the file system is, whatever the log itself takes of it.
  Status CheckRoomForCheckpoint() const;

  // The policy to trim by. While the log is full, it halves what backends keep
  // for a rewind each time; `kept` is what the one that keeps most has. Less
  // than `worth_it` goes at once.
  KeepPolicy KeepNow(Bytes kept, Bytes worth_it) const;

 private:
  DiskUse UseLocked() const;

  const std::string directory_;
  mutable std::mutex mutex_;  // Guards what follows.
  LogLimits limits_;
  DiskUse measured_;
  Bytes appended_since_{0};
};

}  // namespace relay
