#include "relay/queries/flux.h"

#include <doctest/doctest.h>

namespace relay::test::relay_queries_flux_test {
namespace {

using Names = std::set<std::string>;

TEST_CASE("flux: the buckets that a text names are its databases") {
  CHECK_EQ(ReadFlux(R"(from(bucket: "d/week") |> range(start: -1h))").databases, Names{"d"});
  CHECK_EQ(ReadFlux(R"(a = from(bucket:"d") b = from(bucket:"e/x"))").databases, Names{"d", "e"});
  CHECK_EQ(ReadFlux("// bucket: \"x\"\nfrom(bucket: \"d\")").databases, Names{"d"});
}

TEST_CASE("flux: a bucket that begins or ends with a slash may be one that is kept whole") {
  const auto databases = [](const char* text) { return ReadFlux(text).databases; };
  CHECK_EQ(databases("from(bucket: \"d/\")"), Names{"d", "d/"});
  CHECK_EQ(databases("from(bucket: \"/x\")"), Names{"/x"});
  CHECK_EQ(databases("from(bucket: \"d/a/b\")"), Names{"d"});
}

TEST_CASE("flux: of a text with a bucket that is not written there, no database is known") {
  CHECK(ReadFlux(R"(from(bucket: "d") from(bucket: name))").databases.empty());
  CHECK(ReadFlux(R"(from(bucket: "d") from(bucketID: "00f"))").databases.empty());
  CHECK(ReadFlux("buckets()").databases.empty());
}

TEST_CASE("flux: a text that may write is told from one that only reads") {
  for (const auto* text : {R"(from(bucket: "d") |> to(bucket: "e"))", R"(f = to)",
                           R"(x |> experimental.to(bucket: b))", R"(x |> wideTo(bucket: "e"))",
                           R"(http.post(url: "u"))"}) {
    CAPTURE(text);
    CHECK(ReadFlux(text).may_write);
  }
  for (const auto* text : {R"f(from(bucket: "to(x)") |> range(start: -1h))f",
                           R"(x |> f(to: 1) |> total() |> tomorrow // to(x))"}) {
    CAPTURE(text);
    CHECK_FALSE(ReadFlux(text).may_write);
  }
}

}  // namespace
}  // namespace relay::test::relay_queries_flux_test
