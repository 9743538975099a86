// Confirmation of a command that cannot be undone.
//
// THREADS. One.
#pragma once

#include <string>

namespace relay {

// Returns kDone if the command may continue: `yes` was given, or the user at the
// terminal agreed; otherwise the exit code. Without a terminal it prints the
// description and that --yes confirms it.
int AskConsent(const std::string& command, const std::string& description, bool yes);

// Returns the user's name, for the audit trail.
std::string LoginName();

}  // namespace relay
