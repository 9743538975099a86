// The configuration of the original influxdb-relay, in TOML, taken as this
// relay's own: each of its outputs is a backend, each [[http]] and [[udp]] a
// listener that writes to its outputs.
//
// What has another meaning here, or none, is said in the notes of the
// configuration. Of the keys of its maintained fork those that say where data
// goes are honoured, or refused; the others are in the notes.
//
// Two tables are taken beside the original's: [log] with `path`, and [admin]
// with `bind-addr`, which the original had no need of.
#pragma once

#include <string>

#include "config/model/config.h"
#include "wal/base/result.h"

namespace relay {

// `name` stands for the file in messages. Errors as ParseConfig.
Result<Config> ParseLegacyToml(const std::string& text, const std::string& name);

}  // namespace relay
