// Remembers that a log was started on a checkpoint of another one, until an operator takes note:
// what the original accepted behind the checkpoint is not in this log, and nobody else would say
// so.
//
// DURABILITY. In the identity file: a start is noted, or acknowledged, when the call returns.
//
// THREADS. Any number at once.
//
// ERRORS. kIo: the identity file cannot be written.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/record/identity.h"

namespace relay {

struct StartedCopy {
  std::string origin;        // The id of the log that the checkpoint was made of.
  std::string newest_write;  // RFC 3339, UTC: what was accepted from here on may be missing ...
  std::string first_start;   // ... to here.
  bool is_new = false;       // It is started for the first time.
};

class CopyStart {
 public:
  // `directory`: the relay's log.path.
  explicit CopyStart(std::string directory) : directory_(std::move(directory)) {}

  // Takes what the identity file says. Returns whether this is the first start on a checkpoint.
  bool Begin(const Identity& identity);

  // Notes the first start. `newest`: when the newest record was accepted; nullopt: there is none.
  Status Note(std::optional<WallTime> newest, WallTime now);

  // nullopt: the log is no checkpoint, or an operator has taken note.
  std::optional<StartedCopy> Unacknowledged() const;

  // kConflict: there is nothing to acknowledge.
  Status Acknowledge(WallTime now);

 private:
  const std::string directory_;
  mutable std::mutex mutex_;  // Guards what follows.
  Identity identity_;
  bool is_new_ = false;
};

}  // namespace relay
