#include "wal/base/utf8.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::wal_base_utf8_test {
namespace {

std::string Encoded(unsigned code) {
  const auto byte = [](unsigned bits) { return static_cast<char>(bits); };
  if (code < 0x80U) return {byte(code)};
  if (code < 0x800U) return {byte(0xC0U | code >> 6U), byte(0x80U | (code & 0x3FU))};
  if (code < 0x10000U) {
    return {byte(0xE0U | code >> 12U), byte(0x80U | (code >> 6U & 0x3FU)),
            byte(0x80U | (code & 0x3FU))};
  }
  return {byte(0xF0U | code >> 18U), byte(0x80U | (code >> 12U & 0x3FU)),
          byte(0x80U | (code >> 6U & 0x3FU)), byte(0x80U | (code & 0x3FU))};
}

TEST_CASE("utf8: every code point but the surrogates is valid, alone and within other text") {
  for (unsigned code = 0; code <= 0x110000U; ++code) {
    const bool valid = code <= 0x10FFFFU && (code < 0xD800U || code > 0xDFFFU);
    if (IsUtf8(Encoded(code)) != valid || IsUtf8("ab" + Encoded(code) + "c") != valid) FAIL(code);
  }
}

TEST_CASE("utf8: a sequence that is cut, overlong or out of place is not valid") {
  for (const std::string bad :
       {"\x80", "\xbf", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80", "\xff",
        "\xfe", "\xc3", "\xc3(", "\xe2\x82", "\xe2\x82(", "\xf0\x9f\x8c", "\xf0\x9f\x8c("}) {
    CAPTURE(bad);
    CHECK_FALSE(IsUtf8(bad));
    CHECK_FALSE(IsUtf8("long enough before " + bad));
    CHECK_FALSE(IsUtf8(bad + " long enough behind"));
  }
}

TEST_CASE("utf8: text is ASCII where no byte is above 0x7F, wherever it is") {
  CHECK(IsAscii(""));
  CHECK(IsAscii(std::string("\0\x7f", 2)));
  for (std::size_t size = 1; size < 20; ++size) {
    CHECK(IsAscii(std::string(size, 'a')));
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'a');
      text[at] = '\x80';
      CHECK_FALSE(IsAscii(text));
    }
  }
}

}  // namespace
}  // namespace relay::test::wal_base_utf8_test
