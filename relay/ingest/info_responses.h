// Answers the other endpoints of clients as InfluxDB does: /ping, /health, /ready and
// /query.
#pragma once

#include <functional>
#include <string>

#include "relay/http/query_parameters.h"
#include "relay/http/server.h"
#include "relay/routing/database_names.h"
#include "wal/log.h"

namespace relay {

// `status`: the code of a plain ping; a verbose ping answers 200.
HttpResponse AnswerPing(const QueryParameters& parameters, std::uint64_t status);

HttpResponse AnswerHealth();

// `log`: ok if writes are accepted, else the reason.
HttpResponse AnswerReady(const Status& log, WallTime started, WallTime now);

// The databases that a client is told of.
struct KnownDatabases {
  DatabaseNames& names;
  std::function<bool(const std::string& database)> may_see;
  // Says what became of the creation of a database.
  std::function<std::string(const std::string& database)> note;
};

// `text`: the statements. Notes created databases, and adds the note of each to its result as a
// warning.
HttpResponse AnswerQuery(const std::string& text, const KnownDatabases& databases);

}  // namespace relay
