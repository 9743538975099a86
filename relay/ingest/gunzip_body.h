// Gzip bodies, inflated within a bound.
//
// THREADS. A pure function; any number of threads at once.
#pragma once

#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// The content of one or several gzip members end to end. kFull: it is larger
// than `limit` or, beyond the first MiB, than a hundred times what came; never
// more than that is written to memory. kInvalidInput: not
// gzip, cut short, or something behind the last member.
Result<std::string> InflateGzip(std::string_view body, Bytes limit);

}  // namespace relay
