// Formats figures for people: aligned, with units.
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

// Formats rows with equal numbers of cells, the first row being the heads: the first `left_columns`
// align left, the numbers right.
std::string Aligned(const std::vector<Cells>& rows, std::size_t left_columns);

// Makes foreign text one line that cannot disturb a terminal; text longer than `size_max` bytes
// ends in "...".
std::string OneLine(std::string_view text, std::size_t size_max);

// Returns lines as they are, those of them that are too long for a terminal cut, with their size:
// `m f=1,g=... (83000 bytes)`.
std::string ShownLines(std::string_view lines);

// Returns "1.4s", "2m00s", "3h05m", "2d04h"; "-" for zero.
std::string ShownAge(std::chrono::nanoseconds age);

// The same; nullopt gives "-".
std::string ShownAge(const std::optional<std::chrono::seconds>& duration);

// Returns "+2h00m", "-1.5s".
std::string ShownStep(std::chrono::nanoseconds step);

// Returns "0", "0.4", "12", "3500": three digits suffice for a rate.
std::string ShownRate(double per_second);

// Returns "2026-11-23T20:15:00Z", with nanoseconds if they are not zero.
std::string ToRfc3339(WallTime time);

// Converts to seconds with decimals.
double Seconds(std::chrono::nanoseconds duration);

}  // namespace relay
