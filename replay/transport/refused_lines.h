// The lines that InfluxDB 3 names as refused in a write that it otherwise accepted:
//
//     {"error":"partial write of line protocol occurred","data":[
//       {"original_line":"m v=x 1","line_number":2,"error_message":"..."}]}
//
// THREADS. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wal/base/types.h"

namespace relay {

struct RefusedLine {
  PointCount number = 0;  // In the body that was sent, from 1.
  std::string message;    // The message about this line.
};

// Returns the lines, ascending, each once. Empty: the body names them otherwise or not completely
// (it may have been cut), so the lines must be searched for.
std::vector<RefusedLine> RefusedLinesIn(std::string_view body, PointCount lines_sent);

}  // namespace relay
