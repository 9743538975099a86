// The scanner of line protocol: which lines of a body are points, and what to
// store of them.
//
// It accepts what InfluxDB 1.x or 2.x accept and refuses what both refuse; its
// messages are InfluxDB's own. What it returns is what every backend gets:
// each point has its timestamp, so a resend writes the same point again.
//
// THREADS. A pure function; any number of threads at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wal/base/types.h"

namespace relay {

// A line that is not a point.
struct LineError {
  // In the body, from 1; of the line's first byte where it spans several.
  std::uint64_t number = 0;
  std::string line;  // Cut at 256 bytes.
  std::string why;

  std::string Message() const { return "unable to parse '" + line + "': " + why; }
};

struct ScannedLines {
  // The good lines in their order, each with a timestamp in units of the
  // precision and ended by one '\n'; comments, blank lines and carriage returns
  // before a line's end are gone. The body itself where nothing had to change.
  std::string lines;
  PointCount points = 0;
  std::uint64_t refused = 0;      // Lines that are not points.
  std::uint64_t too_long = 0;     // ... because they are longer than kLineBytesMax.
  std::vector<LineError> errors;  // The first kErrorsKept of them.
};

constexpr std::size_t kErrorsKept = 16;

// A point's line is at most this long (reliability: a line 64 KiB).
constexpr std::size_t kLineBytesMax = 64U << 10U;

// `now` becomes the time of a point without one, truncated to `precision`.
ScannedLines ScanLines(std::string body, Precision precision, WallTime now);

// `lines` (as above, of nanoseconds) with each time in nanoseconds that
// InfluxDB 3 would take for one in seconds, milliseconds or microseconds: it
// guesses the unit by the size of the number, line by line.
std::string WithGuessedTimes(std::string lines);

}  // namespace relay
