// Maps a record to a backend: its destination in the backend's API, and timestamps in a unit that
// the API accepts. A record accepted on any endpoint can go to any API.
//
// ERRORS. kInvalidInput: lines that the API cannot express; the message says why.
//
// THREADS. Pure functions; any number at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/record/lane_rename.h"
#include "wal/record/record.h"

namespace relay {

// The place on its host where a backend accepts writes.
struct Target {
  Api api = Api::kV1;
  std::string path_prefix;  // Before the API's own path: "" or "/influx".
  std::string org;          // v2, and the tenant of prometheus; empty: none is sent.
  // The name of the bucket (v2) or database (v3), with {database} and {retention_policy} filled in.
  // Empty: "database/retention_policy", or the database alone if the write named no policy.
  std::string bucket;
  std::vector<LaneRename> renames = {};      // The backend's own names.
  std::string write_path = "/api/v1/write";  // The path of remote write, for prometheus only.
};

// Returns the names by which the backend has what clients named so: its own, and for one that has
// databases instead of buckets those that AsDatabase reads.
WriteParams NamesOn(const Target& target, WriteParams params);

std::string BucketOf(const Target& target, const WriteParams& params);

// Returns the path and query of a write: "/write?db=…&rp=…&precision=…".
std::string WritePath(const Target& target, const WriteParams& params);

// Returns the unit of sent timestamps: as received if the API has a name for it; v2 and v3 have
// neither minutes nor hours, which go as seconds.
Precision SentAs(Api api, Precision precision);

// Converts timestamps to another unit. Nothing is rounded: a timestamp that is no whole number of
// the new unit, or too large for it, is refused with its line's number. REQUIRES: valid lines, each
// with its timestamp, as in a Record.
Result<std::string> Rescaled(std::string_view lines, Precision from, Precision to);

std::string PercentEncoded(std::string_view text);

}  // namespace relay
