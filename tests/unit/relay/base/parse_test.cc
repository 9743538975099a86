#include "relay/base/parse.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <string>

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

TEST_CASE("place: a malformed time is refused") {
  for (const char* text :
       {"", "12", "yesterday", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20.0000000001Z", "2023-11-14T22:13:20z", "2023-11-14T22:13:20Zx",
        "2023-11-14T22:13:20+1:00", "2023-13-14T22:13:20Z", "2023-02-30T22:13:20Z",
        "2023-11-14T24:13:20Z", "2023-11-14T22:60:20Z", "2023-11-14T22:13:20+24:00",
        " 2023-11-14T22:13:20Z", "2023-1-14T22:13:20Z", "9999-11-14T22:13:20Z"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseRfc3339(text).has_value());
  }
}

std::optional<WallTime> TimeIn(std::string_view text, WallTime now = At(1'700'000'000)) {
  const Result<TypedPosition> position = ParsePosition(text, now);
  if (!position.ok() || !std::holds_alternative<WallTime>(position.value())) return std::nullopt;
  return std::get<WallTime>(position.value());
}

TEST_CASE("place: an operator types a sequence, a time, an age, now or head") {
  const WallTime now = At(1'700'000'000);
  CHECK(std::get<Sequence>(ParsePosition("12", now).value()) == Sequence(12));
  CHECK(std::holds_alternative<LogHead>(ParsePosition("head", now).value()));
  CHECK_EQ(TimeIn("2023-11-14T23:13:20+01:00"), now);
  CHECK_EQ(TimeIn("now"), now);
  CHECK_EQ(TimeIn("-1h"), At(1'700'000'000 - 3600));
  CHECK_EQ(TimeIn("90m ago"), At(1'700'000'000 - 5400));
  CHECK_EQ(TimeIn("2h30m ago"), At(1'700'000'000 - 9000));
  CHECK_EQ(TimeIn("-1d2h3m4s"), At(1'700'000'000 - 93'784));
  CHECK_EQ(TimeIn("0s  ago"), now);
  CHECK_EQ(TimeIn("1h"), TimeIn("-1h"));
  CHECK_EQ(TimeIn("1d2h"), TimeIn("-26h"));
}

TEST_CASE("place: a day is one of the local time zone, whatever its length") {
  const char* const before = std::getenv("TZ");
  const std::string kept = before == nullptr ? "" : before;
  setenv("TZ", "Europe/Vienna", 1);
  tzset();
  const WallTime now = ParseRfc3339("2026-10-25T20:00:00Z").value();  // 21:00; it was 25 h long.
  CHECK_EQ(TimeIn("today", now), ParseRfc3339("2026-10-24T22:00:00Z").value());
  CHECK_EQ(TimeIn("today 06:30", now), ParseRfc3339("2026-10-25T05:30:00Z").value());
  CHECK_EQ(TimeIn("yesterday 02:00", now), ParseRfc3339("2026-10-24T00:00:00Z").value());
  CHECK_EQ(TimeIn("yesterday 02:00:30", now), ParseRfc3339("2026-10-24T00:00:30Z").value());
  CHECK_EQ(PinnedPosition("yesterday 02:00", now), "2026-10-24T00:00:00Z");
  if (before == nullptr) {
    unsetenv("TZ");
  } else {
    setenv("TZ", kept.c_str(), 1);
  }
  tzset();
}

TEST_CASE("place: anything else is refused with what was expected") {
  for (const char* text : {"", "-", "-1", "yesterday 2", "yesterday 25:00", "today02:00", " ago",
                           "ago", "-1h ago", "1m2h ago", "1h1h ago", "1.5h ago", "-1w", "+1h",
                           "Now", "-36501d", "-99999999999999999999s"}) {
    CAPTURE(text);
    const Result<TypedPosition> position = ParsePosition(text, At(1'700'000'000));
    REQUIRE_FALSE(position.ok());
    CHECK_EQ(position.error().code(), ErrorCode::kInvalidInput);
    CHECK_NE(position.error().message().find("2h30m ago"), std::string::npos);
  }
}

TEST_CASE("place: positions relative to now are pinned, the rest stays as it is") {
  const WallTime now = At(1'700'000'000);
  CHECK_EQ(PinnedPosition("-20s", now), "2023-11-14T22:13:00Z");
  CHECK_EQ(PinnedPosition("now", now), "2023-11-14T22:13:20Z");
  for (const std::string text : {"", "12", "head", "soon", "2023-11-14T23:13:20+01:00"}) {
    CHECK_EQ(PinnedPosition(text, now), text);
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
