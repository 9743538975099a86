#include "wal/base/ascii.h"

#include <algorithm>
#include <charconv>

namespace relay {

std::string LowerAscii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = LowerAscii(c);
  return lower;
}

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return LowerAscii(x) == LowerAscii(y); });
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

std::optional<char> HexByte(std::string_view digits) {
  unsigned char byte = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, byte, 16);
  if (digits.size() != 2 || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return static_cast<char>(byte);
}

std::string Printable(std::string_view text) {
  constexpr char kDelete = 0x7f;
  std::string printable(text);
  for (char& c : printable) {
    if (static_cast<unsigned char>(c) < ' ' || c == kDelete) c = '?';
  }
  return printable;
}

}  // namespace relay
