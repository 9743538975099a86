// The complete rules of line protocol: those of InfluxDB 1.x with its error messages,
// quirks included. Slower than fast_path.h; decides all lines that it leaves open.
//
// More lenient than InfluxDB 1.x: unsigned integers (`1u`) are values, as for 2.x.
// Stricter: NUL bytes, a line that would continue into a following one, and text that
// InfluxDB would silently ignore are refused.
//
// THREADS. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "wal/base/types.h"

namespace relay {

// Returns the position in `line`, from `from` on, of the first byte that is not blank.
std::size_t SkipBlanks(std::string_view line, std::size_t from);

struct LineVerdict {
  std::string reason;          // Says why the line is not a point; empty: it is one.
  std::size_t fields_end = 0;  // Behind the last field, where the time begins.
  bool timed = false;
};

// REQUIRES: `line` starts with a byte that is neither blank nor '#'.
LineVerdict JudgeLine(std::string_view line, Precision precision);

// Returns why `text` is neither a number nor a boolean; empty: it is one.
// REQUIRES: text is not empty and has no ',' or ' '.
std::string WhyNotValue(std::string_view text);

}  // namespace relay
