// Names with a `*` in them, which stands for any number of any characters.
//
// THREADS. A pure function.
#pragma once

#include <string_view>

namespace relay {

// Nothing but `*` is special, and there is no way to escape it. Takes time in
// proportion to the product of both lengths at the most.
bool GlobMatches(std::string_view glob, std::string_view text);

}  // namespace relay
