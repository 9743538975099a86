// Splits InfluxQL into tokens as InfluxDB 1.x does: comments (`-- to the end of the
// line` and `/* */`) count as blanks, and a name or a string has the escapes \n, \\,
// \' and \".
//
// Stricter than InfluxDB: control characters within quotes are refused. More lenient:
// a comment right after FROM, which InfluxDB reads as a regular expression.
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
    kRegex,   // Between slashes; only where they are read as such.
    kSign,    // A comparison or any other single byte.
  };

  Kind kind = Kind::kSign;
  std::string text;  // A name or string without its quotes and escapes; a regex without slashes.

  // `upper`: a keyword, in capitals.
  bool IsWord(std::string_view upper) const;
  bool IsSign(std::string_view sign) const { return kind == Kind::kSign && text == sign; }
};

using InfluxQlStatement = std::vector<InfluxQlToken>;

// The meaning of a slash where a value may begin: a sign like any other, or the beginning of a
// regular expression, as in InfluxDB.
enum class Regexes : std::uint8_t { kSigns, kRead };

// Returns the statements of a text, separated by semicolons, each with at least one
// token. kInvalidInput, with a message for the client: an unclosed quote or comment,
// an unknown escape, more than `statements_max` statements, or a text longer than
// 64 KiB.
Result<std::vector<InfluxQlStatement>> ReadInfluxQl(std::string_view text,
                                                    std::size_t statements_max,
                                                    Regexes regexes = Regexes::kSigns);

}  // namespace relay
