// The audit trail: who changed what, when and with what outcome, in an append-only
// file beside the log.
//
// DURABILITY. An entry is on stable storage before Note returns; its change is
// made only after the entry that announces it.
//
// The file has one JSON object per line. At kFileMax it replaces NAME.1, and a new one
// begins.
//
// THREADS. Any number at once.
//
// ERRORS. kIo: the file cannot be written or read. Reading skips lines that are not
// entries (the end of a file after a power loss).
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

struct AuditEntry {
  WallTime when;
  std::string who;      // The name given, the token and the address.
  std::string what;     // The description: "rewind a to 12".
  std::string outcome;  // "asked", then "done" or the error.
};

class Audit {
 public:
  static constexpr Bytes kFileMax = 16_MiB;
  static constexpr std::size_t kRecentMax = 200;

  // `log_path`: the relay's log.path, which exists.
  explicit Audit(const std::string& log_path);

  Status Note(const AuditEntry& entry);

  // Returns the newest entries, newest first; at most kRecentMax.
  std::vector<AuditEntry> Recent(std::size_t count_max) const;

 private:
  const std::string path_;
  mutable std::mutex mutex_;
  std::deque<AuditEntry> recent_;
};

// Reads the newest `count_max` entries, newest first, whether the relay runs or not.
Result<std::vector<AuditEntry>> ReadAudit(const std::string& log_path, std::size_t count_max);

}  // namespace relay
