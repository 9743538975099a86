#include "config/schema/name_pattern.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::config_schema_name_pattern_test {
namespace {

bool Matches(std::string_view pattern, std::string_view name) {
  return NamePattern::Parse(pattern).value().Matches(name);
}

TEST_CASE("name pattern: between slashes it is a regular expression, found anywhere in the name") {
  CHECK(Matches("/^cpu[0-9]+$/", "cpu12"));
  CHECK_FALSE(Matches("/^cpu[0-9]+$/", "cpu"));
  CHECK(Matches("/pu/", "cpu12"));
  CHECK(Matches("/^(eu|us)-/", "us-east"));
  CHECK(Matches("/(?i)^CPU$/", "cpu"));
  CHECK(Matches("/a/b/", "xa/by"));
  CHECK(Matches("/^$/", ""));
}

TEST_CASE("name pattern: anything else is a name with stars") {
  CHECK(Matches("cpu*", "cpu12"));
  CHECK_FALSE(Matches("cpu.*", "cpu12"));
  CHECK(Matches("/", "/"));
  CHECK(Matches("//", "//"));
  CHECK(Matches("/var/log", "/var/log"));
  CHECK(Matches("", ""));
}

TEST_CASE("name pattern: an expression that RE2 does not accept is refused with the reason") {
  const auto refused = NamePattern::Parse("/(/");
  REQUIRE(!refused.ok());
  CHECK_EQ(refused.error().message(), "expected a regular expression of RE2: missing ): (");
  CHECK(!NamePattern::Parse("/(?=x)/").ok());
  CHECK(!NamePattern::Parse("/(a)\\1/").ok());
}

TEST_CASE("name pattern: the time for an expression is proportional to the name") {
  CHECK_FALSE(Matches("/^(a*)*(a*)*$/", std::string(100'000, 'a') + "b"));
}

TEST_CASE("name pattern: a tag's pattern names the tag in front of the first equals sign") {
  const TagPattern region = TagPattern::Parse("region=eu*").value();
  CHECK_EQ(region.tag, "region");
  CHECK(region.value.Matches("eu-west"));
  CHECK(TagPattern::Parse("x=/^a=b$/").value().value.Matches("a=b"));
  CHECK(TagPattern::Parse("x=").value().value.Matches(""));
  CHECK(!TagPattern::Parse("=a").ok());
  CHECK(!TagPattern::Parse("region").ok());
  CHECK(!TagPattern::Parse("region=/[/").ok());
}

}  // namespace
}  // namespace relay::test::config_schema_name_pattern_test
