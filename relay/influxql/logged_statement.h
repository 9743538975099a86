// Statements of InfluxQL that are logged and delivered in order with the writes,
// where a listener is set up for it: those that change databases, retention
// policies or what is stored, and that mean the same whenever and however often
// they are carried out at their place in the order.
//
//   CREATE DATABASE d [WITH [DURATION x] [REPLICATION n] [SHARD DURATION x] [NAME p]]
//   DROP DATABASE d
//   CREATE RETENTION POLICY p ON d DURATION x REPLICATION n [SHARD DURATION x] [DEFAULT]
//   ALTER RETENTION POLICY p ON d [DURATION x] [REPLICATION n] [SHARD DURATION x] [DEFAULT]
//   DROP RETENTION POLICY p ON d
//   DROP MEASUREMENT m
//   DELETE | DROP SERIES  [FROM m] [WHERE conditions]
//
// A condition compares a name with a string, a number or a duration; they are
// joined by AND, OR and parentheses. What depends on when it is carried out
// (now()), and everything that is not in this list (regular expressions,
// users and their passwords, SELECT INTO), is refused. Comments are left out.
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
  std::string database;  // What it changes, or where.
  std::string text;      // As it was understood: names in quotes, one line.
};

// The statements of a text, separated by semicolons. `database`: for those that
// name none. kInvalidInput: the first that is not to be logged, in words for the
// client; none of them may be then.
Result<std::vector<LoggedStatement>> ParseLoggedStatements(std::string_view text,
                                                           const std::string& database);

// As it is stored: a record of one point whose line is the statement.
Record RecordOf(const LoggedStatement& statement);

}  // namespace relay
