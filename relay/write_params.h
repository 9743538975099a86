// The parameters of a write request, checked.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "wal/record.h"
#include "wal/result.h"

namespace relay {

// The parameters of a URL's query; of a repeated one the first counts, as with
// InfluxDB. kInvalidInput: a percent sign without two hexadecimal digits.
Result<std::map<std::string, std::string>> ParseQuery(std::string_view query);

// Of a v1 write: `db` (required), `rp`, `precision`, `consistency`; what else
// is there (`u`, `p`) is not looked at. kInvalidInput, in InfluxDB's words.
Result<WriteParams> ParseWriteParams(std::string_view query,
                                     const std::string& default_retention_policy);

}  // namespace relay
