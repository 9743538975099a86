// The parameters of a write request, checked.
#pragma once

#include <string>

#include "relay/http/query_parameters.h"
#include "wal/base/result.h"
#include "wal/record/record.h"

namespace relay {

// The backends that must have a write before it is answered. It is in the log first in any case.
enum class Consistency : std::uint8_t { kLog, kOne, kQuorum, kAll };

struct WriteQuery {
  WriteParams params;
  // Each time is in the unit that its size suggests: to be made nanoseconds,
  // which `params` says already.
  bool guess_times = false;
  bool all_or_nothing = false;  // One bad line refuses the body.
  Consistency consistency = Consistency::kLog;
};

// Parses the parameters of a write on the endpoint of `api`; unknown parameters are ignored.
// kInvalidInput, in InfluxDB's words.
//   v1  db (required), rp, precision, consistency
//   v2  bucket=db or db/rp (required), precision
//   v3  db (required), precision, accept_partial, no_sync (a write that is
//       answered is on disk all the same)
Result<WriteQuery> ParseWriteQuery(Api api, const QueryParameters& parameters,
                                   const std::string& default_retention_policy);

}  // namespace relay
