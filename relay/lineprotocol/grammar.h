// The complete rules of line protocol: InfluxDB 1.x' own, with its own words
// for what breaks them, quirks included. Slower than line_fast.h, and decides
// whatever that leaves open.
//
// Beyond InfluxDB 1.x: unsigned integers (`1u`) are values, as they are for
// 2.x. Less than it: a NUL byte, a line that would go on into the next one if
// another followed, and text that InfluxDB would silently ignore are refused.
//
// THREADS. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "wal/base/types.h"

namespace relay {

// The position in `line`, from `from` on, of the first byte that is not blank.
std::size_t SkipBlanks(std::string_view line, std::size_t from);

struct LineVerdict {
  std::string why;             // Why the line is no point; empty: it is one.
  std::size_t fields_end = 0;  // Behind the last field; what follows is its time.
  bool timed = false;
};

// REQUIRES: `line` starts with a byte that is neither blank nor '#'.
LineVerdict JudgeLine(std::string_view line, Precision precision);

// Why `text` is neither a number nor a boolean; empty: it is.
// REQUIRES: text is not empty and has no ',' or ' '.
std::string WhyNotValue(std::string_view text);

}  // namespace relay
