#include "config/schema/value_format.h"

#include <doctest/doctest.h>

namespace relay::test::config_schema_value_format_test {
namespace {

using std::chrono::milliseconds;

template <typename T>
std::string Refusal(const ValueFormat<T>& form, std::string_view text) {
  const auto value = form.parse(text);
  REQUIRE(!value.ok());
  CHECK_EQ(value.error().code(), ErrorCode::kInvalidInput);
  return value.error().message();
}

TEST_CASE("form: a size is a whole number with its unit") {
  const auto form = SizeBetween(1_KiB, 1_GiB);
  CHECK(form.parse("1024B").value() == 1_KiB);
  CHECK(form.parse("1KiB").value() == 1_KiB);
  CHECK(form.parse("25MiB").value() == 25_MiB);
  CHECK(form.parse("1GiB").value() == 1_GiB);
}

TEST_CASE("form: a size without unit, with a decimal one or out of range is refused") {
  const auto form = SizeBetween(1_KiB, 1_GiB);
  for (const char* text :
       {"", "25", "25MB", "25KB", "25 MiB", "2.5MiB", "-1MiB", "+1MiB", "MiB", "0x10KiB", "1mib",
        "1023B", "1048577KiB", "2GiB", "0B",
        // Each product, taken modulo 2^64, would be 1 MiB.
        "17592186045440MiB", "18446744073709551616KiB", "18014398509483008KiB"}) {
    CAPTURE(text);
    CHECK_EQ(Refusal(form, text),
             "expected a size from 1KiB to 1GiB: a whole number with B, KiB, MiB or GiB");
  }
}

TEST_CASE("form: a time is a whole number with its unit") {
  const auto form = TimeBetween(milliseconds(100), std::chrono::minutes(10));
  CHECK_EQ(form.parse("100ms").value(), milliseconds(100));
  CHECK_EQ(form.parse("10s").value(), milliseconds(10'000));
  CHECK_EQ(form.parse("10min").value(), milliseconds(600'000));
  CHECK_EQ(TimeBetween({}, std::chrono::hours(24)).parse("2h").value(), std::chrono::hours(2));
  for (const char* text : {"", "10", "10m", "10 s", "99ms", "600001ms", "1h", "-1s", "1.5s",
                           "18446744073709551615h"}) {
    CAPTURE(text);
    CHECK_EQ(Refusal(form, text),
             "expected a time from 100ms to 10min: a whole number with ms, s, min or h");
  }
}

TEST_CASE("form: a count is a whole number in its range") {
  const auto form = CountBetween(1, 1'000'000);
  CHECK_EQ(form.parse("1").value(), 1);
  CHECK_EQ(form.parse("1000000").value(), 1'000'000);
  for (const char* text : {"", "0", "1000001", "-1", "1e3", "10k", "18446744073709551617"}) {
    CAPTURE(text);
    CHECK_EQ(Refusal(form, text), "expected a whole number from 1 to 1000000");
  }
}

TEST_CASE("form: what is shown is read back as the same value") {
  const auto size = SizeBetween(0_B, 64_GiB);
  for (const Bytes bytes : {0_B, 1_B, 1023_B, 1_KiB, 1025_B, 25_MiB, 3_GiB}) {
    CHECK(size.parse(size.show(bytes)).value() == bytes);
  }
  CHECK_EQ(size.show(25_MiB), "25MiB");
  CHECK_EQ(size.show(1536_KiB), "1536KiB");
  CHECK_EQ(size.show(0_B), "0B");

  const auto time = TimeBetween(milliseconds(0), std::chrono::hours(100));
  CHECK_EQ(time.show(milliseconds(250)), "250ms");
  CHECK_EQ(time.show(milliseconds(90'000)), "90s");
  CHECK_EQ(time.show(std::chrono::minutes(10)), "10min");
  CHECK_EQ(time.show(std::chrono::hours(24)), "24h");
}

TEST_CASE("form: one of a few words, and no other") {
  const auto form = OneOf<Codec>({{"zstd", Codec::kZstd}, {"none", Codec::kNone}});
  CHECK_EQ(form.expects, "zstd or none");
  CHECK(form.parse("none").value() == Codec::kNone);
  CHECK_EQ(form.show(Codec::kZstd), "zstd");
  for (const char* text : {"", "lz4", "Zstd", "zst"}) {
    CAPTURE(text);
    CHECK_EQ(Refusal(form, text), "expected zstd or none");
  }
}

TEST_CASE("form: text is taken as it stands") {
  CHECK_EQ(AnyText().parse("").value(), "");
  CHECK_EQ(AnyText().parse(" two words ").value(), " two words ");
  CHECK_EQ(SomeText("a word").parse("w").value(), "w");
  CHECK_EQ(Refusal(SomeText("a word"), ""), "expected a word");
  CHECK_EQ(Refusal(AnyText(), "two\nlines"), "expected one line without control characters");
  CHECK_EQ(Refusal(AnyText(), std::string(4097, 'x')), "expected at most 4096 characters");
  CHECK_EQ(Refusal(AnyText(), "${HOME}/relay"),
           "expected the text itself: only secrets take ${VARIABLE}");
}

TEST_CASE("form: a backend's name") {
  CHECK_EQ(BackendName().parse("influx-a_1").value().text(), "influx-a_1");
  for (const std::string& text : {std::string(), std::string("Influx"), std::string(65, 'a')}) {
    CAPTURE(text);
    CHECK_EQ(Refusal(BackendName(), text), "expected 1 to 64 characters of a-z, 0-9, _ and -");
  }
}

TEST_CASE("form: a password comes from the variable that is named") {
  const auto source = SecretInEnvironment("password").parse("${INFLUX_PASSWORD_1}").value();
  REQUIRE(source.has_value());
  CHECK_EQ(source->Describe(), "environment variable INFLUX_PASSWORD_1");
}

TEST_CASE("form: a literal password is refused without repeating it") {
  for (const char* text : {"", "hunter2", "$HUNTER2", "${}", "${", "$", "${HUNTER2", "${HUNTER 2}",
                           "${2HUNTER}", "${HUNTER}2", "x${HUNTER}", "${HUNTER}${HUNTER}"}) {
    CAPTURE(text);
    CHECK_EQ(Refusal(SecretInEnvironment("password"), text),
             "expected no password in this file: write ${VARIABLE} or use password_file");
  }
}

TEST_CASE("form: a password file is named, not read") {
  const auto source = SecretInFile().parse("/nowhere/password").value();
  REQUIRE(source.has_value());
  CHECK_EQ(source->Describe(), "file /nowhere/password");
  CHECK_EQ(Refusal(SecretInFile(), ""), "expected the path of a file");
  CHECK_EQ(SecretInFile().show(source), "/nowhere/password");
  CHECK_EQ(SecretInEnvironment("password").show(source), "");
}

}  // namespace
}  // namespace relay::test::config_schema_value_format_test
