// How the values of a measurement are compared, by what the two servers can store.
//
// THREADS. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "replay/compare/pair.h"

namespace relay {

// Returns whether a field has several types, each in a span of time.
bool HasMixedField(const std::vector<FieldInfo>& fields);

// Sets the rules for the measurement's fields. Adds a sentence to `notes` for each that the two
// have as different types.
void SetRules(const Pair& pair, Measurement& measurement, std::vector<std::string>& notes);

}  // namespace relay
