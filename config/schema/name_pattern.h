// Patterns for names and tag values: `cpu*`, or a regular expression between slashes,
// `/^cpu[0-9]/`.
//
// Regular expressions are RE2's, which take time proportional to the name whatever the pattern is.
// One matches if it is found anywhere in the name, as in InfluxQL; `^` and `$` stand for its ends.
//
// THREADS. Values; any number of threads at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"

namespace relay {

class NamePattern {
 public:
  // kInvalidInput: RE2 does not accept the expression; the message says why.
  static Result<NamePattern> Parse(std::string_view text);

  bool Matches(std::string_view name) const;

 private:
  class Expression;

  std::string glob_;
  std::shared_ptr<const Expression> expression_;  // nullptr: a glob.
};

// Values of one tag; a point without the tag has the value "".
struct TagPattern {
  std::string tag;
  NamePattern value;

  // Reads "TAG=PATTERN". kInvalidInput: as NamePattern::Parse, or there is no tag.
  static Result<TagPattern> Parse(std::string_view text);
};

}  // namespace relay
