// How people name a place in a log: by its sequence or by a time.
//
// THREADS. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wal/base/types.h"

namespace relay {

// "2026-11-23T20:15:00Z", with up to nine digits behind the seconds; also with
// an offset such as +01:00. Nothing where it is not that.
std::optional<WallTime> ParseRfc3339(std::string_view text);

// "12". Nothing where it is not a decimal number of 64 bits.
std::optional<std::uint64_t> ParseNumber(std::string_view text);

// What neither is, as a mistake of who wrote it.
std::string NotAPlace(std::string_view text);

}  // namespace relay
