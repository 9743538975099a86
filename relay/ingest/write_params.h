// The checked parameters of a write request.
#pragma once

#include <string>
#include <string_view>

#include "relay/http/query_parameters.h"
#include "wal/base/result.h"
#include "wal/record/record.h"

namespace relay {

// The number of backends that must have a write before it is answered, besides the log.
enum class Consistency : std::uint8_t { kLog, kOne, kQuorum, kAll };

struct WriteQuery {
  WriteParams params;
  // The unit of each time is guessed from its size; `params` already says nanoseconds,
  // to which times are converted.
  bool guess_times = false;
  bool all_or_nothing = false;  // One bad line refuses the whole body.
  Consistency consistency = Consistency::kLog;
  // The precision is `us` of v1, which InfluxDB 1.x does not know and reads as nanoseconds, as
  // clients that name it send them; `params` says microseconds.
  bool may_be_nanoseconds = false;
};

// Parses a consistency level, in any case; empty: kLog. kInvalidInput, with InfluxDB's message.
Result<Consistency> ParseConsistency(std::string_view text);

// Returns whether the last time in a body is so large a number that it is in nanoseconds.
bool EndsWithNanoseconds(std::string_view body);

// The names of buckets that begin or end with a slash.
enum class BucketNames : std::uint8_t {
  kOfDatabases,  // InfluxDB 1.8 reads them so: "db/" names no policy, "/x" no database.
  kWhole,        // A name like any other, of servers that have buckets.
};

// Parses the parameters of a write on the endpoint of `api`; unknown parameters are ignored.
// kInvalidInput, with InfluxDB's message.
//   v1  db (required), rp, precision, consistency
//   v2  bucket=db or db/rp (required; kNotFound without a name), precision
//   v3  db (required), precision, accept_partial, no_sync (a write that is
//       answered is on disk all the same)
Result<WriteQuery> ParseWriteQuery(Api api, const QueryParameters& parameters,
                                   const std::string& default_retention_policy,
                                   BucketNames buckets = BucketNames::kOfDatabases);

}  // namespace relay
