// The lines that an InfluxDB 3 says it refused of a write it took otherwise:
//
//     {"error":"partial write of line protocol occurred","data":[
//       {"original_line":"m v=x 1","line_number":2,"error_message":"..."}]}
//
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wal/base/types.h"

namespace relay {

struct RefusedLine {
  PointCount number = 0;  // Of the body that was sent, from 1.
  std::string words;      // What was said of this line.
};

// Ascending, each once. None where the body says it otherwise or not in whole
// (it may have been cut): then the lines have to be looked for.
std::vector<RefusedLine> RefusedLinesIn(std::string_view body, PointCount lines_sent);

}  // namespace relay
