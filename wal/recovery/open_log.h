// Opens the database of a log as far as possible, and says what is missing.
//
// A damaged database opens without what cannot be read; what it lacks compared with the high-water
// mark is repaired (recovery.h), an older format is upgraded, configured backends get their number,
// and rows left by forgotten backends are discarded.
//
// DURABILITY. All repairs are on stable storage when OpenLog returns.
//
// THREADS. One; nobody else uses the log's directory.
//
// ERRORS. kUnavailable: in use by another process. kInvalidInput: a newer format. Others: the
// store's error; OpenLogToRead may still succeed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wal/base/result.h"
#include "wal/reading/load.h"
#include "wal/recovery/high_water.h"
#include "wal/recovery/recovery.h"
#include "wal/store/store.h"

namespace relay {

struct OpenRequest {
  std::string directory;  // The relay's log.path.
  rocksdb::Env* env = nullptr;
  Bytes file_size = 64_MiB;
  std::vector<BackendId> backends = {};  // The configured ones.
  std::optional<HighWater> known = {};   // nullopt: trust the database.
  bool first_open = false;               // There was never a log here.
  std::string because = {};              // The damage that closed it; empty: none.
  Numbering numbering = Numbering::kOwn;
};

struct OpenedDatabase {
  std::unique_ptr<Store> store;
  LoadedLog log;
  std::uint64_t epoch = 0;  // The number of this opening; 0: opened to read.
};

// Adds what an operator must know to `alarms`, a sentence each, whether or not the log opens.
Result<OpenedDatabase> OpenLog(const OpenRequest& request, std::vector<std::string>& alarms);

// Changes nothing on disk: deliveries can go on while the log accepts no writes. Configured
// backends that it lacks are empty queues.
Result<OpenedDatabase> OpenLogToRead(const OpenRequest& request);

// Discards the rows of a forgotten backend.
Status DiscardAllOf(Store& store, BackendNumber number);

}  // namespace relay
