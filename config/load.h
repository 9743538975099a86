// Reading a configuration, and writing one: the native YAML and the original
// relay's TOML into one Config.
//
// ERRORS. kInvalidInput names the first mistake, its file, line and column and
// what was expected there; no message repeats a secret.
#pragma once

#include <string>

#include "config/model/config.h"
#include "wal/base/result.h"

namespace relay {

// Reads the native YAML or the original relay's configuration, which is TOML
// (config/legacy/toml.h): that of a file named .toml, or .conf as its packages and
// its fork have it, or of another name but .yaml and .yml that begins as it
// does. kNotFound: no such file; kIo: it cannot be read.
// kInvalidInput: the message is "FILE:LINE:COLUMN: SETTING: WHAT WAS EXPECTED"
// and names the first mistake; it never repeats a secret. Secrets are not read
// here, so that a configuration can be checked where they are not.
Result<Config> LoadConfig(const std::string& path);

// The same from text; `name` stands for the file in messages.
Result<Config> ParseConfig(const std::string& text, const std::string& name);

// The configuration as native YAML that reads as the same, without what has its
// default. Its notes are comments at its head. A password that the configuration
// itself has is never written: a variable takes its place, and a comment says
// which. `origin` stands for where it is from.
std::string ToYaml(Config config, const std::string& origin);

// Every setting with its default and its sentence, as a commented YAML file
// that loads (the backends of it are examples).
std::string ReferenceYaml();

}  // namespace relay
