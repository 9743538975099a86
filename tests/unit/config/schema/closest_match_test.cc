#include "config/schema/closest_match.h"

#include <doctest/doctest.h>

namespace relay::test::config_schema_closest_match_test {
namespace {

const std::vector<std::string> kKnown = {"name",     "url",           "username",
                                         "password", "password_file", "timeout"};

TEST_CASE("nearest: a slip of the keyboard finds the word that was meant") {
  struct Row {
    const char* word;
    const char* meant;
  };
  for (const Row& row : {
           Row{"nane", "name"},
           Row{"uri", "url"},
           Row{"time-out", "timeout"},
           Row{"pasword", "password"},
           Row{"passwordfile", "password_file"},
           Row{"user", "username"},
           Row{"usernames", "username"},
       }) {
    CAPTURE(row.word);
    CHECK_EQ(ClosestMatch(row.word, kKnown), std::optional<std::string>(row.meant));
  }
}

TEST_CASE("nearest: a word of another kind finds nothing") {
  for (const std::string& word :
       {std::string(), std::string("tls"), std::string("only"), std::string(1000, 'u')}) {
    CAPTURE(word);
    CHECK_EQ(ClosestMatch(word, kKnown), std::nullopt);
  }
  CHECK_EQ(ClosestMatch("name", {}), std::nullopt);
}

}  // namespace
}  // namespace relay::test::config_schema_closest_match_test
