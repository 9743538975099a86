#include "relay/ingest/write_params.h"

#include <doctest/doctest.h>

namespace relay::test::relay_ingest_write_params_test {
namespace {

Result<WriteQuery> ParseFor(Api api, std::string_view query, const std::string& policy = "") {
  const Result<QueryParameters> parameters = QueryParameters::Parse(query);
  if (!parameters.ok()) return parameters.error();
  return ParseWriteQuery(api, parameters.value(), policy);
}

Result<WriteParams> Parse(std::string_view query, const std::string& policy = "") {
  Result<WriteQuery> parsed = ParseFor(Api::kV1, query, policy);
  if (!parsed.ok()) return std::move(parsed).error();
  return parsed.value().params;
}

TEST_CASE("write parameters: database, retention policy and precision are read from the query") {
  const WriteParams params = Parse("db=my%20db&rp=a+week&precision=ms&u=me&p=secret").value();
  CHECK_EQ(params.database, "my db");
  CHECK_EQ(params.retention_policy, "a week");
  CHECK_EQ(params.precision, Precision::kMillisecond);
  CHECK_EQ(params.api, Api::kV1);
}

TEST_CASE("write parameters: the listener's retention policy is for those who name none") {
  CHECK_EQ(Parse("db=d", "month").value().retention_policy, "month");
  CHECK_EQ(Parse("db=d&rp=week", "month").value().retention_policy, "week");
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
        Row{"db=a%0ab", "control character in database or retention policy"},
        Row{"db=a&rp=%00", "control character in database or retention policy"}}) {
    CAPTURE(row.query);
    const auto parsed = Parse(row.query);
    REQUIRE(!parsed.ok());
    CHECK_EQ(parsed.error().message(), row.message);
  }
}

TEST_CASE("write parameters: a v2 bucket is a database, or a database and a policy") {
  const WriteQuery one = ParseFor(Api::kV2, "bucket=my%20db&org=ignored&precision=us").value();
  CHECK_EQ(one.params.database, "my db");
  CHECK_EQ(one.params.retention_policy, "");
  CHECK_EQ(one.params.precision, Precision::kMicrosecond);
  CHECK_EQ(one.params.api, Api::kV2);
  CHECK(one.all_or_nothing);
  CHECK_EQ(ParseFor(Api::kV2, "bucket=db/rp").value().params.retention_policy, "rp");
  CHECK_EQ(ParseFor(Api::kV2, "bucket=db/", "week").value().params.retention_policy, "week");
  CHECK_EQ(ParseFor(Api::kV2, "bucket=db/a/b").value().params.retention_policy, "a/b");
}

TEST_CASE("write parameters: a bucket is read as InfluxDB 1.8 reads it, or kept whole") {
  struct Row {
    const char* bucket;
    const char* by_databases;  // "-": refused.
    const char* whole;
  };
  for (const Row& row :
       {Row{"db", "db|", "db|"}, Row{"db/rp", "db|rp", "db|rp"}, Row{"db/", "db|", "db/|"},
        Row{"db//", "db|/", "db|/"}, Row{"db/a/b", "db|a/b", "db|a/b"},
        Row{"db/a/", "db|a/", "db|a/"}, Row{"/x", "-", "/x|"}, Row{"//", "-", "//|"},
        Row{"/x/", "-", "/x/|"}, Row{"/", "-", "/|"}, Row{"", "-", "-"}}) {
    CAPTURE(row.bucket);
    const auto read = [&row](BucketNames buckets, const std::string& policy = "") {
      const std::string query = std::string("bucket=") + row.bucket;
      const QueryParameters parameters = QueryParameters::Parse(query).value();
      const Result<WriteQuery> parsed = ParseWriteQuery(Api::kV2, parameters, policy, buckets);
      if (!parsed.ok()) {
        CHECK_EQ(parsed.error().code(), ErrorCode::kNotFound);
        return std::string("-");
      }
      return parsed.value().params.database + "|" + parsed.value().params.retention_policy;
    };
    CHECK_EQ(read(BucketNames::kOfDatabases), row.by_databases);
    CHECK_EQ(read(BucketNames::kWhole), row.whole);
    // A listener's policy is for writes without one, to a database.
    std::string with_policy = row.by_databases;
    if (with_policy.ends_with('|')) with_policy += "week";
    CHECK_EQ(read(BucketNames::kWhole, "week"), with_policy);
  }
}

TEST_CASE("write parameters: v3 has its own words, and guesses times that nobody explained") {
  const WriteQuery guessed = ParseFor(Api::kV3, "db=d").value();
  CHECK(guessed.guess_times);
  CHECK_FALSE(guessed.all_or_nothing);
  CHECK_EQ(guessed.params.api, Api::kV3);
  CHECK(ParseFor(Api::kV3, "db=d&precision=auto").value().guess_times);
  struct Row {
    const char* text;
    Precision precision;
  };
  for (const Row& row :
       {Row{"second", Precision::kSecond}, Row{"s", Precision::kSecond},
        Row{"millisecond", Precision::kMillisecond}, Row{"ms", Precision::kMillisecond},
        Row{"microsecond", Precision::kMicrosecond}, Row{"us", Precision::kMicrosecond},
        Row{"nanosecond", Precision::kNanosecond}, Row{"ns", Precision::kNanosecond},
        Row{"n", Precision::kNanosecond}}) {
    CAPTURE(row.text);
    const WriteQuery query = ParseFor(Api::kV3, std::string("db=d&precision=") + row.text).value();
    CHECK_EQ(query.params.precision, row.precision);
    CHECK_FALSE(query.guess_times);
  }
  CHECK(ParseFor(Api::kV3, "db=d&accept_partial=false&no_sync=true").value().all_or_nothing);
}

TEST_CASE("write parameters: what v2 and v3 do not know is refused") {
  for (const char* query : {"", "bucket=", "bucket=/rp", "bucket=d&precision=m",
                            "bucket=d&precision=u", "bucket=a%0ab"}) {
    CAPTURE(query);
    CHECK(!ParseFor(Api::kV2, query).ok());
  }
  for (const char* query :
       {"", "db=", "db=d&precision=minute", "db=d&accept_partial=1", "db=d&no_sync=perhaps"}) {
    CAPTURE(query);
    CHECK(!ParseFor(Api::kV3, query).ok());
  }
}

TEST_CASE("write parameters: us on v1 may be nanoseconds, which the numbers tell") {
  CHECK(ParseFor(Api::kV1, "db=d&precision=us").value().may_be_nanoseconds);
  CHECK(ParseFor(Api::kV1, "db=d&precision=us").value().params.precision ==
        Precision::kMicrosecond);
  CHECK_FALSE(ParseFor(Api::kV1, "db=d&precision=u").value().may_be_nanoseconds);
  CHECK_FALSE(ParseFor(Api::kV2, "bucket=d&precision=us").value().may_be_nanoseconds);
  CHECK(EndsWithNanoseconds("m v=1 1\nm v=1 1700000000000000000\r\n"));
  CHECK(EndsWithNanoseconds("m v=1 -1700000000000000000"));
  CHECK_FALSE(EndsWithNanoseconds("m v=1 1700000000000000\n"));
  CHECK_FALSE(EndsWithNanoseconds("m v=1\n"));
  CHECK_FALSE(EndsWithNanoseconds(""));
}

TEST_CASE("write parameters: consistency levels are read in any case") {
  CHECK(ParseConsistency("ANY").value() == Consistency::kLog);
  CHECK(ParseConsistency("One").value() == Consistency::kOne);
  CHECK(ParseConsistency("ALL").value() == Consistency::kAll);
  CHECK(ParseConsistency("Quorum").value() == Consistency::kQuorum);
  CHECK_FALSE(ParseConsistency("most").ok());
}

TEST_CASE("write parameters: consistency is for v1") {
  CHECK(ParseFor(Api::kV1, "db=d").value().consistency == Consistency::kLog);
  CHECK(ParseFor(Api::kV1, "db=d&consistency=any").value().consistency == Consistency::kLog);
  CHECK(ParseFor(Api::kV1, "db=d&consistency=one").value().consistency == Consistency::kOne);
  CHECK(ParseFor(Api::kV1, "db=d&consistency=quorum").value().consistency == Consistency::kQuorum);
  CHECK(ParseFor(Api::kV1, "db=d&consistency=all").value().consistency == Consistency::kAll);
}

}  // namespace
}  // namespace relay::test::relay_ingest_write_params_test
