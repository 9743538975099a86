// Says which values two backends are meant to share, by the configuration.
//
// THREADS. Pure functions.
#pragma once

#include <string>

#include "config/model/config.h"
#include "replay/compare/source.h"
#include "wal/base/result.h"

namespace relay {

// kInvalidInput: the two cannot be compared as a whole: they are the same server, cannot be asked,
// or a setting gives one of them parts of the points that no name tells.
Status CheckComparable(const BackendConfig& a, const BackendConfig& b);

// kInvalidInput: the second is not meant to have everything that the first gets.
Status CheckGetsAllOf(const BackendConfig& from, const BackendConfig& to);

// Returns why the backend is not meant to have the values; empty: it is. A place without
// measurement or policy stands for all of them.
std::string WhyLeftOut(const BackendConfig& backend, const MeasurementRef& place);

}  // namespace relay
