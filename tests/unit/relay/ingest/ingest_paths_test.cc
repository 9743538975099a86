#include "relay/ingest/ingest_paths.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::relay_ingest_ingest_paths_test {
namespace {

TEST_CASE("ingest paths: each is found under the forms that clients have for it") {
  for (const IngestPath& path : IngestPaths()) {
    const std::string plain(path.path);
    for (const std::string& form :
         {plain, plain + "/", "/" + plain, "/influx" + plain, "/influx/" + plain + "/",
          "/metrics/in" + plain, "/metrics/in/influx" + plain + "/"}) {
      CAPTURE(form);
      CHECK_EQ(FindIngestPath(form, "/metrics/in").path, &path);
    }
    CHECK_EQ(FindIngestPath("/metrics/in" + plain, "").path, nullptr);
    CHECK_EQ(FindIngestPath(plain + "x", "").path, nullptr);
    CHECK_EQ(FindIngestPath(plain + "/x", "").path, nullptr);
  }
}

TEST_CASE("ingest paths: a query with its statements in the target needs no body, a write does") {
  CHECK(HasStatementsInTarget("/query?q=CREATE+DATABASE+d"));
  CHECK(HasStatementsInTarget("/influx/query?db=d&q=SHOW+DATABASES"));
  CHECK_FALSE(HasStatementsInTarget("/query"));
  CHECK_FALSE(HasStatementsInTarget("/query?db=d&qq=x"));
  CHECK_FALSE(HasStatementsInTarget("/write?db=d&q=x"));
}

TEST_CASE("ingest paths: what answers GET answers HEAD, and every path OPTIONS") {
  for (const IngestPath& path : IngestPaths()) {
    const FoundIngestPath found{&path, path.api};
    CAPTURE(path.path);
    CHECK_EQ(found.Allows("GET"), found.Allows("HEAD"));
    CHECK(found.Allows("OPTIONS"));
    CHECK_FALSE(found.Allows("DELETE"));
    CHECK_FALSE(found.Allows("E"));
    CHECK_FALSE(found.Allows(""));
  }
}

TEST_CASE("ingest paths: errors of an unknown path have the form of the API that it resembles") {
  CHECK(FindIngestPath("/api/v2/buckets", "").api == Api::kV2);
  CHECK(FindIngestPath("/p/influx/api/v2/buckets", "/p").api == Api::kV2);
  CHECK(FindIngestPath("/api/v3/query_sql", "").api == Api::kV3);
  CHECK(FindIngestPath("/nothing", "").api == Api::kV1);
}

}  // namespace
}  // namespace relay::test::relay_ingest_ingest_paths_test
