// The tokens of InfluxQL, as InfluxDB 1.x reads them: comments (`-- to the end of
// the line` and `/* */`) count as blanks, and a name or a string has the escapes
// \n, \\, \' and \".
//
// Less than InfluxDB takes: a control character within quotes is refused. More:
// a comment right behind FROM, where InfluxDB takes it for a regular expression.
//
// THREADS. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"

namespace relay {

struct InfluxQlToken {
  enum class Kind : std::uint8_t {
    kWord,    // A bare word or name.
    kName,    // In double quotes.
    kString,  // In single quotes.
    kNumber,  // Begins with a digit: "10", "1h30m", "1x".
    kSign,    // A comparison or any other single byte.
  };

  Kind kind = Kind::kSign;
  std::string text;  // Of a name or string without its quotes and escapes.

  // `upper`: a keyword, in capitals.
  bool IsWord(std::string_view upper) const;
  bool IsSign(std::string_view sign) const { return kind == Kind::kSign && text == sign; }
};

using InfluxQlStatement = std::vector<InfluxQlToken>;

// The statements of a text, separated by semicolons, each with at least one
// token. kInvalidInput, in words for the client: quotes or a comment do not end,
// an escape is not known, there are more than `statements_max` statements, or the
// text is longer than 64 KiB.
Result<std::vector<InfluxQlStatement>> ReadInfluxQl(std::string_view text,
                                                    std::size_t statements_max);

}  // namespace relay
