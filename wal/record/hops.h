// The relays that a write has passed, in the header X-Relay-Hops: "ID, ID". Each relay adds itself
// when it delivers, and refuses a write that names it: a backend of a relay on its way leads back
// here, and the write would come again without end.
//
// THREADS. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "wal/base/result.h"

namespace relay {

inline constexpr std::string_view kHopsHeader = "X-Relay-Hops";

// The most relays that a write may have passed.
inline constexpr std::size_t kHopsMax = 8;

// Returns the header's value without superfluous blanks, for a write that arrives at `relay`.
// kConflict: it has passed that relay, or kHopsMax others. kInvalidInput: not such a list.
Result<std::string> HopsOf(std::string_view header, std::string_view relay);

// Returns the value that `relay` sends. REQUIRES: `hops` is empty or from HopsOf.
std::string WithHop(std::string_view hops, std::string_view relay);

}  // namespace relay
