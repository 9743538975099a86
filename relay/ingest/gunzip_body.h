// Inflates gzip bodies within a bound.
//
// THREADS. A pure function; any number of threads at once.
#pragma once

#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// Returns the content of one or several concatenated gzip members. kFull: it is larger
// than `limit` or, beyond the first MiB, than a hundred times the input; no more than
// that is ever in memory. kInvalidInput: not gzip, truncated, or followed by other data.
Result<std::string> InflateGzip(std::string_view body, Bytes limit);

}  // namespace relay
