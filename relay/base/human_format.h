// Figures as people read them: aligned, with their units.
//
// THREADS. Pure functions.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/types.h"

namespace relay {

using Cells = std::vector<std::string>;

// Rows of equally many cells, the first being the heads: the first
// `left_columns` to the left, numbers to the right.
std::string Aligned(const std::vector<Cells>& rows, std::size_t left_columns);

// Somebody else's words as one line that cannot disturb a terminal; what is
// longer than `size_max` bytes ends in "...".
std::string OneLine(std::string_view text, std::size_t size_max);

// "512 B", "6.8 KiB".
std::string ShownBytes(Bytes bytes);

// "1.4s", "2m00s", "3h05m", "2d04h"; "-" for none at all.
std::string ShownAge(std::chrono::nanoseconds age);

// The same of what may be unknown: "-".
std::string ShownAge(const std::optional<std::chrono::seconds>& duration);

// "0", "0.4", "12", "3500": three digits are enough for a rate.
std::string ShownRate(double per_second);

// "2026-11-23T20:15:00Z"; with nanoseconds where they are not zero.
std::string ToRfc3339(WallTime time);

// As a number with decimals.
double Seconds(std::chrono::nanoseconds duration);

}  // namespace relay
