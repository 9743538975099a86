// What a command that cannot be taken back asks a person first.
//
// THREADS. One.
#pragma once

#include <string>

namespace relay {

// The exit code with which the command ends; kDone: it may go on, for `yes` was
// given or a person at the terminal agrees. Where nobody can be asked, it says
// what it would do and that --yes confirms it.
int AskConsent(const std::string& command, const std::string& words, bool yes);

// Who asks, for the audit trail.
std::string LoginName();

}  // namespace relay
