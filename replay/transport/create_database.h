// Requests and shell commands that create what a backend lacks.
//
// Names come from clients: they are quoted for their destination.
//
// THREADS. Pure functions; any number at once.
#pragma once

#include <string>
#include <string_view>

#include "replay/transport/target.h"
#include "wal/record/record.h"

namespace relay {

// How long a retention policy keeps points, as InfluxQL writes it: "30d", "INF".
struct PolicyForm {
  std::string duration = "INF";
  std::string shard_duration = {};  // Empty: the server's choice.

  friend bool operator==(const PolicyForm&, const PolicyForm&) = default;
};

// Returns InfluxQL that creates the database and, if one is named, the retention policy. Creates
// nothing twice: what exists in this form is left as it is.
std::string CreateStatements(const WriteParams& params, const PolicyForm& policy);

// Quotes a name for InfluxQL and JSON alike.
std::string QuotedName(std::string_view name);

// Returns InfluxQL that lists the retention policies of the database.
std::string ShowPoliciesStatement(const WriteParams& params);

// Returns the body for InfluxDB 3's /api/v3/configure/database.
std::string CreateBody(std::string_view database);

// Quotes text as one word of a POSIX shell, whatever is in it.
std::string ShellWord(std::string_view text);

// The backend as a command shows it.
struct Shown {
  std::string url;  // With the target's path prefix.
  std::string username = {};
};

// Returns a command; with a user name, curl asks for the password. Empty: a name has control
// characters, which no terminal should be shown.
std::string CreateCommand(const Target& target, const Shown& backend, const WriteParams& params,
                          const PolicyForm& policy = {});

}  // namespace relay
