// The operators' part of the command line.
//
// THREADS. Used by one thread, once.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "relay/contexts/relay_at.h"

namespace relay {

// Adds the option for the configuration file.
void AddConfig(CLI::App& command, const std::string& names, std::string& path);

// Adds --admin, --context and --token-file.
void AddRelayAt(CLI::App& command, RelayAt& at);

// Adds the commands. Parsing the command line runs the given one and sets
// `exit_code`.
void AddOperators(CLI::App& app, int& exit_code);

}  // namespace relay
