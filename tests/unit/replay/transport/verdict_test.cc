#include "replay/transport/verdict.h"

#include <doctest/doctest.h>

#include "tests/support/fakes/scripted_transport.h"

namespace relay::test::replay_transport_verdict_test {
namespace {

using namespace std::chrono_literals;
using enum Action;

const WallTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);

struct Row {
  int status;
  const char* body;
  Action action;
};

void CheckRows(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    CAPTURE(row.status);
    CAPTURE(row.body);
    CHECK(Judge(Http(row.status, row.body), kNow).action == row.action);
  }
}

TEST_CASE("verdict: lines that the backend has are delivered") {
  CheckRows({
      {204, "", kDelivered},
      {200, "", kDelivered},
      {500, "hinted handoff queue not empty", kDelivered},
  });
}

TEST_CASE("verdict: an answer that is not InfluxDB's holds the backend and loses nothing") {
  CheckRows({
      {200, "<html>log in to the hotel's network</html>", kHold},
      {202, "", kHold},
      {301, "", kHold},
      {404, "404 page not found\n", kHold},
      {400, "remoteAddr: \"127.0.0.1:1\"; unsupported path requested: \"/x\"", kHold},
      {405, "", kHold},
      {400, "  <!DOCTYPE html><title>400</title>", kHold},
      {100, "", kHold},
      {700, "", kHold},
  });
}

TEST_CASE("verdict: a partial write has most of the points; the refused ones are looked for") {
  // The words of influxd 1.6.7.
  CheckRows({
      {400,
       R"({"error":"partial write: field type conflict: input field \"v\" on measurement \"m\" is )"
       R"(type string, already exists as type float dropped=1"})",
       kPartial},
      {400, R"({"error":"partial write: points beyond retention policy dropped=3"})", kPartial},
      {422, "failed to write: write outside retention policy", kPartial},
      {400, "partial write: max-series-per-database limit exceeded: (1000000) dropped=1", kPartial},
      {400, "partial write: max-values-per-tag limit exceeded dropped=1", kPartial},
      {400, "partial write of line protocol occurred", kPartial},
  });
  CHECK(Judge(Http(400, "partial write: points beyond retention policy dropped=3"), kNow).reason ==
        DeadReason::kExpired);
  CHECK(Judge(Http(400, "partial write: max-values-per-tag limit exceeded"), kNow).reason ==
        DeadReason::kLimit);
  CHECK(Judge(Http(400, "partial write: pending deletion dropped=1"), kNow).action == kRetry);
  CHECK_EQ(Judge(Http(400, "partial write: field type conflict dropped=17\"}"), kNow).dropped, 17);
  CHECK(!Judge(Http(400, "partial write: unable to parse"), kNow).dropped.has_value());
}

TEST_CASE("verdict: what a client wrote into its lines is not taken for the backend's words") {
  // The server repeats the line.
  const Verdict repeated = Judge(
      Http(400, R"({"error":"partial write: unable to parse 'm s=\"x dropped=4\"': bad"})"), kNow);
  CHECK(repeated.action == kPartial);
  CHECK(!repeated.dropped.has_value());
  CHECK(Judge(Http(400, R"({"error":"unable to parse 'm s=\"incoming write was empty\"'"})"), kNow)
            .action == kSplit);
}

TEST_CASE("verdict: a body refused because of some lines is split") {
  CheckRows({
      {400, R"({"error":"unable to parse 'm v=': missing field value"})", kSplit},
      {400, R"({"code":"invalid","message":"unable to parse"})", kSplit},
      {400, "line protocol parsing error", kSplit},
      {400, "field type conflict", kSplit},
      {500, "field type conflict", kSplit},
      {422, "field type conflict", kSplit},
      {413, "Request Entity Too Large", kSplit},
      {418, "", kSplit},
  });
  CHECK(Judge(Http(413, ""), kNow).cause == Cause::kTooLarge);
}

TEST_CASE("verdict: a wrong set-up holds") {
  CheckRows({
      {401, "authorization failed", kHold},
      {403, "", kHold},
      {404, R"({"error":"database not found: \"db\""})", kHold},
      {404, R"({"code":"not found","message":"bucket \"b\" not found"})", kHold},
      {404, "no dbrp mapping found", kHold},
      {500, R"({"error":"retention policy not found: rp"})", kHold},
      {400, "invalid precision \"x\"", kHold},
      {400, "database is required", kHold},
  });
}

TEST_CASE("verdict: a missing database holds its lane, a wrong set-up the backend") {
  for (const auto& [status, body] : {std::pair{404, R"({"error":"database not found: \"db\""})"},
                                     {404, R"({"message":"bucket \"b\" not found"})"},
                                     {404, "no dbrp mapping found"}}) {
    CHECK(ConcernsLane(Judge(Http(status, body), kNow).cause));
    CHECK(MayCreate(Judge(Http(status, body), kNow).cause));
  }
  const Verdict policy = Judge(Http(500, "retention policy not found: rp"), kNow);
  CHECK(ConcernsLane(policy.cause));
  CHECK(MayCreate(policy.cause));
  for (const int status : {200, 301, 401, 403, 405}) {
    CHECK_FALSE(ConcernsLane(Judge(Http(status, "words"), kNow).cause));
  }
}

TEST_CASE("verdict: an overloaded backend is told from one that a record may have poisoned") {
  for (const int status : {408, 429, 503}) CHECK(SlowsDown(Judge(Http(status), kNow).cause));
  CHECK(SlowsDown(Judge(Http(500, R"({"error":"timeout"})"), kNow).cause));
  CHECK(SlowsDown(Judge(NoAnswer(), kNow).cause));
  CHECK(SuspectsPoison(Judge(Http(500, "An internal error has occurred"), kNow).cause));
  CHECK(SuspectsPoison(Judge(Http(500, "write failed"), kNow).cause));
  for (const char* body : {"timeout", "engine is closed", "shard is disabled", "queue is full",
                           "cache-max-memory-size exceeded"}) {
    CHECK_FALSE(SuspectsPoison(Judge(Http(500, body), kNow).cause));
  }
  for (const int status : {429, 502, 503, 504}) {
    CHECK_FALSE(SuspectsPoison(Judge(Http(status), kNow).cause));
  }
}

TEST_CASE("verdict: a failure that may pass is retried") {
  CheckRows({
      {429, "", kRetry},
      {503, "", kRetry},
      {500, "timeout", kRetry},
      {500, "engine is closed", kRetry},
      {500, "An internal error has occurred", kRetry},
      {500, "engine: cache-max-memory-size exceeded: (1073741824/1073741824)", kRetry},
      {502, "<html>502 Bad Gateway</html>", kRetry},
      {504, "", kRetry},
      {599, "", kRetry},
      {408, "", kRetry},
      {499, "", kRetry},
  });
  CHECK(Rests(Judge(Http(500, "engine: cache-max-memory-size exceeded"), kNow).cause));
  CHECK(Judge(NoAnswer(), kNow).action == kRetry);
}

TEST_CASE("verdict: what keeps a backend from taking anything comes with what can be done") {
  WriteParams params;
  params.database = "metrics";
  params.retention_policy = "week";
  const auto remedy = [&](int status, const char* body) {
    return Remedy(Judge(Http(status, body), kNow).text->remedy, "west", params);
  };
  CHECK_EQ(remedy(404, "database not found: \"metrics\""),
           "create database \"metrics\" on west, or set its create_databases");
  CHECK_EQ(remedy(500, "retention policy not found: week"),
           "create retention policy \"week\" of database \"metrics\" on west, or set its "
           "create_databases");
  for (const int status : {200, 301, 401, 403, 405, 408, 429, 500, 502, 503, 700}) {
    CHECK_NE(remedy(status, "words").find("west"), std::string::npos);
  }
}

TEST_CASE("verdict: Retry-After is honoured as seconds or as a date, up to its bound") {
  CHECK_EQ(Judge(Http(503, "", "7"), kNow).retry_after, 7s);
  CHECK_EQ(ParseRetryAfter("Mon, 23 Nov 2026 00:00:09 GMT", kNow), 9s);
  CHECK_EQ(ParseRetryAfter("Sun, 22 Nov 2026 00:00:00 GMT", kNow), 0s);
  CHECK_EQ(ParseRetryAfter("86400", kNow), kRetryAfterMax);
  for (const char* nonsense : {"", "-1", "soon", "7 s", "99999999999999999999"}) {
    CHECK(!ParseRetryAfter(nonsense, kNow).has_value());
  }
}

}  // namespace
}  // namespace relay::test::replay_transport_verdict_test
