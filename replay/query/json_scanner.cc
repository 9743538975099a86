#include "replay/query/json_scanner.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace relay {
namespace {

void AppendUtf8(std::uint32_t code, std::string& into) {
  const auto append = [&into](std::uint32_t byte) { into += static_cast<char>(byte); };
  if (code < 0x80) return append(code);
  if (code < 0x800) {
    append(0xc0U | code >> 6U);
  } else if (code < 0x10000) {
    append(0xe0U | code >> 12U);
    append(0x80U | (code >> 6U & 0x3fU));
  } else {
    append(0xf0U | code >> 18U);
    append(0x80U | (code >> 12U & 0x3fU));
    append(0x80U | (code >> 6U & 0x3fU));
  }
  append(0x80U | (code & 0x3fU));
}

}  // namespace

void JsonScanner::SkipBlanks() {
  left_.remove_prefix(std::min(left_.find_first_not_of(" \t\r\n"), left_.size()));
}

bool JsonScanner::Try(char punctuation) {
  SkipBlanks();
  if (!left_.starts_with(punctuation)) return false;
  left_.remove_prefix(1);
  return true;
}

std::string JsonScanner::String() {
  std::string text;
  Expect('"');
  while (ok_) {
    const std::size_t plain = std::min(left_.find_first_of("\"\\"), left_.size());
    text += left_.substr(0, plain);
    left_.remove_prefix(plain);
    if (left_.starts_with('"')) {
      left_.remove_prefix(1);
      return text;
    }
    ok_ = left_.size() >= 2;
    if (!ok_) break;
    const char escaped = left_[1];
    left_.remove_prefix(2);
    switch (escaped) {
      case 'b': text += '\b'; break;
      case 'f': text += '\f'; break;
      case 'n': text += '\n'; break;
      case 'r': text += '\r'; break;
      case 't': text += '\t'; break;
      case 'u': TakeCodePoint(text); break;
      default: text += escaped;
    }
  }
  return text;
}

unsigned JsonScanner::TakeHex() {
  constexpr std::size_t kDigits = 4;
  unsigned code = 0;
  const char* end = left_.data() + std::min(kDigits, left_.size());
  const auto [rest, error] = std::from_chars(left_.data(), end, code, 16);
  ok_ = ok_ && error == std::errc() && rest == left_.data() + kDigits;
  if (ok_) left_.remove_prefix(kDigits);
  return code;
}

void JsonScanner::TakeCodePoint(std::string& into) {
  std::uint32_t code = TakeHex();
  const bool is_first_half = code >= 0xd800 && code < 0xdc00;
  if (is_first_half && left_.starts_with("\\u")) {
    left_.remove_prefix(2);
    code = 0x10000 + ((code - 0xd800) << 10U) + (TakeHex() - 0xdc00);
  }
  AppendUtf8(code, into);
}

std::optional<double> JsonScanner::Number() {
  constexpr std::string_view kNull = "null";
  SkipBlanks();
  if (left_.starts_with(kNull)) {
    left_.remove_prefix(kNull.size());
    return std::nullopt;
  }
  double number = 0;
  const auto [rest, error] = std::from_chars(left_.data(), left_.data() + left_.size(), number);
  ok_ = ok_ && error == std::errc();
  if (ok_) left_.remove_prefix(static_cast<std::size_t>(rest - left_.data()));
  return number;
}

}  // namespace relay
