#include "replay/query/json_scanner.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::unit_replay_query_json_scanner_test {
namespace {

TEST_CASE("json scanner: strings with every escape, and numbers without loss") {
  JsonScanner json(R"( [ "a\"\\\/\b\n\u00e9\ud83d\ude00" , 0.1,-1e300, null ] )");
  json.Expect('[');
  CHECK_EQ(json.String(), "a\"\\/\b\n\xc3\xa9\xf0\x9f\x98\x80");
  CHECK(json.Try(','));
  CHECK_EQ(json.Number(), 0.1);
  CHECK(json.Try(','));
  CHECK_EQ(json.Number(), -1e300);
  json.Expect(',');
  CHECK_FALSE(json.Number().has_value());
  CHECK_FALSE(json.Try(','));
  json.Expect(']');
  CHECK(json.ok());
}

TEST_CASE("json scanner: text that ends early or is of another form is told") {
  for (const std::string text : {"", "\"", "\"a", "\"\\", "\"\\u12", "\"\\uzzzz\"", "1", "x"}) {
    JsonScanner json(text);
    json.String();
    CHECK_FALSE(json.ok());
  }
  JsonScanner word("true");
  word.Number();
  CHECK_FALSE(word.ok());
  JsonScanner other("}");
  other.Expect('{');
  CHECK_FALSE(other.ok());
}

}  // namespace
}  // namespace relay::test::unit_replay_query_json_scanner_test
