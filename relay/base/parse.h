// A position in a log as an operator types it: a sequence or a time. Every
// command and every route of the admin port takes the same forms.
//
// THREADS. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// Parses "2026-11-23T20:15:00Z", with up to nine decimals, also with an offset such as
// +01:00. nullopt: not a time, or out of the range of nanoseconds since 1970.
std::optional<WallTime> ParseRfc3339(std::string_view text);

// Parses "12". nullopt: not a decimal number of 64 bits.
std::optional<std::uint64_t> ParseNumber(std::string_view text);

// The forms of a position, for help texts and messages.
inline constexpr std::string_view kPositionForms =
    "a sequence (12), a time (2026-11-23T20:15:00Z, 2026-11-23T21:15:00+01:00, yesterday 02:00, "
    "today 14:30), an age (1h, -90m, 2h30m ago), now or head";

// The newest record of a log.
struct LogHead {};

using TypedPosition = std::variant<Sequence, WallTime, LogHead>;

// Parses one of kPositionForms; an age has the units d, h, m and s. "yesterday" and "today" are
// days of the local time zone. kInvalidInput: none of them; the message lists them.
Result<TypedPosition> ParsePosition(std::string_view text, WallTime now);

// Parses a time or an age alone, also `now`. kInvalidInput: none of them.
Result<WallTime> ParseTime(std::string_view text, WallTime now);

// Replaces `now`, an age or a day by its time, so that a plan and the change after it mean the
// same position; returns any other text unchanged.
std::string PinnedPosition(const std::string& text, WallTime now);

}  // namespace relay
