// InfluxQL statements that a listener with log_statements logs and delivers in order
// with the writes: those that change databases, retention policies or stored points,
// and whose effect does not depend on when or how often they run at their place in
// the order.
//
//   CREATE DATABASE d [WITH [DURATION x] [REPLICATION n] [SHARD DURATION x] [NAME p]]
//   DROP DATABASE d
//   CREATE RETENTION POLICY p ON d DURATION x REPLICATION n [SHARD DURATION x] [DEFAULT]
//   ALTER RETENTION POLICY p ON d [DURATION x] [REPLICATION n] [SHARD DURATION x] [DEFAULT]
//   DROP RETENTION POLICY p ON d
//   DROP MEASUREMENT m
//   DELETE | DROP SERIES  [FROM m] [WHERE conditions]
//
// A condition compares a name with a string, a number or a duration; conditions are
// joined by AND, OR and parentheses. Everything that depends on the time of execution
// (now()) or is not in this list (regular expressions, users and their passwords,
// SELECT INTO) is refused. Comments are removed.
//
// THREADS. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/record/record.h"

namespace relay {

struct LoggedStatement {
  std::string database;  // The database that it changes.
  std::string text;      // Normalised: names in quotes, one line.
};

// Parses the statements of a text, separated by semicolons. `database`: for those
// that name none. kInvalidInput: describes to the client the first one that cannot be
// logged; then none may be.
Result<std::vector<LoggedStatement>> ParseLoggedStatements(std::string_view text,
                                                           const std::string& database);

// Returns the stored form: a record of one point whose line is the statement.
Record RecordOf(const LoggedStatement& statement);

}  // namespace relay
