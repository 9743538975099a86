// The databases and retention policies of an InfluxDB 1.x, made on another one in the same form,
// and what a server has that is only listed.
//
// ERRORS. As Source and RunStatement; messages begin with the server's name.
//
// THREADS. One.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "replay/compare/source.h"
#include "replay/query/influx_statement.h"
#include "wal/base/result.h"

namespace relay {

// Returns the statements that give `to` the database with its policies as `from` has them; none: it
// has. `name_on_target`: the database's name there.
Result<std::vector<std::string>> StatementsToMake(const std::string& database, Source& from,
                                                  Source& to, const std::string& name_on_target);

// Makes the databases on `to` as they are on `from`. `options`: how `to` is asked.
Status MakeDatabases(const std::vector<std::string>& databases, Source& from, Source& to,
                     const HttpTransportOptions& options);

// Returns the continuous queries, as "metrics.hourly", and the users of a server: a seed does not
// copy them. Those that may not be listed are left out.
std::vector<std::string> NotCopied(const HttpTransportOptions& options);

}  // namespace relay
