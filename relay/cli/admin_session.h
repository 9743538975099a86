// The commands' way to a running relay.
#pragma once

#include <string>

#include "config/model/config.h"
#include "wal/base/result.h"

namespace relay {

// The body of a 200 answer of GET `path`. kUnavailable: nobody listens there or
// the answer did not come in time; else what the relay said, by the status it
// said it with: kInvalidInput (400, and 401 and 403, which name what is needed),
// kNotFound, kConflict, kFull (503), kIo.
//
// Sends the operators' or the readers' token, whichever this user may read, or
// that of the environment variable INFLUXDB_RELAY_TOKEN.
Result<std::string> GetFromAdmin(const AdminConfig& admin, const std::string& path);

// The same of a POST of JSON.
Result<std::string> PostToAdmin(const AdminConfig& admin, const std::string& path,
                                const std::string& body);

}  // namespace relay
