#include "relay/influxql/lexer.h"

#include <doctest/doctest.h>

#include <string>

#include "relay/influxql/logged_statement.h"
#include "relay/influxql/show_and_create.h"

namespace relay::test::relay_influxql_lexer_test {
namespace {

using Kind = InfluxQlToken::Kind;

// The tokens of a text, each in <>, statements separated by a bar.
std::string Tokens(std::string_view text) {
  const auto statements = ReadInfluxQl(text, 3);
  if (!statements.ok()) return statements.error().message();
  std::string shown;
  for (const InfluxQlStatement& statement : statements.value()) {
    if (!shown.empty()) shown += '|';
    for (const InfluxQlToken& token : statement) shown += "<" + token.text + ">";
  }
  return shown;
}

TEST_CASE("influxql: words, names, strings, numbers and signs are told apart") {
  const auto statements = ReadInfluxQl("a1 \"b\" 'c' 1h30m >=.", 1);
  REQUIRE(statements.ok());
  REQUIRE_EQ(statements.value().size(), 1);
  const InfluxQlStatement& all = statements.value().front();
  REQUIRE_EQ(all.size(), 6);
  const Kind kinds[] = {Kind::kWord,   Kind::kName, Kind::kString,
                        Kind::kNumber, Kind::kSign, Kind::kSign};
  const char* const texts[] = {"a1", "b", "c", "1h30m", ">=", "."};
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(all[i].kind == kinds[i]);
    CHECK_EQ(all[i].text, texts[i]);
  }
}

TEST_CASE("influxql: comments are blanks, but not within quotes") {
  CHECK_EQ(Tokens("SHOW--x\nDATABASES -- y"), "<SHOW><DATABASES>");
  CHECK_EQ(Tokens("a--b"), "<a>");
  CHECK_EQ(Tokens("a -- b\rc"), "<a><c>");  // A carriage return ends a line too.
  CHECK_EQ(Tokens("a -- b; c"), "<a>");
  CHECK_EQ(Tokens("a/* b\n; */c/**/d/***/e /*/ f */"), "<a><c><d><e>");
  CHECK_EQ(Tokens("/* -- */ a"), "<a>");
  CHECK_EQ(Tokens("\"a--b\" 'c/*d*/'"), "<a--b><c/*d*/>");
  CHECK_EQ(Tokens("a - -b / *c"), "<a><-><-><b></><*><c>");
}

TEST_CASE("influxql: a text without end is refused") {
  CHECK_EQ(Tokens("a /* b"), "error parsing query: unclosed comment");
  CHECK_EQ(Tokens("a /*/"), "error parsing query: unclosed comment");
  const std::string quotes =
      "error parsing query: bad string: unclosed quotes or a control character";
  CHECK_EQ(Tokens("\"a"), quotes);
  CHECK_EQ(Tokens("'a\nb'"), quotes);
  CHECK_EQ(Tokens(std::string(70'000, 'x')),
           "error parsing query: the query is longer than 64 KiB");
}

TEST_CASE("influxql: quotes have the escapes of InfluxDB, and no others") {
  CHECK_EQ(Tokens(R"("a\"b\'c\\d\ne")"), "<a\"b'c\\d\ne>");
  CHECK_EQ(Tokens(R"('a\"b\'c')"), "<a\"b'c>");
  CHECK_EQ(Tokens(R"("a\x")"), "error parsing query: unknown escape");
}

TEST_CASE("influxql: statements are separated by semicolons; empty ones are none") {
  CHECK_EQ(Tokens("; a ;; b;"), "<a>|<b>");
  CHECK_EQ(Tokens("a;b;c;"), "<a>|<b>|<c>");
  CHECK_EQ(Tokens("a;b;c;d"), "error parsing query: the query has more than 3 statements");
  CHECK_EQ(Tokens(" -- nothing"), "");
}

TEST_CASE("influxql: what becomes of CREATE DATABASE does not depend on whether it is logged") {
  struct Row {
    const char* text;
    const char* database;  // Empty: refused, as by InfluxDB.
  };
  for (const Row& row : {
           Row{"CREATE DATABASE d -- comment", "d"},
           Row{"-- comment\nCREATE DATABASE d", "d"},
           Row{"CREATE/* a */DATABASE/* b */d", "d"},
           Row{"CREATE DATABASE d-- comment; DROP DATABASE d", "d"},
           Row{"CREATE DATABASE \"a--b\"", "a--b"},
           Row{R"(CREATE DATABASE "a\'b")", "a'b"},
           Row{"CREATE DATABASE d WITH /* x */ DURATION 1d", "d"},
           Row{"CREATE DATABASE /* d", ""},
           Row{R"(CREATE DATABASE "a\x")", ""},
           Row{"CREATE\vDATABASE d", ""},
           Row{"CREATE DATABASE - d", ""},
           Row{"CREATE DATABASE 1d", ""},
           Row{"CREATE DATABASE 'd'", ""},
       }) {
    CAPTURE(row.text);
    const auto logged = ParseLoggedStatements(row.text, "");
    const auto answered = ParseQueryStatements(row.text);
    REQUIRE_EQ(logged.ok(), *row.database != '\0');
    REQUIRE_EQ(answered.ok(), *row.database != '\0');
    if (!logged.ok()) continue;
    REQUIRE_EQ(logged.value().size(), 1);
    REQUIRE_EQ(answered.value().size(), 1);
    CHECK_EQ(logged.value().front().database, row.database);
    CHECK_EQ(answered.value().front().database, row.database);
  }
}

}  // namespace
}  // namespace relay::test::relay_influxql_lexer_test
