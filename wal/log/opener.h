// Opens the log, at the start and again after a failure, and keeps its
// high-water mark: what is known of the log without its database.
//
// INVARIANT. Once the log was open, the mark in the file is never ahead of what
// is on stable storage.
//
// DURABILITY. As recovery/open_log.h and recovery/high_water.h.
//
// THREADS. Alarms from any; the others by one at a time: first the thread that
// opens the log, then the committer.
//
// ERRORS. As OpenLog; those of the high-water file too.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "wal/base/result.h"
#include "wal/log/options.h"
#include "wal/log/queue_table.h"
#include "wal/log/shared_store.h"
#include "wal/record/identity.h"
#include "wal/recovery/high_water.h"
#include "wal/recovery/open_log.h"

namespace relay {

class Opener {
 public:
  // All of them outlive the opener.
  Opener(const LogOptions& options, SharedStore& store, QueueTable& queues)
      : options_(options), store_(store), queues_(queues) {}

  // Reads what is known of the log before its database is opened.
  void ReadMark(const FoundIdentity& identity);

  // Opens the database, repairs it, and has the table adopt what it holds.
  // `because` closed it; nullopt: the log was not open before.
  // REQUIRES: no store is open, nobody reads.
  Status Open(const std::optional<Error>& because);

  // Opens it for deliveries alone, whose cursors are kept in memory.
  Status OpenToRead();

  // Puts a store that only reads in the place of one that could not be opened;
  // where that fails too, there is none.
  void ServeReaders();

  // What is on stable storage has grown: the mark is written anew, lazily.
  void Moved() { high_water_->Moved(); }  // REQUIRES: Open was ok.

  // Writes the last mark. `clean`: the log was closed in order.
  void Close(bool clean);

  // What an operator must be told of damage, a sentence each.
  std::vector<std::string> Alarms() const;

 private:
  OpenRequest Request() const;
  Status StartHighWater();
  void AddAlarm(std::string alarm);

  const LogOptions& options_;
  SharedStore& store_;
  QueueTable& queues_;
  std::optional<HighWater> known_;  // What the database is compared with when it opens.
  std::uint64_t mark_turn_ = 0;     // Of the newest slot in the high-water file.
  bool first_open_ = false;         // There was never a log here.
  mutable std::mutex mutex_;        // Guards alarms_, and high_water_ while it is set.
  std::vector<std::string> alarms_;
  std::unique_ptr<HighWaterKeeper> high_water_;
};

}  // namespace relay
