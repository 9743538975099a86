// The parts of a database that two servers share, and those that one lacks.
//
// ERRORS. As Pair; kInvalidInput also: neither has the database, or a measurement is in several
// policies and one of the servers keeps none apart.
//
// THREADS. One.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "replay/compare/pair.h"

namespace relay {

// Returns why values are not meant to be on both servers; empty: they are. A place without policy
// or measurement stands for all of them.
using WhyLeftOutOf = std::function<std::string(const MeasurementRef& place)>;

struct MeasurementPair {
  std::string name;
  std::vector<FieldInfo> a;  // Empty: the server has no such measurement.
  std::vector<FieldInfo> b;
};

// Policies with the same name on both, or the default ones.
struct PolicyPair {
  PolicyInfo a;
  PolicyInfo b;
  std::vector<MeasurementPair> measurements = {};
};

struct Catalog {
  std::vector<PolicyPair> policies;
  std::vector<std::string> missing;  // One sentence for each thing that one has and one lacks.
  std::vector<std::string> notes;    // The same for what is no difference.
};

// Returns the names of all databases that either has, in order.
Result<std::vector<std::string>> DatabasesOf(Pair& pair);

// Reads the catalog of a database. If one lacks a part of it, reads it again after both have passed
// a later position: the part may have been on its way.
Result<Catalog> ReadCatalog(Pair& pair, const std::string& database, const TimeRange& range,
                            const WhyLeftOutOf& why_left_out);

}  // namespace relay
