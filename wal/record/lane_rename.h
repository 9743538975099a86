// Another name that a backend has for a database, or for one of its retention policies.
//
// The log keeps the names that clients wrote to; a backend's names are put in when a request is
// made.
//
// THREADS. Values and pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/record/record.h"

namespace relay {

// A database, or with a slash behind it one of its policies: "db", "db/week", "db/" for writes
// that name no policy.
struct LaneName {
  std::string database;
  std::optional<std::string> retention_policy = {};  // nullopt: whichever.

  // kInvalidInput: there is no database.
  static Result<LaneName> Parse(std::string_view text);

  friend bool operator==(const LaneName&, const LaneName&) = default;
};

std::string ToString(const LaneName& name);

struct LaneRename {
  LaneName from;
  LaneName to;  // Without a policy: the write's own.

  friend bool operator==(const LaneRename&, const LaneRename&) = default;
};

// Returns the parameters with the names of the first rename whose `from` they match.
WriteParams Renamed(const std::vector<LaneRename>& renames, WriteParams params);

// Returns the names that InfluxDB 1.x reads in a name with a slash, which no database can have
// there: "db/" is the database "db", "db/week" its policy "week". Such a name is the name of a
// bucket, kept as it is for servers that have buckets. One that begins with a slash names no
// database, and stays.
WriteParams AsDatabase(WriteParams params);

}  // namespace relay
