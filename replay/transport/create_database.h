// How what is missing at a backend is created: in the words of its API, and as a
// command that a person can copy to a shell.
//
// Names come from clients: they are quoted for where they go.
//
// THREADS. Pure functions; any number at once.
#pragma once

#include <string>
#include <string_view>

#include "replay/transport/target.h"
#include "wal/record/record.h"

namespace relay {

// InfluxQL: the database, and the retention policy where one is named.
std::string CreateStatements(const WriteParams& params);

// The body of InfluxDB 3's /api/v3/configure/database.
std::string CreateBody(std::string_view database);

// One word of a POSIX shell, whatever is in it.
std::string ShellWord(std::string_view text);

// Whom a command is for.
struct Shown {
  std::string url;  // With the target's path prefix.
  std::string username = {};
};

// With a user's name, curl asks for the password. Empty where a name has control
// characters, which no terminal should be shown.
std::string CreateCommand(const Target& target, const Shown& backend, const WriteParams& params);

}  // namespace relay
