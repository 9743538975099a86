// Reading a log out of a store: what an inspector and the running log have in
// common. Nothing here writes.
//
// ERRORS. kCorruption where the store or a value of the `state` family is
// damaged.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "wal/log.h"
#include "wal/reading/queue.h"
#include "wal/store/store.h"

namespace relay {

// What a log remembers between two runs of the program.
struct LoadedLog {
  Queues queues;
  std::uint32_t last_backend = 0;  // The highest number ever given to a name.
  PayloadId last_payload{0};
  std::uint64_t format = kFormatVersion;  // That it was written in.
};

// The heads are derived from the entries, never stored. kInvalidInput: the
// store was written by a version of the format that is not known; it says which.
// An older one is read as what it would be after an upgrade.
Result<LoadedLog> LoadLog(const Store& store);

// Where the database lies inside the relay's `log.path`, which also has room
// for what must not depend on the database.
std::string StoreDirectory(const std::string& log_path);

}  // namespace relay
