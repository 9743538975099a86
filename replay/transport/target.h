// What a record becomes at a backend: its place in the words of the backend's
// API, and timestamps in a unit that the API knows. A record accepted on any
// endpoint can go to any API.
//
// ERRORS. kInvalidInput: lines that cannot be said there, in words.
//
// THREADS. Pure functions; any number at once.
#pragma once

#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/record/record.h"

namespace relay {

// Where on its host a backend takes writes.
struct Target {
  Api api = Api::kV1;
  std::string path_prefix;  // Before the API's own path: "" or "/influx".
  std::string org;          // v2 only; empty: none is sent.
  // The name of the bucket (v2) or database (v3), with {database} and
  // {retention_policy} filled in. Empty: "database/retention_policy", or the
  // database alone where the write named no policy.
  std::string bucket;
};

std::string BucketOf(const Target& target, const WriteParams& params);

// The path and query of a write: "/write?db=…&rp=…&precision=…".
std::string WritePath(const Target& target, const WriteParams& params);

// The unit in which timestamps are sent: as they came where the API has a word
// for it; v2 and v3 know neither minutes nor hours, which go as seconds.
Precision SentAs(Api api, Precision precision);

// The same lines with timestamps in another unit. Nothing is rounded: a
// timestamp that is no whole number of the new unit, or too large for it, is
// refused with its line's number.
// REQUIRES: valid lines, each with its timestamp, as in a Record.
Result<std::string> Rescaled(std::string_view lines, Precision from, Precision to);

std::string PercentEncoded(std::string_view text);

}  // namespace relay
