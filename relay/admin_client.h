// The commands' way to a running relay.
#pragma once

#include <string>

#include "config/config.h"
#include "wal/result.h"

namespace relay {

// The body of a 200 answer of GET `path`. kUnavailable: nobody listens there or
// the answer did not come within five seconds; kIo: another status.
Result<std::string> GetFromAdmin(const ListenAddress& admin, const std::string& path);

}  // namespace relay
