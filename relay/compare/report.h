// The result of a comparison as text and as JSON.
//
// THREADS. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "replay/compare/outcome.h"

namespace relay {

struct ComparedNames {
  std::string a;
  std::string b;
};

std::string ToTable(const Outcome& outcome, const ComparedNames& names);

// Returns the result in one sentence, without its end.
std::string ResultLine(const Outcome& outcome, const ComparedNames& names);

// Returns "equal", "different" or "unknown".
std::string_view ToString(Equality equality);

// Returns one line.
std::string ToJson(const Outcome& outcome, const ComparedNames& names);

// Returns the JSON of a comparison that could not be made. `differing`: points found to differ
// until then.
std::string UnknownAsJson(const ComparedNames& names, const std::string& reason,
                          std::uint64_t differing);

}  // namespace relay
