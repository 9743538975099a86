// The paths of a listener for writes: the one place that knows them.
//
// INVARIANT. A path is found as it is, with slashes at its end or doubled, under the listener's
// prefix, and below /influx and /prometheus, where VictoriaMetrics has the paths of those.
//
// THREADS. Pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "relay/base/counters.h"
#include "wal/base/types.h"

namespace relay {

struct IngestPath {
  std::string_view path;
  Endpoint endpoint = Endpoint::kOther;
  Api api = Api::kV1;        // Decides the form of errors.
  std::string_view methods;  // The value of the Allow header.
  std::string_view description;
  // Taken for a write that names none; empty: it must name one.
  std::string_view default_database = {};
};

const std::vector<IngestPath>& IngestPaths();

struct FoundIngestPath {
  const IngestPath* path = nullptr;  // nullptr: there is no such path.
  Api api = Api::kV1;                // Belongs to the path, or to paths that begin like it.

  Endpoint endpoint() const { return path == nullptr ? Endpoint::kOther : path->endpoint; }
  bool Allows(std::string_view method) const;  // REQUIRES: the path exists.
};

// `prefix`: the listener's path_prefix.
FoundIngestPath FindIngestPath(std::string_view path, std::string_view prefix);

// Returns whether a request's target has the statements of /query: it needs no body then, as in
// `curl -XPOST .../query?q=CREATE+DATABASE+d`.
bool HasStatementsInTarget(std::string_view target);

}  // namespace relay
