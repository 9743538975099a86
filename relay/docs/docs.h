// Manual page, completions and reference of the commands, generated from the
// declarations of the command line.
//
// THREADS. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"

namespace relay {

struct OptionDoc {
  std::vector<std::string> names;  // "--config"; for a positional one "FILE".
  std::string value;               // The value's placeholder, in capitals; empty: a flag.
  std::string text;
  std::string default_value;  // Empty: none.
  bool positional = false;
};

struct CommandDoc {
  std::string name;
  std::string text;
  std::vector<OptionDoc> options;
  std::vector<CommandDoc> commands;
};

// Returns the document in `form`: man, bash, zsh, or markdown for the whole
// reference (relay/docs/reference_page.h). kInvalidInput: another form.
Result<std::string> Describe(const CommandDoc& program, std::string_view version,
                             std::string_view form);

// Returns the manual page influxdb-relay.yaml(5) with all settings.
std::string DescribeSettings(std::string_view version);

}  // namespace relay
