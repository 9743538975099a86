#include "relay/base/parse.h"

#include <doctest/doctest.h>

namespace relay::test::relay_base_parse_test {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

WallTime At(std::int64_t since_1970) {
  return WallTime(seconds(since_1970));
}

TEST_CASE("place: a time is read with and without a fraction and an offset") {
  CHECK_EQ(ParseRfc3339("2023-11-14T22:13:20Z"), At(1'700'000'000));
  CHECK_EQ(ParseRfc3339("2023-11-14T22:13:20.5Z"), At(1'700'000'000) + nanoseconds(500'000'000));
  CHECK_EQ(ParseRfc3339("2023-11-14T22:13:20.000000042Z"), At(1'700'000'000) + nanoseconds(42));
  CHECK_EQ(ParseRfc3339("2023-11-14T23:13:20+01:00"), At(1'700'000'000));
  CHECK_EQ(ParseRfc3339("2023-11-14T20:43:20-01:30"), At(1'700'000'000));
}

TEST_CASE("place: what is not quite a time is none") {
  for (const char* text :
       {"", "12", "yesterday", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20.0000000001Z", "2023-11-14T22:13:20z", "2023-11-14T22:13:20Zx",
        "2023-11-14T22:13:20+1:00", "2023-13-14T22:13:20Z"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseRfc3339(text).has_value());
  }
}

TEST_CASE("place: a number is all digits, of 64 bits") {
  CHECK_EQ(ParseNumber("0"), 0U);
  CHECK_EQ(ParseNumber("18446744073709551615"), ~0ULL);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1x", "18446744073709551616"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseNumber(text).has_value());
  }
}

}  // namespace
}  // namespace relay::test::relay_base_parse_test
