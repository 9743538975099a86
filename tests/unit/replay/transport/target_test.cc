#include "replay/transport/target.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "replay/transport/create_database.h"

namespace relay::test::replay_transport_target_test {
namespace {

using enum Precision;

const WriteParams kParams{
    .database = "my db", .retention_policy = "", .precision = Precision::kSecond};

WriteParams With(Precision precision) {
  return {.database = "d", .retention_policy = "r", .precision = precision};
}

TEST_CASE("target: a v1 write names database, policy and precision as all of its API know them") {
  CHECK_EQ(WritePath({}, kParams), "/write?db=my%20db&precision=s");
  CHECK_EQ(WritePath({.path_prefix = "/influx"}, {.database = "d&x=y", .retention_policy = "a+b%"}),
           "/influx/write?db=d%26x%3Dy&rp=a%2Bb%25&precision=ns");
  const std::vector<std::string> words = {"ns", "u", "ms", "s", "m", "h"};
  for (std::size_t i = 0; i < words.size(); ++i) {
    CHECK_EQ(WritePath({}, With(static_cast<Precision>(i))),
             "/write?db=d&rp=r&precision=" + words[i]);
  }
}

TEST_CASE(
    "target: a v2 write goes to the bucket db/rp, or db, in the organisation if there is one") {
  const Target v2{.api = Api::kV2};
  CHECK_EQ(WritePath(v2, kParams), "/api/v2/write?bucket=my%20db&precision=s");
  CHECK_EQ(WritePath({.api = Api::kV2, .org = "a&b"}, With(kNanosecond)),
           "/api/v2/write?bucket=d%2Fr&org=a%26b&precision=ns");
  CHECK(WritePath(v2, With(kMicrosecond)).ends_with("&precision=us"));
  CHECK(WritePath(v2, With(kMillisecond)).ends_with("&precision=ms"));
  CHECK(WritePath(v2, With(kHour)).ends_with("&precision=s"));
}

TEST_CASE("target: a v3 write says its precision in full words") {
  const Target v3{.api = Api::kV3};
  CHECK_EQ(WritePath(v3, kParams), "/api/v3/write_lp?db=my%20db&precision=second");
  CHECK_EQ(WritePath(v3, With(kNanosecond)), "/api/v3/write_lp?db=d%2Fr&precision=nanosecond");
  CHECK(WritePath(v3, With(kMicrosecond)).ends_with("&precision=microsecond"));
  CHECK(WritePath(v3, With(kMillisecond)).ends_with("&precision=millisecond"));
  CHECK(WritePath(v3, With(kMinute)).ends_with("&precision=second"));
}

TEST_CASE("target: a bucket's name is made as configured, once") {
  const auto named = [](const std::string& bucket, const WriteParams& params) {
    return BucketOf({.api = Api::kV2, .bucket = bucket}, params);
  };
  CHECK_EQ(named("", With(kSecond)), "d/r");
  CHECK_EQ(named("", kParams), "my db");
  CHECK_EQ(named("all", With(kSecond)), "all");
  CHECK_EQ(named("{database}_{retention_policy}", With(kSecond)), "d_r");
  CHECK_EQ(named("x-{database}", kParams), "x-my db");
  CHECK_EQ(named("{database}", {.database = "{retention_policy}", .retention_policy = "r"}),
           "{retention_policy}");
  CHECK_EQ(named("{x}{", With(kSecond)), "{x}{");
}

TEST_CASE("target: only precisions that an API lacks are sent in another unit") {
  for (const Precision precision : {kNanosecond, kMicrosecond, kMillisecond, kSecond}) {
    for (const Api api : {Api::kV1, Api::kV2, Api::kV3}) CHECK(SentAs(api, precision) == precision);
  }
  CHECK(SentAs(Api::kV1, kMinute) == kMinute);
  CHECK(SentAs(Api::kV1, kHour) == kHour);
  CHECK(SentAs(Api::kV2, kMinute) == kSecond);
  CHECK(SentAs(Api::kV3, kHour) == kSecond);
}

TEST_CASE("target: timestamps are rescaled exactly, and nothing else of a line") {
  CHECK_EQ(Rescaled("m v=1 7\nm,t=a\\ b v=2i,s=\"x 1\n2 y\" -3\n", kMinute, kSecond).value(),
           "m v=1 420\nm,t=a\\ b v=2i,s=\"x 1\n2 y\" -180\n");
  CHECK_EQ(Rescaled("m v=1 1\n", kHour, kNanosecond).value(), "m v=1 3600000000000\n");
  CHECK_EQ(Rescaled("m v=1 0\n", kHour, kSecond).value(), "m v=1 0\n");
  CHECK_EQ(Rescaled("m v=1 5000\n", kMillisecond, kSecond).value(), "m v=1 5\n");
  CHECK_EQ(Rescaled("m v=1 -5000\n", kMillisecond, kSecond).value(), "m v=1 -5\n");
  CHECK_EQ(Rescaled("m v=1 5001\n", kMillisecond, kMillisecond).value(), "m v=1 5001\n");
}

TEST_CASE(
    "target: a timestamp that would have to be rounded or overflows is refused, by its line") {
  const auto why = [](const std::string& lines, Precision from, Precision to) {
    const Result<std::string> rescaled = Rescaled(lines, from, to);
    REQUIRE(!rescaled.ok());
    CHECK_EQ(rescaled.error().code(), ErrorCode::kInvalidInput);
    return rescaled.error().message();
  };
  CHECK_EQ(why("m v=1 5000\nm v=1 5001\n", kMillisecond, kSecond),
           "line 2: its timestamp cannot be converted to s without rounding");
  // The largest that fits, and one more.
  CHECK(Rescaled("m v=1 153722867280912930\n", kMinute, kSecond).ok());
  why("m v=1 153722867280912931\n", kMinute, kSecond);
  CHECK(Rescaled("m v=1 -153722867280912930\n", kMinute, kSecond).ok());
  why("m v=1 -153722867280912931\n", kMinute, kSecond);
  why("m v=1 9223372036854775808\n", kSecond, kNanosecond);
  why("m v=1\n", kMinute, kSecond);
}

TEST_CASE("target: the command that creates what is missing is quoted for a shell") {
  CHECK_EQ(ShellWord("it's"), "'it'\\''s'");
  WriteParams params{.database = "my \"db\"", .retention_policy = "week"};
  CHECK_EQ(CreateCommand({.api = Api::kV1}, {.url = "http://a:1", .username = "relay"}, params),
           "curl -sS -u 'relay' 'http://a:1/query' --data-urlencode 'q=CREATE DATABASE "
           "\"my \\\"db\\\"\"; CREATE RETENTION POLICY \"week\" ON \"my \\\"db\\\"\" DURATION INF "
           "REPLICATION 1'");
  CHECK(CreateCommand({.api = Api::kV1}, {.url = "http://a:1"},
                      {.database = "d", .retention_policy = "p"},
                      {.duration = "30d", .shard_duration = "1d"})
            .ends_with(R"( DURATION 30d REPLICATION 1 SHARD DURATION 1d')"));
  CHECK_EQ(CreateCommand({.api = Api::kV2, .org = "o"}, {.url = "http://a:1"}, params),
           "influx bucket create --host 'http://a:1' --org 'o' --name 'my \"db\"/week'");
  CHECK_EQ(CreateCommand({.api = Api::kV3}, {.url = "http://a:1"}, params),
           "curl -sS 'http://a:1/api/v3/configure/database' --json "
           "'{\"db\":\"my \\\"db\\\"/week\"}'");
  params.database = "m\x1b[2J";
  CHECK_EQ(CreateCommand({.api = Api::kV1}, {.url = "http://a:1"}, params), "");
}

}  // namespace
}  // namespace relay::test::replay_transport_target_test
