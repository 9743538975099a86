// Stored lines one by one. A newline within a quoted string is part of its
// line, so they cannot be told apart by newlines alone.
#pragma once

#include <string_view>

namespace relay {

class LineWalk {
 public:
  // REQUIRES: valid line protocol, each line ended by a newline, as in a Record.
  explicit LineWalk(std::string_view lines) : left_(lines) {}

  bool AtEnd() const { return left_.empty(); }

  // The next line with its newline. REQUIRES: !AtEnd().
  std::string_view Next();

 private:
  std::string_view left_;
};

}  // namespace relay
