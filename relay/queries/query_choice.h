// Which backends may answer a query now, in which order, and why the others may not.
//
// INVARIANT. A candidate lacks no point of the query's databases that the relay accepted longer
// than `max_lag` ago: none that it is owed and none that is on hold. The statuses may be of a
// moment before `now`, if that moment is less than `max_lag` ago: what was accepted since is not
// older.
//
// THREADS. Pure functions.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "relay/status/relay_status.h"

namespace relay {

// A backend of a listener, as far as its configuration and the query decide.
struct QueryBackend {
  std::string name;
  std::string unfit;  // Says why it never answers such a query; empty: it may.
};

struct QueryTerms {
  std::chrono::milliseconds max_lag{30'000};
  std::set<std::string> databases = {};  // Those the query reads; empty: not known, or none.
  bool reads_points = true;  // If not, points on hold do not matter, as for SHOW DATABASES.
};

struct QueryChoice {
  // A backend that is not asked, and why.
  struct Other {
    std::string name;
    std::string why;
  };

  std::vector<std::string> candidates;  // The best first.
  std::vector<Other> others;
};

// Chooses among `backends`, which are in the preferred order. Backends that accept no writes at
// this moment come last: they may not answer either.
QueryChoice ChooseForQuery(const std::vector<QueryBackend>& backends,
                           const std::vector<BackendStatus>& statuses, WallTime now,
                           const QueryTerms& terms);

// Formats the reasons: "influx-a: 2m behind, more than 30s; influx-b: paused".
std::string ShownReasons(const std::vector<QueryChoice::Other>& others);

}  // namespace relay
