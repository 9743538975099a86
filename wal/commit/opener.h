// Opens the log, at the start and again after a failure, and keeps its
// high-water mark: the record of the log's state outside of its database.
//
// INVARIANT. Once the log was open, the mark in the file is never ahead of what
// is on stable storage.
//
// DURABILITY. As recovery/open_log.h and recovery/high_water.h.
//
// THREADS. Any thread may call Alarms; the others are called by one at a time: first the
// thread that opens the log, then the committer.
//
// ERRORS. As OpenLog and HighWaterFile.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "wal/base/result.h"
#include "wal/commit/options.h"
#include "wal/commit/queue_table.h"
#include "wal/commit/shared_store.h"
#include "wal/record/identity.h"
#include "wal/recovery/high_water.h"
#include "wal/recovery/open_log.h"

namespace relay {

class Opener {
 public:
  // The arguments outlive the opener.
  Opener(const LogOptions& options, SharedStore& store, QueueTable& queues)
      : options_(options), store_(store), queues_(queues) {}

  // Reads the high-water mark, before the database is opened.
  void ReadMark(const FoundIdentity& identity);

  // Opens the database, repairs it, and loads its queues into the table.
  // `because` is the failure that closed the log; nullopt: it was not open before.
  // REQUIRES: no store is open, nobody reads.
  Status Open(const std::optional<Error>& because);

  // Opens the database read-only, for deliveries whose cursors stay in memory.
  Status OpenToRead();

  // Opens the store read-only after it could not be opened for writing; if that fails
  // too, no store is open.
  void ServeReaders();

  // Has the mark written anew, lazily, because more is on stable storage.
  void Moved() { high_water_->Moved(); }  // REQUIRES: Open was ok.

  // Writes the last mark. `clean`: the log was closed in order.
  void Close(bool clean);

  // Returns a sentence for the operator about each damage.
  std::vector<std::string> Alarms() const;

 private:
  OpenRequest Request() const;
  Status StartHighWater();
  void AddAlarm(std::string alarm);

  const LogOptions& options_;
  SharedStore& store_;
  QueueTable& queues_;
  std::optional<HighWater> known_;  // The mark that the opened database is compared with.
  std::uint64_t mark_turn_ = 0;     // The turn of the newest slot in the high-water file.
  bool first_open_ = false;         // The directory never held a log.
  mutable std::mutex mutex_;        // Guards alarms_, and high_water_ while it is set.
  std::vector<std::string> alarms_;
  std::unique_ptr<HighWaterKeeper> high_water_;
};

}  // namespace relay
