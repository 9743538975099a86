#include "replay/compare/value.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "replay/compare/collector.h"

namespace relay::test::unit_replay_compare_value_test {
namespace {

constexpr auto kMax = std::numeric_limits<std::int64_t>::max();

Value TextValue(std::string_view text) {
  return {.type = FieldType::kString, .bits = 0, .text = text};
}

Likeness Compare(const Value& a, const Value& b, Form form) {
  return relay::Compare({Keep(a)}, {Keep(b)}, form);
}

TEST_CASE("value: neighbours are told from each other, of every type") {
  using enum Form;
  CHECK_NE(DigestOf(IntegerValue(kMax), kExact), DigestOf(IntegerValue(kMax - 1), kExact));
  const double next = std::nextafter(1.1, 2);
  CHECK_NE(DigestOf(FloatValue(1.1), kExact), DigestOf(FloatValue(next), kExact));
  CHECK_EQ(Compare(FloatValue(1.1), FloatValue(next), kExact), Likeness::kDifferent);
  CHECK_NE(DigestOf(TextValue("abcdefgh"), kExact), DigestOf(TextValue("abcdefgi"), kExact));
  CHECK_NE(DigestOf(TextValue("a"), kExact),
           DigestOf(TextValue(std::string_view("a\0", 2)), kExact));
  CHECK_NE(DigestOf(IntegerValue(1), kExact), DigestOf(FloatValue(1), kExact));
  CHECK_NE(DigestOf({FieldType::kBoolean, 1}, kExact), DigestOf(IntegerValue(1), kExact));
}

TEST_CASE("value: long strings that differ in their end differ") {
  const std::string a(100'000, 'x');
  std::string b = a;
  b.back() = 'y';
  CHECK_EQ(Compare(TextValue(a), TextValue(b), Form::kExact), Likeness::kDifferent);
  CHECK_EQ(Compare(TextValue(a), TextValue(a), Form::kExact), Likeness::kSame);
  CHECK_EQ(ToString(Keep(TextValue(a))), '"' + std::string(64, 'x') + "...\" (100000 bytes)");
}

TEST_CASE("value: a whole number is the same signed and unsigned, unless it is negative") {
  using enum Form;
  const Value small{FieldType::kUnsigned, 5};
  CHECK_EQ(DigestOf(small, kExact), DigestOf(IntegerValue(5), kExact));
  CHECK_EQ(Compare(small, IntegerValue(5), kExact), Likeness::kSame);
  const Value huge{FieldType::kUnsigned, ~std::uint64_t{0}};
  CHECK_NE(DigestOf(huge, kExact), DigestOf(IntegerValue(-1), kExact));
  CHECK_EQ(Compare(huge, IntegerValue(-1), kExact), Likeness::kDifferent);
}

TEST_CASE("value: as numbers, an integer, a float and a boolean can be the same") {
  using enum Form;
  CHECK_EQ(DigestOf(IntegerValue(3), kNumber), DigestOf(FloatValue(3), kNumber));
  CHECK_EQ(DigestOf({FieldType::kBoolean, 1}, kNumber), DigestOf(FloatValue(1), kNumber));
  CHECK_EQ(DigestOf(FloatValue(-0.0), kNumber), DigestOf(IntegerValue(0), kNumber));
  CHECK_NE(DigestOf(FloatValue(1.1), kNumber),
           DigestOf(FloatValue(std::nextafter(1.1, 2)), kNumber));
  CHECK_EQ(Compare(IntegerValue(3), FloatValue(3), kExact), Likeness::kSameButShownDifferently);
  CHECK_EQ(Compare(IntegerValue(3), TextValue("3"), kNumber), Likeness::kDifferent);
}

TEST_CASE("value: rounded, the first 11 digits count") {
  using enum Form;
  CHECK_EQ(Compare(FloatValue(123456.789012345), FloatValue(123456.78901234), kRounded),
           Likeness::kSameButShownDifferently);
  CHECK_EQ(Compare(FloatValue(1.0000000001), FloatValue(1), kRounded), Likeness::kDifferent);
  CHECK_NE(DigestOf(FloatValue(1.0000000001), kRounded), DigestOf(FloatValue(1), kRounded));
  CHECK_EQ(DigestOf(FloatValue(0.1 + 1e-17), kRounded), DigestOf(FloatValue(0.1), kRounded));
}

TEST_CASE("value: times are cut towards the past") {
  const Rules rules{.forms = {}, .tick = 1'000'000};
  CHECK_EQ(rules.Cut(1'999'999), 1'000'000);
  CHECK_EQ(rules.Cut(2'000'000), 2'000'000);
  CHECK_EQ(rules.Cut(-1), -1'000'000);
}

TEST_CASE("value: a series is the same whatever the order of its tags, and empty ones") {
  CHECK_EQ(SeriesHash({{"a", "1"}, {"b", "2"}}), SeriesHash({{"b", "2"}, {"c", ""}, {"a", "1"}}));
  CHECK_NE(SeriesHash({{"a", "1"}, {"b", "2"}}), SeriesHash({{"a", "2"}, {"b", "1"}}));
  CHECK_NE(SeriesHash({}), SeriesHash({{"a", "1"}}));
}

}  // namespace
}  // namespace relay::test::unit_replay_compare_value_test
