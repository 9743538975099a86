// Loads a log from a store, for the running log and for offline inspection. Writes nothing.
//
// ERRORS. kCorruption: the store or a value of the `state` family is damaged.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "wal/log.h"
#include "wal/reading/queue.h"
#include "wal/store/store.h"

namespace relay {

// Everything a log remembers across restarts.
struct LoadedLog {
  Queues queues;
  std::uint32_t last_backend = 0;  // The highest number ever assigned.
  PayloadId last_payload{0};
  Lives lives;
  std::uint64_t format = kFormatVersion;  // The format in which it was written.
};

// Derives the heads from the entries; they are never stored. kInvalidInput: the store has an
// unknown format, which the message names. An older format is read as it would be after an upgrade.
Result<LoadedLog> LoadLog(const Store& store);

// The database's directory inside the relay's `log.path`, which also holds the files that must not
// depend on the database.
std::string StoreDirectory(const std::string& log_path);

}  // namespace relay
