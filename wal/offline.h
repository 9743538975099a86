// Opening a log on disk to look at it: no relay needs to run, and one that runs
// is not disturbed.
//
// ERRORS. kNotFound: there is no log. kCorruption, kInvalidInput: it cannot be
// read; the message says why.
#pragma once

#include <memory>
#include <string>

#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

// A log on disk for inspection, be it in use by a relay or a copy. `directory`
// is the relay's `log.path`. kNotFound: there is no log.
Result<std::unique_ptr<LogView>> OpenLogView(const std::string& directory);

// Where checkpoints of a log lie unless they are to lie elsewhere: in its
// directory, of which they are not part.
std::string CheckpointsDirectory(const std::string& log_path);

}  // namespace relay
