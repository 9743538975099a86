// Named relays of a person: their admin ports and tokens, in a file of that person's.
//
//     current: prod-a
//     contexts:
//       - {name: prod-a, admin: 'http://10.0.0.12:9097', token_file: /home/me/prod-a.token}
//
// ERRORS. kInvalidInput: the file is not of this form, or there is no such context; kIo: it cannot
// be read or written.
//
// THREADS. One.
#pragma once

#include <string>
#include <vector>

#include "wal/base/result.h"

namespace relay {

struct RelayContext {
  std::string name;
  std::string admin;       // "http://10.0.0.12:9097"
  std::string token_file;  // Empty: none.
};

struct Contexts {
  std::string current;  // Empty: none.
  std::vector<RelayContext> all;

  // The message names those that exist.
  Result<RelayContext> Find(const std::string& name) const;
};

// Returns $XDG_CONFIG_HOME/influxdb-relay/contexts.yaml, by default below ~/.config; empty: this
// user has no home.
std::string ContextsPath();

// A file that does not exist has no contexts.
Result<Contexts> ReadContexts(const std::string& path);

// Replaces the file, and makes its directory.
Status WriteContexts(const std::string& path, const Contexts& contexts);

}  // namespace relay
