// The audit trail: who changed what, when and with what outcome, in a file of
// its own beside the log. Entries are only ever added.
//
// DURABILITY. An entry is on stable storage before Note returns; its change is
// made only after the entry that announces it.
//
// The file is a JSON object a line. At kFileMax it becomes NAME.1, in the place
// of the one before, and a new one begins.
//
// THREADS. Any number at once.
//
// ERRORS. kIo: the file cannot be written or read. A line that is not an entry
// (the end of a file after a power loss) is passed over when reading.
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
  std::string who;      // The name they gave, and what is known of them.
  std::string what;     // In words: "rewind a to 12".
  std::string outcome;  // "asked", then "done" or why not.
};

class Audit {
 public:
  static constexpr Bytes kFileMax = 16_MiB;
  static constexpr std::size_t kRecentMax = 200;

  // In the relay's log.path, which exists.
  explicit Audit(const std::string& log_path);

  Status Note(const AuditEntry& entry);

  // The newest, newest first; at most kRecentMax.
  std::vector<AuditEntry> Recent(std::size_t count_max) const;

 private:
  const std::string path_;
  mutable std::mutex mutex_;
  std::deque<AuditEntry> recent_;
};

// The newest `count_max` entries, newest first, of a relay that runs or not.
Result<std::vector<AuditEntry>> ReadAudit(const std::string& log_path, std::size_t count_max);

}  // namespace relay
