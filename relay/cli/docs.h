// Manual page, completions and reference of the commands, made from what is
// declared for the command line: nothing of them is written by hand.
//
// THREADS. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"

namespace relay {

struct OptionDoc {
  std::vector<std::string> names;  // "--config"; of a positional one "FILE".
  std::string value;               // What it takes, in capitals; empty: a flag.
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

// `form` is man, bash, zsh or markdown: that is the whole reference, see
// relay/cli/reference_page.h. kInvalidInput: none of these.
Result<std::string> Describe(const CommandDoc& program, std::string_view version,
                             std::string_view form);

// Manual page influxdb-relay.yaml(5), of all settings.
std::string DescribeSettings(std::string_view version);

}  // namespace relay
