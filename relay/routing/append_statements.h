// Appends statements to the log in their order, each for the backends that accept
// anything of its database.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "relay/influxql/logged_statement.h"
#include "relay/routing/router.h"
#include "wal/log.h"

namespace relay {

// The log and router of statements, and when they arrived.
struct StatementsInto {
  Log& log;
  const Router& router;
  WallTime accepted_at;
  ClientCredentials credentials = {};  // Passed on with each statement.
  std::string hops = {};               // The relays that they have passed.
};

// Calls `done` exactly once, as Log::Append does: with success when all are on stable
// storage, else with an error; some may be stored then. REQUIRES: not empty; each has
// a backend that accepts it.
void AppendStatements(const StatementsInto& into, const std::vector<LoggedStatement>& statements,
                      std::function<void(Status)> done);

// Returns InfluxDB's JSON answer to that many successful statements.
std::string ResultsOf(std::size_t statements);

}  // namespace relay
