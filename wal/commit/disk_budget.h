// Tracks the disk space of the log: its limits, the last measurement, and the appends
// since then.
//
// INVARIANT. Appends count as soon as they are accepted, so that the limit holds
// between two measurements; a measurement replaces the count of the appends before it.
//
// DURABILITY. None: everything is measured anew after a start.
//
// THREADS. Any number at once; Measure by one.
//
// ERRORS. kFull: a limit is reached. kIo: the directory cannot be measured.
#pragma once

#include <mutex>
#include <string>

#include "wal/base/result.h"
#include "wal/commit/options.h"

namespace relay {

class DiskBudget {
 public:
  DiskBudget(std::string directory, const LogLimits& limits);

  LogLimits limits() const;
  void SetLimits(const LogLimits& limits);

  // Measures the directory and its file system. Checkpoints do not count.
  Status Measure();

  // Counts an append that will take at most `stored` bytes on disk.
  void CountAppended(Bytes stored);

  // Returns the last measurement plus what was appended since.
  DiskUse use() const;

  // kFull: neither appends nor other changes that grow the log may be accepted.
  Status CheckRoom() const;

  // kFull: the file system is full, however little of it the log itself uses.
  Status CheckRoomForCheckpoint() const;

  // Returns the policy to trim by. While the log is full, each call halves what backends
  // keep for a rewind: `kept` is the most that any of them keeps. Less than `worth_it` is
  // given up at once.
  KeepPolicy KeepNow(Bytes kept, Bytes worth_it) const;

 private:
  DiskUse UseLocked() const;
  void AdoptLimits();

  const std::string directory_;
  mutable std::mutex mutex_;  // Guards what follows.
  LogLimits limits_;
  DiskUse measured_;
  Bytes capacity_{0};  // The file system holds this much; zero until the first measurement.
  Bytes appended_since_{0};
};

}  // namespace relay
