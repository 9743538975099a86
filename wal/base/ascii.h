// Letters, blanks and digits of protocols, whatever the locale: bytes beyond ASCII are left as they
// are and equal only themselves.
//
// THREADS. Pure functions; any number at once.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relay {

constexpr char LowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string LowerAscii(std::string_view text);

bool EqualIgnoringCase(std::string_view a, std::string_view b);

// Returns `text` without the spaces and tabs at both ends.
std::string_view Trimmed(std::string_view text);

// Returns the byte that two hexadecimal digits mean. nullopt: `digits` is anything else.
std::optional<char> HexByte(std::string_view digits);

// Replaces what could disturb a terminal or a log (control characters) by question marks.
std::string Printable(std::string_view text);

}  // namespace relay
