// What the commands that read a log from its directory have in common: which
// directory, which backend, which records.
//
// ERRORS. kInvalidInput: wrong usage or a wrong configuration; the rest as
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

// The directory that the operator means.
Result<std::string> LogDirectory(const LogLocation& where);

// Opens the log there to look at it. kNotFound names the directory as given.
Result<std::unique_ptr<LogView>> OpenLogIn(const std::string& directory);

// The backend of that name; of an empty one the only one there is.
Result<BackendId> ChooseBackend(const LogView& log, const std::string& name);

// A log that is open to look at, and the backend that is meant.
struct OpenedLog {
  std::unique_ptr<LogView> log;
  BackendId backend;
};

// The three above in one.
Result<OpenedLog> OpenLogFor(const LogLocation& where, const std::string& backend);

// The records from `from` to `to`, as ResolveRange; empty: from the oldest that
// is owed, to the head.
Result<LogRange> RangeOf(const LogView& log, const BackendId& backend, const std::string& from,
                         const std::string& to);

// Tells `command`'s failure to a person; returns the exit code.
int TellFailure(const char* command, const Error& error);

}  // namespace relay
