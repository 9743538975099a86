// Patterns in which `*` matches any number of any characters.
//
// THREADS. A pure function.
#pragma once

#include <string_view>

namespace relay {

// Only `*` is special, and it cannot be escaped. The time is at most proportional to the product of
// both lengths.
bool GlobMatches(std::string_view glob, std::string_view text);

}  // namespace relay
