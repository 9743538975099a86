// Files of lines that only grow.
//
// THREADS. One at a time for each file.
#pragma once

#include <string>

#include "wal/base/result.h"

namespace relay {

// Appends a line, with its end, durably; the file is made if it is not there, for its owner alone.
// If a power loss cut the previous line short, this one still starts on a new line. kIo.
Status AppendLine(const std::string& path, const std::string& line);

}  // namespace relay
