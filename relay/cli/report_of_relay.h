// The report of a running relay, for the commands that print one.
//
// ERRORS. As GetFromAdmin; of the window as MakeReport.
//
// THREADS. One.
#pragma once

#include <string>

#include "relay/contexts/relay_at.h"
#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// Returns the JSON of the report, one line.
Result<std::string> ReportOfRelay(const AdminTarget& admin, WallTime from, WallTime to);

// Returns the report as it is printed. `format`: "text", "markdown" or "json".
Result<std::string> ShownAs(const std::string& format, const std::string& report);

}  // namespace relay
