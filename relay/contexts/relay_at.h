// Which running relay a command speaks to, and how it is reached.
//
// ERRORS. kInvalidInput: no such context, a URL or a configuration that is wrong.
//
// THREADS. Values and pure functions of the files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/model/config.h"
#include "wal/base/result.h"
#include "wal/base/secret.h"

namespace relay {

// The relays that the command line names. All empty: the configuration says it, or the current
// context.
struct RelayAt {
  std::vector<std::string> admin;     // URLs of admin ports.
  std::vector<std::string> contexts;  // Names.
  std::string token_file;
};

// A running relay's admin port.
struct AdminTarget {
  std::string url;                              // "http://127.0.0.1:9097"
  std::optional<SecretSource> own_token = {};   // Given for this relay: used before others.
  std::optional<SecretSource> token = {};       // The operators', of the configuration;
  std::optional<SecretSource> read_token = {};  // the readers'.
};

// Returns the admin port of a configuration, on this machine.
AdminTarget TargetOf(const AdminConfig& admin);

// Returns the relays that are named; none: the one that the configuration describes is meant. If
// `may_be_current`, the current context counts as named; that is said on standard error.
Result<std::vector<AdminTarget>> NamedRelays(const RelayAt& at, bool may_be_current);

}  // namespace relay
