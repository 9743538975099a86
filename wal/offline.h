// Opens a log on disk for inspection, whether or not a relay runs on it; a running relay is not
// disturbed.
//
// ERRORS. kNotFound: there is no log. kCorruption, kInvalidInput: it cannot be read; the message
// says why.
#pragma once

#include <memory>
#include <string>

#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

// Opens a log for inspection, in use by a relay or a copy. `directory` is the relay's `log.path`.
// kNotFound: there is no log.
Result<std::unique_ptr<LogView>> OpenLogView(const std::string& directory);

// Returns the default directory for checkpoints of a log: inside the log's directory, but not part
// of the log.
std::string CheckpointsDirectory(const std::string& log_path);

}  // namespace relay
