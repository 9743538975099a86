// UUIDs of version 4 (RFC 4122): random ones.
//
// THREADS. Pure functions.
#pragma once

#include <cstdint>
#include <string>

namespace relay {

// Returns "xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx" made of 122 of the given bits, which must be
// random enough for what the UUID names.
std::string UuidV4(std::uint64_t high, std::uint64_t low);

}  // namespace relay
