// UUIDs of version 4 (RFC 4122): random ones.
//
// THREADS. Pure functions.
#pragma once

#include <cstdint>
#include <string>

namespace relay {

// "xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx" of 122 of the given bits, which the
// caller takes from a source that is random enough for what the UUID is to name.
std::string UuidV4(std::uint64_t high, std::uint64_t low);

}  // namespace relay
