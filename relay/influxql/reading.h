// Tells statements that only read from those that change something, and which databases they name.
//
// INVARIANT. A text that any version of InfluxDB 1.x could execute a change from is not taken for
// one that only reads: only SELECT without INTO, EXPLAIN of one, and SHOW are.
//
// THREADS. Pure functions.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "wal/base/result.h"

namespace relay {

struct ReadingText {
  bool only_reads = false;
  // Shows what is not of one database: SHOW DATABASES, SHOW USERS and the like.
  bool shows_server = false;
  std::set<std::string> databases = {};  // Those it names; it may read the parameter's besides.
};

// Parses the statements of a text, separated by semicolons. kInvalidInput: describes to the client
// why they cannot be told apart, as in ReadInfluxQl.
Result<ReadingText> ReadReading(std::string_view text);

}  // namespace relay
