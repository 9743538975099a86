// The scanner of line protocol: finds the points of a body and normalises their lines
// for storage.
//
// It accepts what InfluxDB 1.x or 2.x accept and refuses what both refuse, with
// InfluxDB's messages. Every backend gets the returned lines: each point has its
// timestamp, so a resend writes the same point again.
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
  // The line's number in the body, from 1; its first, if it spans several.
  std::uint64_t number = 0;
  std::string line;  // Cut after 256 bytes.
  std::string why;

  std::string Message() const { return "unable to parse '" + line + "': " + why; }
};

struct ScannedLines {
  // The valid lines in order, each with a timestamp in units of the precision and one
  // '\n' at the end; without comments, blank lines and carriage returns before a line's
  // end. The body itself if nothing had to change.
  std::string lines;
  PointCount points = 0;
  std::uint64_t refused = 0;      // Lines that are not points.
  std::uint64_t too_long = 0;     // ... of which longer than the limit.
  std::vector<LineError> errors;  // The first kErrorsKept of them.
};

constexpr std::size_t kErrorsKept = 16;

// The limit of a line where no other is configured.
constexpr Bytes kLineMax = 1_MiB;

// `now` becomes the time of a point without one, truncated to `precision`. A line longer than
// `line_max` is refused.
ScannedLines ScanLines(std::string body, Precision precision, WallTime now,
                       Bytes line_max = kLineMax);

// Returns `lines` (as above) with every time converted to nanoseconds from the unit
// that InfluxDB 3 would guess, line by line, from the size of the number.
std::string WithGuessedTimes(std::string lines);

}  // namespace relay
