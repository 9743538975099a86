// Checks of text that clients chose, such as names in line protocol.
//
// THREADS. Pure functions.
#pragma once

#include <string_view>

namespace relay {

// Returns whether no byte is above 0x7F.
bool IsAscii(std::string_view text);

// Returns whether the text is UTF-8 by the rules of the Unicode standard, which are those of Go:
// no overlong form, no surrogate, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace relay
