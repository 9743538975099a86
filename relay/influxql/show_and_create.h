// The few statements that clients of InfluxDB 1.x send to /query before they
// write.
//
// THREADS. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"

namespace relay {

struct QueryStatement {
  enum class Kind : std::uint8_t { kCreateDatabase, kShowDatabases };

  Kind kind = Kind::kShowDatabases;
  std::string database;  // Set for kCreateDatabase.
};

// Returns whether every statement of a text begins with SHOW; true if there is none.
bool OnlyShows(std::string_view text);

// Parses the statements of a text, separated by semicolons: CREATE DATABASE with or
// without a retention policy, and SHOW DATABASES. kInvalidInput: describes any other
// statement to the client; then none may be executed.
Result<std::vector<QueryStatement>> ParseQueryStatements(std::string_view text);

}  // namespace relay
