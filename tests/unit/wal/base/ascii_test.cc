#include "wal/base/ascii.h"

#include <doctest/doctest.h>

namespace relay {
namespace {

TEST_CASE("ascii: letters are compared and lowered without case, other bytes as they are") {
  CHECK_EQ(LowerAscii("Content-TYPE [@`{"), "content-type [@`{");
  CHECK_EQ(LowerAscii("\xc3\x84"), "\xc3\x84");
  CHECK(EqualIgnoringCase("Keep-Alive", "keep-aLIVE"));
  CHECK(EqualIgnoringCase("", ""));
  CHECK_FALSE(EqualIgnoringCase("close", "closed"));
  CHECK_FALSE(EqualIgnoringCase("@", "`"));
  CHECK_FALSE(EqualIgnoringCase("\xc3\x84", "\xc3\xa4"));
}

TEST_CASE("ascii: spaces and tabs at the ends are cut, those between are kept") {
  CHECK_EQ(Trimmed(" \t a b\t"), "a b");
  CHECK_EQ(Trimmed("a"), "a");
  CHECK_EQ(Trimmed(" \t "), "");
  CHECK_EQ(Trimmed(""), "");
  CHECK_EQ(Trimmed("\ra\n"), "\ra\n");
}

TEST_CASE("ascii: two hexadecimal digits are a byte, anything else is none") {
  CHECK_EQ(HexByte("4a"), 'J');
  CHECK_EQ(HexByte("fF"), '\xff');
  for (const char* other : {"", "4", "4g", "g4", "-1", "+1", " 1", "0x", "041"}) {
    CAPTURE(other);
    CHECK_FALSE(HexByte(other).has_value());
  }
}

TEST_CASE("ascii: control characters are not shown, letters of other alphabets are") {
  CHECK_EQ(Printable("a\x1b[31m\n\x7f"), "a?[31m??");
  CHECK_EQ(Printable("größe"), "größe");
}

}  // namespace
}  // namespace relay
