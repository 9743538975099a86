// Statements on their way into the log: appended in their order, each for the
// backends that take anything of its database.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "relay/influxql/logged_statement.h"
#include "relay/routing/router.h"
#include "wal/log.h"

namespace relay {

// The database of statements, and when they arrived.
struct StatementsInto {
  Log& log;
  const Router& router;
  WallTime accepted_at;
  ClientCredentials credentials = {};  // To be passed on with each of them.
};

// `done` is called exactly once, as Log::Append calls it: when all are on stable
// storage, or one is not; then some may be stored. REQUIRES: there is one, and
// each has a backend that takes it.
void AppendStatements(const StatementsInto& into, const std::vector<LoggedStatement>& statements,
                      std::function<void(Status)> done);

// InfluxDB's answer to so many statements that went well, as JSON.
std::string ResultsOf(std::size_t statements);

}  // namespace relay
