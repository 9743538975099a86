// The operators' part of the command line.
//
// THREADS. Used by one thread, once.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace relay {

// The option by which `command` is told the configuration file.
void AddConfig(CLI::App& command, const std::string& names, std::string& path);

// Adds the commands; the one that is given sets `exit_code` when the command
// line is parsed.
void AddOperators(CLI::App& app, int& exit_code);

}  // namespace relay
