#include "relay/status/log_position.h"

#include <doctest/doctest.h>

#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"

namespace relay::test::relay_status_log_position_test {
namespace {

constexpr std::int64_t kRecords = 5;

// A log with a record accepted at each of the seconds 1 to 5.
struct Fixture {
  MemoryLog log{{kWest}};

  Fixture() {
    for (std::int64_t n = 1; n <= kRecords; ++n) {
      const Record record = NumberedRecord(static_cast<std::uint64_t>(n));
      REQUIRE(AppendAndWait(log, record, {kWest}, At(n)).ok());
    }
  }

  // Returns "after-last", with now at the fourth second.
  std::string Range(const std::string& from, const std::string& to) {
    const LogRange whole{.after = Sequence::BeforeFirst(), .last = Sequence(kRecords)};
    const Result<LogRange> range = ResolveRange(log, kWest, {from, to, "--", At(4)}, whole);
    if (!range.ok()) return range.error().message();
    return std::to_string(range.value().after.value()) + "-" +
           std::to_string(range.value().last.value());
  }
};

TEST_CASE("log position: a sequence is itself, a time the record before it, head the last") {
  Fixture fixture;
  CHECK_EQ(ResolvePosition(fixture.log, kWest, Sequence(9)).value(), Sequence(9));
  CHECK_EQ(ResolvePosition(fixture.log, kWest, At(3)).value(), Sequence(2));
  CHECK_EQ(ResolvePosition(fixture.log, kWest, LogHead{}).value(), Sequence(5));
  CHECK_EQ(ResolvePosition(fixture.log, kEast, LogHead{}).error().code(), ErrorCode::kNotFound);
}

TEST_CASE("log position: a range includes its sequences and the time that it starts at") {
  Fixture fixture;
  CHECK_EQ(fixture.Range("", ""), "0-5");
  CHECK_EQ(fixture.Range("2", "3"), "1-3");
  CHECK_EQ(fixture.Range("0", "99"), "0-5");
  CHECK_EQ(fixture.Range("18446744073709551615", "18446744073709551615"), "18446744073709551614-5");
  CHECK_EQ(fixture.Range("1970-01-01T01:00:02+01:00", "1970-01-01T00:00:04Z"), "1-3");
  CHECK_EQ(fixture.Range("-2s", "now"), "1-3");
  CHECK_EQ(fixture.Range("2s ago", "head"), "1-5");
  CHECK_EQ(fixture.Range("head", ""), "4-5");
}

TEST_CASE("log position: a mistake names the end of the range that it is in") {
  Fixture fixture;
  CHECK(fixture.Range("soon", "").starts_with("--from: 'soon' is not a position: expected "));
  CHECK(fixture.Range("", "soon").starts_with("--to: 'soon' is not a position: expected "));
}

}  // namespace
}  // namespace relay::test::relay_status_log_position_test
