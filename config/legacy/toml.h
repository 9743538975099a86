// Reads the configuration of the original influxdb-relay, in TOML: each of its outputs becomes a
// backend, each [[http]] and [[udp]] a listener that writes to its outputs.
//
// Settings that mean something else here, or nothing, are listed in the notes of the configuration.
// The settings of its maintained fork that decide where data goes are honoured or
// refused; the others are listed in the notes.
//
// Two tables are accepted in addition: [log] with `path`, and [admin] with `bind-addr`. The
// original had neither a log nor an admin port.
#pragma once

#include <string>

#include "config/model/config.h"
#include "wal/base/result.h"

namespace relay {

// `name` stands for the file in messages. Errors as for ParseConfig.
Result<Config> ParseLegacyToml(const std::string& text, const std::string& name);

}  // namespace relay
