// Answers the other endpoints of clients as InfluxDB does: /ping, /health, /ready and
// /query.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>

#include "relay/http/query_parameters.h"
#include "relay/http/server.h"
#include "wal/log.h"

namespace relay {

// The databases that clients have named since the start, for SHOW DATABASES. The relay
// stores none: these are names that were written to or created.
//
// THREADS. Any number at once.
class DatabaseNames {
 public:
  // Clients could name any number: only the first ones are kept.
  static constexpr std::size_t kCountMax = 1'000;

  void Add(const std::string& name);
  std::set<std::string> All() const;

 private:
  mutable std::shared_mutex mutex_;
  std::set<std::string> names_;
};

// `status`: the code of a plain ping; a verbose ping answers 200.
HttpResponse AnswerPing(const QueryParameters& parameters, std::uint64_t status);

HttpResponse AnswerHealth();

// `log`: ok if writes are accepted, else the reason.
HttpResponse AnswerReady(const Status& log, WallTime started, WallTime now);

// Says what became of the creation of a database.
using CreationNote = std::function<std::string(const std::string& database)>;

// `text`: the statements. Adds created databases to `databases`, and the note of each to its result
// as a warning.
HttpResponse AnswerQuery(const std::string& text, DatabaseNames& databases,
                         const CreationNote& note);

}  // namespace relay
