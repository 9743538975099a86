#include "relay/write_params.h"

#include <doctest/doctest.h>

namespace relay::test {
namespace {

Result<WriteParams> Parse(std::string_view query) {
  return ParseWriteParams(query, "");
}

TEST_CASE("write parameters: database, retention policy and precision are read from the query") {
  const WriteParams params = Parse("db=my%20db&rp=a+week&precision=ms&u=me&p=secret").value();
  CHECK_EQ(params.database, "my db");
  CHECK_EQ(params.retention_policy, "a week");
  CHECK_EQ(params.precision, Precision::kMillisecond);
  CHECK_EQ(params.api, Api::kV1);
}

TEST_CASE("write parameters: the listener's retention policy is for those who name none") {
  CHECK_EQ(ParseWriteParams("db=d", "month").value().retention_policy, "month");
  CHECK_EQ(ParseWriteParams("db=d&rp=week", "month").value().retention_policy, "week");
}

TEST_CASE("write parameters: of a repeated one the first counts") {
  CHECK_EQ(Parse("db=first&db=second").value().database, "first");
}

TEST_CASE("write parameters: every precision of InfluxDB 1.x is known") {
  struct Row {
    const char* text;
    Precision precision;
  };
  for (const Row& row : {Row{"", Precision::kNanosecond}, Row{"n", Precision::kNanosecond},
                         Row{"ns", Precision::kNanosecond}, Row{"u", Precision::kMicrosecond},
                         Row{"ms", Precision::kMillisecond}, Row{"s", Precision::kSecond},
                         Row{"m", Precision::kMinute}, Row{"h", Precision::kHour}}) {
    CHECK_EQ(Parse(std::string("db=d&precision=") + row.text).value().precision, row.precision);
  }
}

TEST_CASE("write parameters: what is wrong is refused in InfluxDB's words") {
  struct Row {
    const char* query;
    const char* message;
  };
  for (const Row& row :
       {Row{"", "database is required"}, Row{"rp=x", "database is required"},
        Row{"db=", "database is required"},
        Row{"db=d&precision=d", "invalid precision \"d\" (use n, u, ms, s, m or h)"},
        Row{"db=d&consistency=most", "invalid consistency level"},
        Row{"db=%4", "invalid URL escape \"%4\""}, Row{"db=%zz", "invalid URL escape \"%zz\""},
        Row{"db=%-1", "invalid URL escape \"%-1\""}, Row{"db=a%", "invalid URL escape \"%\""},
        Row{"db=a%0ab", "a control character in db or rp"},
        Row{"db=a&rp=%00", "a control character in db or rp"}}) {
    CAPTURE(row.query);
    const auto parsed = Parse(row.query);
    REQUIRE(!parsed.ok());
    CHECK_EQ(parsed.error().message(), row.message);
  }
}

}  // namespace
}  // namespace relay::test
