#include "relay/influxql/logged_statement.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::relay_influxql_logged_statement_test {
namespace {

// Returns the only statement of `text`, as "database: text".
std::string Understood(const std::string& text, const std::string& database = "metrics") {
  const auto statements = ParseLoggedStatements(text, database);
  if (!statements.ok()) FAIL(text, ": ", statements.error().message());
  REQUIRE_EQ(statements.value().size(), 1);
  return statements.value()[0].database + ": " + statements.value()[0].text;
}

std::string WhyRefused(const std::string& text, const std::string& database = "metrics") {
  const auto statements = ParseLoggedStatements(text, database);
  if (statements.ok()) FAIL(text, " was taken");
  CHECK_EQ(statements.error().code(), ErrorCode::kInvalidInput);
  return statements.error().message();
}

TEST_CASE("statement: statements that change databases and policies are understood") {
  struct Row {
    const char* text;
    const char* understood;
  };
  for (const Row& row : {
           Row{"CREATE DATABASE d", R"(d: CREATE DATABASE "d")"},
           Row{"create  database\n\"a \\\"b\\\\\";", R"(a "b\: CREATE DATABASE "a \"b\\")"},
           Row{"CREATE DATABASE d WITH DURATION 1h30m REPLICATION 1 SHARD DURATION 30m NAME week",
               R"(d: CREATE DATABASE "d" WITH DURATION 1h30m REPLICATION 1 SHARD DURATION 30m )"
               R"(NAME "week")"},
           Row{"CREATE DATABASE d -- comment", R"(d: CREATE DATABASE "d")"},
           Row{"CREATE DATABASE /* d */ e", R"(e: CREATE DATABASE "e")"},
           Row{"DROP DATABASE d", R"(d: DROP DATABASE "d")"},
           Row{"CREATE RETENTION POLICY p ON d DURATION INF REPLICATION 1 DEFAULT",
               R"(d: CREATE RETENTION POLICY "p" ON "d" DURATION INF REPLICATION 1 DEFAULT)"},
           Row{"ALTER RETENTION POLICY p ON d SHARD DURATION 2w",
               R"(d: ALTER RETENTION POLICY "p" ON "d" SHARD DURATION 2w)"},
           Row{"ALTER RETENTION POLICY p ON d DEFAULT",
               R"(d: ALTER RETENTION POLICY "p" ON "d" DEFAULT)"},
           Row{"DROP RETENTION POLICY p ON d", R"(d: DROP RETENTION POLICY "p" ON "d")"},
       }) {
    CAPTURE(row.text);
    CHECK_EQ(Understood(row.text), row.understood);
  }
}

TEST_CASE("statement: deletions are understood, in the database that the request names") {
  CHECK_EQ(Understood("DROP MEASUREMENT \"my m\""), R"(metrics: DROP MEASUREMENT "my m")");
  CHECK_EQ(Understood("DROP SERIES FROM m WHERE host='a' AND (region != 'x' or t <> 'it\\'s')"),
           R"(metrics: DROP SERIES FROM "m" WHERE "host" = 'a' AND ( "region" != 'x' OR "t" <> )"
           R"('it\'s' ))");
  CHECK_EQ(Understood("DELETE WHERE time<'2026-01-01T00:00:00Z'"),
           R"(metrics: DELETE WHERE "time" < '2026-01-01T00:00:00Z')");
  CHECK_EQ(Understood("DELETE FROM m WHERE time >= 5 AND time <= 10s"),
           R"(metrics: DELETE FROM "m" WHERE "time" >= 5 AND "time" <= 10s)");
}

TEST_CASE("statement: a parsed statement is parsed the same again") {
  for (const char* text :
       {"CREATE DATABASE \"a\\nb\"", "DELETE FROM \"m\\\\\" WHERE \"t x\" = '\\\\ \\n'"}) {
    const auto once = ParseLoggedStatements(text, "d");
    REQUIRE(once.ok());
    CHECK_EQ(once.value()[0].text.find('\n'), std::string::npos);
    CHECK_EQ(Understood(once.value()[0].text, "d"),
             once.value()[0].database + ": " + once.value()[0].text);
  }
}

TEST_CASE("statement: several are taken in their order, or none") {
  const auto statements =
      ParseLoggedStatements("CREATE DATABASE a; ;DROP DATABASE b; DROP MEASUREMENT m;", "c");
  REQUIRE(statements.ok());
  REQUIRE_EQ(statements.value().size(), 3);
  CHECK_EQ(statements.value()[0].database, "a");
  CHECK_EQ(statements.value()[1].database, "b");
  CHECK_EQ(statements.value()[2].database, "c");
  WhyRefused("CREATE DATABASE a; DROP USER u");
}

TEST_CASE("statement: one that would mean something else later, or is unknown, is refused") {
  for (const char* text : {
           "DELETE WHERE time < now()",
           "DELETE WHERE time < now() - 1h",
           "DELETE FROM m WHERE time < 5 - 3",
           "DELETE",
           "DELETE FROM",
           "DELETE FROM /m.*/",
           "DELETE FROM a, b",
           "DELETE FROM d..m",
           "DELETE FROM m WHERE host =~ /x/",
           "DELETE FROM m WHERE host",
           "DELETE FROM m WHERE host = 'a' AND",
           "DELETE FROM m WHERE (host = 'a'",
           "DELETE FROM m WHERE host = 'a')",
           "DELETE FROM m WHERE host = 'a' LIMIT 5",
           "DELETE FROM m WHERE time < 10y",
           "DELETE FROM m WHERE v = 1.5",
           "DROP SERIES",
           "DROP MEASUREMENT",
           "DROP MEASUREMENT m n",
           "DROP MEASUREMENT ''",
           "DROP MEASUREMENT \"\"",
           "DROP SHARD 5",
           "DROP USER u",
           "CREATE DATABASE",
           "CREATE DATABASE 5",
           "CREATE DATABASE d WITH",
           "CREATE DATABASE d WITH NAME",
           "CREATE DATABASE d WITH DURATION x",
           "CREATE DATABASE d /* comment",
           "CREATE DATABASE d - comment",
           "CREATE DATABASE \"a\tb\"",
           "CREATE DATABASE \"d",
           "CREATE DATABASE \"d\\x\"",
           "CREATE RETENTION POLICY p ON d DURATION 1d",
           "CREATE RETENTION POLICY p ON d REPLICATION 1 DURATION 1d",
           "CREATE RETENTION POLICY p DURATION 1d REPLICATION 1",
           "ALTER RETENTION POLICY p ON d",
           "CREATE USER u WITH PASSWORD 'hunter2'",
           "SELECT * INTO a FROM b",
           "SELECT * FROM b",
           "GRANT ALL TO u",
           "KILL QUERY 1",
           "",
           ";;",
       }) {
    CAPTURE(text);
    CHECK_EQ(WhyRefused(text).find("hunter2"), std::string::npos);
  }
  CHECK_EQ(WhyRefused("DROP MEASUREMENT m", ""), "error parsing query: database is required");
  CHECK_EQ(WhyRefused("DELETE FROM m WHERE time < now()"),
           "error parsing query: after DELETE FROM \"m\" WHERE \"time\" < expected a string, a "
           "whole number or a duration (what depends on now() cannot be replayed)");
}

TEST_CASE("statement: parentheses and texts without end are refused") {
  WhyRefused("DELETE WHERE " + std::string(10'000, '('));
  WhyRefused("CREATE DATABASE \"" + std::string(70'000, 'x') + "\"");
  std::string many;
  for (int i = 0; i <= 100; ++i) many += "DROP DATABASE d;";
  WhyRefused(many);
}

TEST_CASE("statement: it is stored as a record of one line in a lane of its own") {
  const Record record = RecordOf(ParseLoggedStatements("DROP DATABASE d", "").value().front());
  CHECK(record.params.api == Api::kStatement);
  CHECK_EQ(record.params.database, "d");
  CHECK_EQ(record.params.retention_policy, kStatementsPolicy);
  CHECK_EQ(record.points, 1);
  CHECK_EQ(record.lines, "DROP DATABASE \"d\"\n");
}

}  // namespace
}  // namespace relay::test::relay_influxql_logged_statement_test
