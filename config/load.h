// Reads configurations, the native YAML and the original relay's TOML, into one Config, and writes
// YAML.
//
// ERRORS. kInvalidInput names the errors, a line each: the file, line and column and what was
// expected there; no message repeats a secret.
#pragma once

#include <string>

#include "config/model/config.h"
#include "config/schema/section.h"
#include "wal/base/result.h"

namespace relay {

// Reads the native YAML or the original relay's TOML (config/legacy/toml.h). It reads a file as
// TOML if its name ends in .toml, or in .conf, as in the original's packages and its fork, or if
// the name ends in neither .yaml nor .yml and the content begins like the original's. kNotFound: no
// such file; kIo: it cannot be read. kInvalidInput: the message is "FILE:LINE:COLUMN: SETTING: WHAT
// WAS EXPECTED", a line for each error; it never repeats a secret. Secrets are not read here, so
// that a configuration can be checked on a machine that lacks them.
Result<Config> LoadConfig(const std::string& path);

// A configuration, and what is wrong with its file.
struct ReadConfig {
  Config config;        // A refused setting has its default.
  YamlReading reading;  // Without places for TOML.
};

// Reads as much of a file as can be read. Errors as LoadConfig's, but for YAML kInvalidInput is
// none.
Result<ReadConfig> ReadWholeConfig(const std::string& path);

// The same from text; `name` stands for the file in messages.
Result<Config> ParseConfig(const std::string& text, const std::string& name);

// Returns the configuration as native YAML that reads as the same, without settings that have their
// default. Its notes become comments at the top. A password written in the configuration itself is
// replaced by a variable, which a comment names. `origin` names where the configuration comes from.
std::string ToYaml(Config config, const std::string& origin);

// Returns every setting with its default and its description, as a commented YAML file that loads
// (its backends are examples).
std::string ReferenceYaml();

}  // namespace relay
