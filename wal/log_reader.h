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
#include "wal/run.h"
#include "wal/store.h"

namespace relay {

// What a log remembers between two runs of the program.
struct LoadedLog {
  Runs runs;
  std::uint32_t last_backend = 0;  // The highest number ever given to a name.
  PayloadId last_payload{0};
  std::uint64_t format = kFormatVersion;  // That it was written in.
};

// The heads are derived from the entries, never stored. kInvalidInput: the
// store was written by a version of the format that is not known; it says which.
// An older one is read as what it would be after an upgrade.
Result<LoadedLog> LoadLog(const Store& store);

// A log on disk for inspection, be it in use by a relay or a copy. `directory`
// is the relay's `log.path`. kNotFound: there is no log.
Result<std::unique_ptr<LogView>> OpenLogView(const std::string& directory);

// Where the database lies inside the relay's `log.path`, which also has room
// for what must not depend on the database.
std::string StoreDirectory(const std::string& log_path);

// Where checkpoints of a log lie unless they are to lie elsewhere: in its
// directory, of which they are not part.
std::string CheckpointsDirectory(const std::string& log_path);

}  // namespace relay
