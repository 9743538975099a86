// Finds the log directory, backend and records for the commands that read a log
// directly.
//
// ERRORS. kInvalidInput: wrong usage or a wrong configuration; others as
// OpenLogView.
//
// THREADS. Free functions; any number at once.
#pragma once

#include <memory>
#include <string>

#include "relay/cli/commands.h"
#include "relay/status/log_position.h"
#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

// Returns the log's directory.
Result<std::string> LogDirectory(const LogLocation& where);

// Opens the log for reading. kNotFound names the directory as given.
Result<std::unique_ptr<LogView>> OpenLogIn(const std::string& directory);

// Returns the backend of that name; empty: the only one of the log.
Result<BackendId> ChooseBackend(const LogView& log, const std::string& name);

// A log open for reading, and the chosen backend.
struct OpenedLog {
  std::unique_ptr<LogView> log;
  BackendId backend;
};

// Combines the three above.
Result<OpenedLog> OpenLogFor(const LogLocation& where, const std::string& backend);

// Returns the records from `from` to `to`, as ResolveRange; empty: from the oldest
// owed one, to the head.
Result<LogRange> RangeOf(const LogView& log, const BackendId& backend, const std::string& from,
                         const std::string& to);

// Prints `command`'s failure to standard error; with `json` as {"error": "…"} to standard output
// instead. Returns the exit code.
int PrintFailure(const char* command, const Error& error, bool json = false);

}  // namespace relay
