#include "relay/influxql/reading.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::relay_influxql_reading_test {
namespace {

bool OnlyReads(std::string_view text) {
  const Result<ReadingText> read = ReadReading(text);
  CAPTURE(text);
  REQUIRE(read.ok());
  return read.value().only_reads;
}

std::set<std::string> DatabasesOf(std::string_view text) {
  return ReadReading(text).value().databases;
}

TEST_CASE("reading: SELECT, SHOW and EXPLAIN only read") {
  for (const std::string_view text :
       {"SELECT v FROM m", "select mean(v) from m where time > now() - 1h group by time(1m), h",
        "SHOW DATABASES", "SHOW TAG VALUES FROM m WITH KEY =~ /h.*/", "EXPLAIN ANALYZE SELECT 1",
        "SELECT v FROM m; SHOW MEASUREMENTS", "SELECT \"into\" FROM \"INTO\" WHERE h = 'into'",
        "SELECT v FROM /cpu|mem/ WHERE h =~ /^it's \"it\\/x$/ -- INTO x",
        "SELECT /v.*/ FROM m WHERE a / b > 2 /* INTO x */",
        "SELECT a / b FROM m GROUP BY /h.*/, t"}) {
    CHECK(OnlyReads(text));
  }
}

TEST_CASE("reading: whatever may change something is not taken for a statement that reads") {
  for (const std::string_view text :
       {"", ";", "CREATE DATABASE d", "DROP DATABASE d", "DELETE FROM m", "KILL QUERY 1",
        "SELECT v INTO n FROM m", "select v into n from m", "SELECT v FROM m; DROP SERIES FROM m",
        "EXPLAIN SELECT v INTO n FROM m", "SELECT v INTO db.rp.:MEASUREMENT FROM /.*/",
        "SELECT a / b INTO n FROM m WHERE c / d > 1", "SELECT f(/ b INTO x FROM c /) FROM m",
        "SELECT v/**/INTO/**/n FROM m", "ALTER RETENTION POLICY p ON d DEFAULT", "GRANT ALL TO u",
        "SET PASSWORD FOR u = 'x'"}) {
    CHECK_FALSE(OnlyReads(text));
  }
}

TEST_CASE("reading: the databases that a text names are those of its sources and of ON") {
  using Names = std::set<std::string>;
  CHECK_EQ(DatabasesOf("SELECT v FROM m"), Names{});
  CHECK_EQ(DatabasesOf("SELECT v FROM rp.m"), Names{});
  CHECK_EQ(DatabasesOf("SELECT v FROM d.rp.m, \"e\"..n"), Names{"d", "e"});
  CHECK_EQ(DatabasesOf("SELECT v FROM \"d x\".\"rp\"./m.*/"), Names{"d x"});
  CHECK_EQ(DatabasesOf("SELECT x FROM (SELECT v FROM d..m); SHOW SERIES ON e"), Names{"d", "e"});
  CHECK_EQ(DatabasesOf("SHOW TAG KEYS ON \"d\" FROM m"), Names{"d"});
  CHECK_EQ(DatabasesOf("SELECT v FROM m WHERE x > 1.5 AND h = 'a.b.c'"), Names{});
}

TEST_CASE("reading: what is shown of the server is told apart from what is stored") {
  for (const std::string_view text :
       {"SHOW DATABASES", "SHOW USERS", "SHOW STATS", "SHOW CONTINUOUS QUERIES", "SHOW",
        "SELECT v FROM m; SHOW GRANTS FOR u"}) {
    CAPTURE(text);
    CHECK(ReadReading(text).value().shows_server);
  }
  for (const std::string_view text :
       {"SELECT v FROM m", "SHOW MEASUREMENTS", "SHOW RETENTION POLICIES ON d", "SHOW FIELD KEYS",
        "SHOW SERIES CARDINALITY", "SHOW TAG VALUES WITH KEY = h"}) {
    CAPTURE(text);
    CHECK_FALSE(ReadReading(text).value().shows_server);
  }
}

TEST_CASE("reading: a text whose end is missing is refused with the reason") {
  CHECK_EQ(ReadReading("SELECT v FROM /m").error().message(),
           "error parsing query: unclosed regular expression");
  CHECK_FALSE(ReadReading("SELECT \"v").ok());
}

}  // namespace
}  // namespace relay::test::relay_influxql_reading_test
