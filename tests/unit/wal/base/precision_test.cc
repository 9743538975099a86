#include "wal/base/precision.h"

#include <doctest/doctest.h>

namespace relay::test::wal_base_precision_test {
namespace {

using enum PrecisionDialect;

constexpr PrecisionDialect kDialects[] = {kSettings, kCommands, kV1, kV2, kV3};

TEST_CASE("precision: each dialect takes the words that it writes") {
  for (const PrecisionDialect dialect : kDialects) {
    for (const auto& [word, precision] : PrecisionWords(dialect)) {
      CAPTURE(word);
      CHECK(PrecisionNamed(word, dialect) == precision);
      CHECK_EQ(WordFor(precision, dialect), word);
    }
  }
}

TEST_CASE("precision: the words to use are listed for a message") {
  CHECK_EQ(ListPrecisions(kSettings), "ns, us, ms, s, m or h");
  CHECK_EQ(ListPrecisions(kCommands), "n, u, ms, s, m or h");
  CHECK_EQ(ListPrecisions(kV1), "n, u, ms, s, m or h");
  CHECK_EQ(ListPrecisions(kV2), "ns, us, ms or s");
  CHECK_EQ(ListPrecisions(kV3), "nanosecond, microsecond, millisecond or second");
}

TEST_CASE("precision: what a dialect takes besides, and what it does not") {
  for (const PrecisionDialect dialect : kDialects) {
    CHECK(PrecisionNamed("ns", dialect) == Precision::kNanosecond);
    CHECK(PrecisionNamed("ms", dialect) == Precision::kMillisecond);
    CHECK_FALSE(PrecisionNamed("d", dialect));
    CHECK_FALSE(PrecisionNamed("NS", dialect));
  }
  CHECK(PrecisionNamed("", kV1) == Precision::kNanosecond);
  CHECK(PrecisionNamed("", kV2) == Precision::kNanosecond);
  CHECK_FALSE(PrecisionNamed("", kV3));
  CHECK_FALSE(PrecisionNamed("", kSettings));
  CHECK(PrecisionNamed("us", kV1) == Precision::kMicrosecond);
  CHECK(PrecisionNamed("\xc2\xb5", kV1) == Precision::kMicrosecond);
  CHECK(PrecisionNamed("\xce\xbc", kV1) == Precision::kMicrosecond);
  CHECK(PrecisionNamed("u", kV3) == Precision::kMicrosecond);
  CHECK(PrecisionNamed("us", kCommands) == Precision::kMicrosecond);
  CHECK_FALSE(PrecisionNamed("u", kV2));
  CHECK_FALSE(PrecisionNamed("m", kV2));
  CHECK(PrecisionNamed("n", kV3) == Precision::kNanosecond);
  CHECK_FALSE(PrecisionNamed("m", kV3));
}

}  // namespace
}  // namespace relay::test::wal_base_precision_test
