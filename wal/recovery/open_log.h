// Opens the database of a log as far as it can be opened, and says what is missing.
//
// A damaged database opens without what cannot be read; what it lacks of what is
// known from elsewhere is put right (recovery.h), an older format is brought up
// to this one, configured backends get their number, and the rows that forgotten
// backends left are given back.
//
// DURABILITY. Everything that is put right is on stable storage when OpenLog returns.
//
// THREADS. One; nobody else uses the log's directory.
//
// ERRORS. kUnavailable: in use by another process. kInvalidInput: a newer format.
// Others: what the store said; OpenLogToRead may still succeed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wal/base/result.h"
#include "wal/reading/load.h"
#include "wal/recovery/high_water.h"
#include "wal/store/store.h"

namespace relay {

struct OpenRequest {
  std::string directory;  // The relay's log.path.
  rocksdb::Env* env = nullptr;
  Bytes file_size = 64_MiB;
  std::vector<BackendId> backends = {};  // Those that are configured.
  std::optional<HighWater> known = {};   // nullopt: the database is believed.
  bool first_open = false;               // There was never a log here.
  std::string because = {};              // The damage that closed it; empty: none did.
};

struct OpenedDatabase {
  std::unique_ptr<Store> store;
  LoadedLog log;
  std::uint64_t epoch = 0;  // Of this opening; 0: opened to read.
};

// Adds to `alarms` what an operator must be told, a sentence each, whether the
// log opens or not.
Result<OpenedDatabase> OpenLog(const OpenRequest& request, std::vector<std::string>& alarms);

// Changes nothing on disk: deliveries can go on while the log takes no writes.
// Configured backends that it does not know are empty queues.
Result<OpenedDatabase> OpenLogToRead(const OpenRequest& request);

// Gives back the rows of a backend that was forgotten.
Status DiscardAllOf(Store& store, BackendNumber number);

}  // namespace relay
