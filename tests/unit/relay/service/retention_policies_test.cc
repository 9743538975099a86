#include "relay/service/retention_policies.h"

#include <doctest/doctest.h>

namespace relay::test::relay_service_retention_policies_test {
namespace {

// The answer of influxd 1.6.7.
constexpr const char* kAnswer =
    R"({"results":[{"statement_id":0,"series":[{"columns":["name","duration",)"
    R"("shardGroupDuration","replicaN","default"],"values":[)"
    R"(["autogen","0s","168h0m0s",1,true],["month","720h0m0s","24h0m0s",1,false],)"
    R"(["odd","1h; DROP DATABASE d","24h0m0s",1,false]]}]}]})";

TEST_CASE("retention policies: the durations are read from a server's answer") {
  CHECK(PolicyIn(kAnswer, "month") ==
        PolicyForm{.duration = "720h0m0s", .shard_duration = "24h0m0s"});
  CHECK(PolicyIn(kAnswer, "autogen") ==
        PolicyForm{.duration = "INF", .shard_duration = "168h0m0s"});
}

TEST_CASE("retention policies: what is no such answer, or no duration, is nothing") {
  CHECK_FALSE(PolicyIn(kAnswer, "absent"));
  CHECK_FALSE(PolicyIn(kAnswer, "odd"));
  for (const char* answer :
       {"", "<html>", "[]", R"({"results":[{"error":"database not found: d"}]})",
        R"({"results":[{"series":[{"columns":["name"],"values":[["month"]]}]}]})",
        R"({"results":[{"series":[{"columns":["duration","name"],"values":[["1h"]]}]}]})"}) {
    CAPTURE(answer);
    CHECK_FALSE(PolicyIn(answer, "month"));
  }
}

TEST_CASE("retention policies: the first entry of the configuration that fits is used") {
  Config config;
  config.retention_policies = {{.database = "d", .name = "p", .duration = "1d"},
                               {.database = "", .name = "p", .duration = "2d"}};
  const RetentionPolicies policies(config);
  const auto duration = [&](const std::string& database, const std::string& policy) {
    return policies.Configured({.database = database, .retention_policy = policy}).duration;
  };
  CHECK_EQ(duration("d", "p"), "1d");
  CHECK_EQ(duration("e", "p"), "2d");
  CHECK_EQ(duration("e", "q"), "INF");
}

}  // namespace
}  // namespace relay::test::relay_service_retention_policies_test
