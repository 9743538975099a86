#include "relay/influxql/show_and_create.h"

#include <doctest/doctest.h>

namespace relay::test::relay_influxql_show_and_create_test {
namespace {

using Kind = QueryStatement::Kind;

std::vector<std::string> Created(std::string_view text) {
  const auto statements = ParseQueryStatements(text);
  if (!statements.ok()) return {"error: " + statements.error().message()};
  std::vector<std::string> names;
  for (const QueryStatement& statement : statements.value()) {
    names.push_back(statement.kind == Kind::kCreateDatabase ? statement.database : "SHOW");
  }
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("query statements: what clients send before they write is known") {
  CHECK_EQ(Created("CREATE DATABASE telegraf"), Names{"telegraf"});
  CHECK_EQ(Created("create database \"my \\\"db\\\"\" ;"), Names{"my \"db\""});
  CHECK_EQ(Created("CREATE DATABASE d WITH DURATION 3d REPLICATION 1 NAME \"three days\""),
           Names{"d"});
  CHECK_EQ(Created("SHOW DATABASES"), Names{"SHOW"});
  CHECK_EQ(Created("-- a comment\nSHOW DATABASES; CREATE DATABASE a;\n;CREATE DATABASE b"),
           Names{"SHOW", "a", "b"});
  CHECK_EQ(Created(""), Names{});
  CHECK_EQ(Created(" ; ;"), Names{});
}

TEST_CASE(
    "query statements: anything else is refused, and never repeated but for its first words") {
  for (const char* text :
       {"SELECT * FROM cpu", "DROP DATABASE telegraf", "SHOW DATABASES x", "SHOW", "CREATE",
        "CREATE DATABASE", "CREATE DATABASE 'd'", "CREATE DATABASE 1d", "CREATE DATABASE \"\"",
        "CREATE DATABASE a b", "CREATE DATABASE \"a", "CREATE DATABASE \"a\nb\"",
        "CREATE DATABASE a; DROP DATABASE b", "\"SHOW\" DATABASES", "/"}) {
    CAPTURE(text);
    CHECK(!ParseQueryStatements(text).ok());
  }
  const auto refused = ParseQueryStatements("CREATE USER ada WITH PASSWORD 'canary'");
  REQUIRE(!refused.ok());
  CHECK_NE(refused.error().message().find("not CREATE USER ada ..."), std::string::npos);
  CHECK_EQ(refused.error().message().find("canary"), std::string::npos);
}

TEST_CASE("query statements: a text that only shows is told from one that changes something") {
  for (const char* text :
       {"SHOW DATABASES", "-- why\nshow databases;", "/* a */ SHOW x; SHOW y", ";;", "-- only"}) {
    CAPTURE(text);
    CHECK(OnlyShows(text));
  }
  for (const char* text : {"CREATE DATABASE d", "SHOW DATABASES; CREATE DATABASE d", "SHOWS",
                           "SHOW DATABASES \"x", "/* SHOW */ DROP DATABASE d"}) {
    CAPTURE(text);
    CHECK_FALSE(OnlyShows(text));
  }
}

TEST_CASE("query statements: a flood of them is refused") {
  std::string flood;
  for (int i = 0; i < 200; ++i) flood += "SHOW DATABASES;";
  CHECK(!ParseQueryStatements(flood).ok());
  CHECK(!ParseQueryStatements("CREATE DATABASE " + std::string(600, 'x')).ok());
}

}  // namespace
}  // namespace relay::test::relay_influxql_show_and_create_test
