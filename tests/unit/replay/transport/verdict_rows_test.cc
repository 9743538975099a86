// A test for each row of the verdict's table.
//
// Bodies are those of influxd 1.6.7 and VictoriaMetrics where these send such an
// answer (tests/integration/ingest/answers_test.cc gets them from the servers), else
// those in the sources of InfluxDB 1.x Enterprise, 2.x and 3.x.
#include <doctest/doctest.h>

#include "replay/transport/verdict.h"
#include "tests/support/fakes/scripted_transport.h"

namespace relay::test::replay_transport_verdict_rows_test {
namespace {

using enum Action;

const WallTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);

Verdict Of(int status, std::string body = "", std::string retry_after = "") {
  return Judge(Http(status, std::move(body), std::move(retry_after)), kNow);
}

Verdict OfApi(Api api, int status, std::string body = "") {
  return Judge(Reply{.http_status = status, .body = std::move(body), .api = api}, kNow);
}

Verdict OfPage(int status, std::string body = "") {
  return Judge(Reply{.http_status = status, .content_type = "text/html", .body = std::move(body)},
               kNow);
}

TEST_CASE("row: 508 of a relay: a loop, on hold; any other 508 is a failure") {
  const Verdict loop = Of(508, R"({"error":"loop: the write has passed this relay (x) before"})");
  CHECK(loop.action == kHold);
  CHECK(loop.cause == Cause::kMisconfigured);
  CHECK(Of(508, "loop detected").action == kRetry);
}

TEST_CASE("row: 204: delivered") {
  CHECK(Of(204).action == kDelivered);
}

TEST_CASE("row: 200 with an empty body: delivered, of v1 only") {
  CHECK(OfApi(Api::kV1, 200).action == kDelivered);
  CHECK(OfApi(Api::kV2, 200).action == kHold);
  CHECK(OfApi(Api::kV3, 200).action == kHold);
}

TEST_CASE("row: 2xx with an empty body, of remote write: delivered") {
  CHECK(OfApi(Api::kPrometheus, 200).action == kDelivered);
  CHECK(OfApi(Api::kPrometheus, 202).action == kDelivered);
  CHECK(OfApi(Api::kPrometheus, 200, "<html>").action == kHold);
}

TEST_CASE("row: 400 of remote write: some samples are invalid, whatever the reason") {
  for (const std::string reason :
       {"out of order sample: series={__name__=\"http_timeout\"}", "duplicate sample for timestamp",
        "received a series with an invalid label: \"no space left\" (err-mimir-label-invalid)"}) {
    const Verdict verdict = OfApi(Api::kPrometheus, 400, reason);
    CHECK(verdict.action == kSplit);
    CHECK(verdict.cause == Cause::kRejectedLines);
  }
  CHECK(OfApi(Api::kPrometheus, 400, "cannot store metrics: no space left on device").action ==
        kRetry);
  CHECK(OfApi(Api::kPrometheus, 429).action == kRetry);
  CHECK(OfApi(Api::kPrometheus, 404, R"({"error":"database not found: \"d\""})").cause ==
        Cause::kMissingDatabase);
  CHECK(Of(400, "out of order sample").cause == Cause::kUnknownRefusal);
}

TEST_CASE("row: another 2xx, or 200 with a body: a retry, then a hold") {
  for (const Verdict& verdict : {Of(201), Of(202), Of(200, "<html>log in</html>"), Of(200, "ok")}) {
    CHECK(verdict.action == kHold);
    CHECK(verdict.retry_first);
    CHECK_FALSE(ConcernsLane(verdict.cause));
  }
}

TEST_CASE("row: a redirection, a page that is not there, a method, HTML: a hold of the backend") {
  for (const Verdict& verdict :
       {Of(301), Of(308), Of(404, "404 page not found\n"), Of(405), OfPage(400), OfPage(404),
        OfPage(410), Of(400, " \n<!DOCTYPE html><title>400</title>")}) {
    CHECK(verdict.action == kHold);
    CHECK_FALSE(ConcernsLane(verdict.cause));
    CHECK_FALSE(verdict.retry_first);
  }
}

TEST_CASE("row: points beyond or outside the retention policy: partly taken, the rest expired") {
  for (const int status : {400, 422, 500}) {
    for (const char* body :
         {R"({"error":"partial write: points beyond retention policy dropped=3"})",
          R"({"code":"unprocessable entity","message":"failure writing points to database: )"
          R"(partial write: dropped 1 points outside retention policy of duration 1h0m0s"})"}) {
      CHECK(Of(status, body).action == kPartial);
      CHECK(Of(status, body).reason == DeadReason::kExpired);
    }
  }
  CHECK_EQ(Of(400, R"({"error":"partial write: points beyond retention policy dropped=3"})")
               .dropped.value_or(0),
           3);
}

TEST_CASE("row: a limit on series or on values of a tag: partly taken, the rest can be redriven") {
  for (const int status : {400, 422, 500}) {
    for (const char* limit : {"max-series-per-database limit exceeded: (1)",
                              "max-values-per-tag limit exceeded (1/1): measurement=\\\"m\\\""}) {
      const Verdict verdict =
          Of(status, std::string(R"({"error":"partial write: )") + limit + " dropped=1\"}");
      CHECK(verdict.action == kPartial);
      CHECK(verdict.reason == DeadReason::kLimit);
      CHECK_EQ(verdict.dropped.value_or(0), 1);
    }
  }
}

TEST_CASE("row: a message about the server, whatever its status: a retry") {
  // The first six are influxd 1.6.7's, with a full disk of data, none, or of WAL, without
  // descriptors, and with a shard that does not open.
  for (const char* message :
       {"partial write: write /data/db/_series/06/0000: no space left on device dropped=200",
        "timeout",
        "engine: error writing WAL entry: write /wal/db/autogen/1/_00001.wal: no space left on "
        "device",
        "open /meta/meta.dbtmp: too many open files",
        "[shard 1] proto: field \\\"tsdb.MeasurementFields.Name\\\" contains invalid UTF-8",
        "[shard 7] open /data/db/autogen/7: too many open files",
        "partial write: open /data/db/_series/01: read-only file system dropped=1",
        "engine: write /wal/1.wal: input/output error",
        "mkdir /data/db: permission denied",
        "mmap: cannot allocate memory",
        "engine is closed",
        "shard is disabled",
        "partial write: shard 7 is pending deletion dropped=3",
        "not attempting to open shard 7; opening shard previously failed with: no such file",
        "unexpected error writing points to database: store is closed",
        "partial write: unable to flush segment /_series/06/0002: write: file too large dropped=1",
        "write buffer error: error from wal: object store error",
        "write buffer error: catalog update error: timed out",
        "hinted handoff service is disabled",
        "write: disk quota exceeded",
        "engine: cache-max-memory-size exceeded: (1/1)",
        "queue is full",
        "write pool exhausted"}) {
    for (const int status : {400, 422, 500}) {
      CAPTURE(message);
      const Verdict verdict = Of(status, std::string(R"({"error":")") + message + "\"}");
      CHECK(verdict.action == kRetry);
      CHECK_FALSE(SuspectsPoison(verdict.cause));
      CHECK_NE(verdict.text->remedy, "");
    }
  }
}

TEST_CASE("row: a message about lines that repeats a client's text is about lines") {
  for (const char* message :
       {"partial write: field type conflict: input field \\\"timeout\\\" on measurement "
        "\\\"no space left\\\" is type string, already exists as type float dropped=1",
        "partial write: max-values-per-tag limit exceeded (1/1): measurement=\\\"too many open "
        "files\\\" tag=\\\"t\\\" value=\\\"engine is closed\\\" dropped=1",
        "partial write: max-values-per-tag limit exceeded (1/1): measurement=\\\"m\\\" "
        "tag=\\\"unsupported path requested\\\" value=\\\"partial write: dropped 1 points "
        "outside retention policy\\\" dropped=2",
        "partial write: unable to parse 'permission denied': missing fields dropped=0"}) {
    CAPTURE(message);
    CHECK(Of(400, std::string(R"({"error":")") + message + "\"}").action == kPartial);
    CHECK(Of(400, std::string(R"({"error":")") + message + "\"}").cause == Cause::kRejectedLines);
  }
}

TEST_CASE("row: a string that is too long, or text that is not UTF-8, is about lines") {
  const Verdict too_long =
      Of(400, R"({"error":"partial write: input field \"timeout\" on )"
              R"(measurement \"m\" is too long, 1048577 > 1048576 dropped=1"})");
  CHECK(too_long.action == kPartial);
  CHECK(too_long.reason == DeadReason::kLimit);
  const Verdict not_text = Of(400, "body content is not valid utf8: invalid utf-8 sequence");
  CHECK(not_text.action == kSplit);
  CHECK(not_text.cause == Cause::kRejectedLines);
}

TEST_CASE(
    "row: a partial write of InfluxDB 1.12: counted, and a field that it drops is no refusal") {
  const Verdict counted = Of(400, R"({"error":"partial write: points beyond retention policy )"
                                  R"(dropped=3 for database: db for retention policy: rp"})");
  CHECK_EQ(counted.dropped.value_or(0), 3);
  const Verdict stripped =
      Of(400, R"({"error":"partial write: invalid field name: Field \"time\" has been stripped )"
              R"(from point. dropped=0"})");
  CHECK(stripped.cause == Cause::kFieldDropped);
  CHECK_EQ(stripped.dropped.value_or(9), 0);
}

TEST_CASE("row: a limit of series that depends on the batch is not final for all of it") {
  const Verdict verdict = Of(400, R"({"error":"partial write: max-series-per-database exceeded )"
                                  R"(database=db limit=100 series=95 keys=10 dropped=10"})");
  CHECK(verdict.reason == DeadReason::kLimit);
  CHECK_FALSE(verdict.dropped.has_value());
}

TEST_CASE("row: a partial write for another reason: partly taken, and the reason is not known") {
  const Verdict verdict = Of(400, R"({"error":"partial write: the moon is full dropped=1"})");
  CHECK(verdict.action == kPartial);
  CHECK(verdict.cause == Cause::kUnknownRefusal);
}

TEST_CASE("row: a partial write for a reason about lines: partly taken") {
  for (const int status : {400, 422, 500}) {
    const Verdict verdict = Of(
        status,
        R"({"error":"partial write: field type conflict: input field \"v\" on measurement \"m\" )"
        R"(is type string, already exists as type float dropped=2"})");
    CHECK(verdict.action == kPartial);
    CHECK_FALSE(verdict.retry_first);
    CHECK(verdict.reason == DeadReason::kRefused);
    CHECK_EQ(verdict.dropped.value_or(0), 2);
  }
}

TEST_CASE("row: v1 400 unable to parse, without partial: split") {
  CHECK(Of(400, R"({"error":"unable to parse 'garbage': missing fields"})").action == kSplit);
}

TEST_CASE("row: v2 400 invalid: split") {
  CHECK(Of(400, R"({"code":"invalid","message":"unable to parse 'garbage': missing fields"})")
            .action == kSplit);
  CHECK(Of(400, R"({"code":"invalid","message":"something else"})").cause ==
        Cause::kUnknownRefusal);
  CHECK(Of(400, R"({"code":"invalid","message":"write buffer error: line protocol parse failed: )"
                R"(No fields were provided"})")
            .cause == Cause::kRejectedLines);
}

TEST_CASE("row: VictoriaMetrics' 400: split; the quoted rest of the body is not its own") {
  const std::string quoted = "timeout no space left on device";
  for (const std::string& body :
       {"cannot process influx line protocol data: incorrect influx line \"" + quoted +
            "\": cannot find Whitespace I in \"timeout\"",
        std::string("cannot read influx line protocol data: too long line: more than 262144 bytes"),
        std::string("cannot process influx line protocol data: too big data size exceeding "
                    "-influx.maxRequestSize=67108864 bytes")}) {
    CAPTURE(body);
    CHECK(Of(400, body).action == kSplit);
    CHECK_FALSE(Of(400, body).cause == Cause::kUnknownRefusal);
  }
  CHECK(Of(503, "cannot store metrics: the storage is in read-only mode").action == kRetry);
}

TEST_CASE("row: v3 400 partial write of line protocol occurred: partly taken") {
  CHECK(Of(400, R"({"error":"partial write of line protocol occurred","data":[{"original_line":)"
                R"("m v=","line_number":2,"error_message":"No fields were provided"}]})")
            .action == kPartial);
}

TEST_CASE("row: v3 400 line protocol parsing error: split") {
  CHECK(Of(400, R"({"error":"line protocol parsing error","data":{"line_number":2}})").action ==
        kSplit);
}

TEST_CASE("row: v3 400 incoming write was empty: a hold, for the lines were lost on their way") {
  CHECK(OfApi(Api::kV3, 400, "incoming write was empty").action == kHold);
  CHECK(OfApi(Api::kV3, 400, "incoming write was empty").retry_first);
}

TEST_CASE("row: a field type conflict, whatever its status: split") {
  for (const int status : {400, 422, 500}) {
    CHECK(Of(status, R"({"error":"field type conflict: input field \"v\""})").action == kSplit);
  }
}

TEST_CASE("row: 400 of the request's parameters: a hold of the backend") {
  for (const char* body :
       {R"({"error":"invalid precision \"x\""})",
        R"({"code":"invalid","message":"invalid precision; valid precision units are ns, us"})",
        R"({"error":"database is required"})", R"({"error":"invalid consistency level"})",
        R"({"error":"missing db"})",
        R"({"code":"invalid","message":"Please provide either orgID or org"})"}) {
    CAPTURE(body);
    CHECK(Of(400, body).action == kHold);
    CHECK_FALSE(ConcernsLane(Of(400, body).cause));
  }
}

TEST_CASE("row: 401 and 403: a hold of the backend") {
  for (const int status : {401, 403}) {
    const Verdict verdict = Of(status, R"({"error":"authorization failed"})");
    CHECK(verdict.action == kHold);
    CHECK_FALSE(ConcernsLane(verdict.cause));
    CHECK_EQ(verdict.text->reason, "the credentials were refused");
  }
}

TEST_CASE("row: 404 of a database, a bucket or a mapping: a hold of its lane, or it is created") {
  for (const char* body : {R"({"error":"database not found: \"absent\""})",
                           R"({"code":"not found","message":"bucket \"absent\" not found"})",
                           R"({"code":"not found","message":"no dbrp mapping found"})"}) {
    CHECK(Of(404, body).action == kHold);
    CHECK(ConcernsLane(Of(404, body).cause));
    CHECK(MayCreate(Of(404, body).cause));
  }
}

TEST_CASE("row: any other 404, as of an organisation: a hold, for no line is at fault") {
  for (const char* body :
       {R"({"code":"not found","message":"organization name \"bucket\" not found"})",
        R"({"code":"not found","message":"path not found"})", ""}) {
    CAPTURE(body);
    CHECK(Of(404, body).action == kHold);
    CHECK_FALSE(ConcernsLane(Of(404, body).cause));
  }
}

TEST_CASE("row: 500 database not found: a hold of its lane, or it is created") {
  CHECK(MayCreate(Of(500, R"({"error":"database not found: x"})").cause));
}

TEST_CASE("row: 500 retention policy not found: a hold of its lane") {
  const Verdict verdict = Of(500, R"({"error":"retention policy not found: absent"})");
  CHECK(verdict.action == kHold);
  CHECK(ConcernsLane(verdict.cause));
  CHECK(MayCreate(verdict.cause));
}

TEST_CASE("row: 413, also a proxy's page: split, and the next are smaller") {
  for (const Verdict& verdict :
       {Of(413, R"({"error":"Request Entity Too Large"})"),
        OfPage(413, "<html><h1>413 Request Entity Too Large</h1><hr>nginx</html>")}) {
    CHECK(verdict.action == kSplit);
    CHECK(verdict.cause == Cause::kTooLarge);
    CHECK(verdict.reason == DeadReason::kLimit);
  }
}

TEST_CASE("row: 429 and 503: a retry after what was asked for, and more slowly") {
  for (const int status : {429, 503}) {
    const Verdict verdict = Of(status, "request throttled", "7");
    CHECK(verdict.action == kRetry);
    CHECK(SlowsDown(verdict.cause));
    CHECK_EQ(verdict.retry_after, std::chrono::seconds(7));
  }
}

TEST_CASE("row: 500 of a trouble that passes: a retry") {
  for (const char* body : {"timeout", "write failed", "engine is closed", "shard is disabled",
                           "queue is full", "An internal error has occurred"}) {
    CHECK(Of(500, std::string("{\"error\":\"") + body + "\"}").action == kRetry);
  }
}

TEST_CASE("row: 500 cache-max-memory-size exceeded: a retry after a long rest, and more slowly") {
  const Verdict verdict =
      Of(500, R"-({"error":"[shard 1] engine: cache-max-memory-size exceeded: (2046/2000)"})-");
  CHECK(verdict.action == kRetry);
  CHECK(Rests(verdict.cause));
  CHECK(SlowsDown(verdict.cause));
}

TEST_CASE("row: 500 hinted handoff queue not empty: delivered") {
  CHECK(Of(500, R"({"error":"hinted handoff queue not empty"})").action == kDelivered);
}

TEST_CASE("row: 408, 429, 499, 502 to 504, whatever page: a retry after what was asked for") {
  for (const int status : {408, 429, 499, 503, 504}) {
    CHECK(OfPage(status).action == kRetry);
    CHECK(SlowsDown(OfPage(status).cause));
  }
  CHECK(Of(408).action == kRetry);
  CHECK(Of(499).action == kRetry);
  CHECK(OfPage(502).action == kRetry);
  CHECK(OfPage(504).action == kRetry);
  for (const int status : {408, 499, 504}) CHECK(SlowsDown(Of(status).cause));
}

TEST_CASE("row: refused, reset, timed out: a retry") {
  const Verdict ended = Judge(Error(ErrorCode::kBrokenOff, "connection reset by peer"), kNow);
  CHECK(ended.action == Action::kRetry);
  CHECK(SuspectsPoison(ended.cause));
  const Verdict verdict = Judge(Error(ErrorCode::kUnavailable, "connection refused"), kNow);
  CHECK_FALSE(SuspectsPoison(verdict.cause));
  CHECK(verdict.action == kRetry);
  CHECK_FALSE(verdict.cause == Cause::kMisconfigured);
}

TEST_CASE(
    "row: a certificate that is not trusted, a host that is not known: a retry and an alarm") {
  for (const ErrorCode code : {ErrorCode::kInvalidInput, ErrorCode::kNotFound}) {
    const Verdict verdict = Judge(Error(code, "its TLS certificate has expired"), kNow);
    CHECK(verdict.action == kRetry);
    CHECK(verdict.cause == Cause::kMisconfigured);
    CHECK_NE(verdict.text->remedy, "");
  }
}

TEST_CASE("row: another 5xx: a retry; its lines may be at fault") {
  for (const int status : {500, 501, 505, 507, 599}) {
    CHECK(Of(status, "panic").action == kRetry);
    CHECK(SuspectsPoison(Of(status, "panic").cause));
  }
}

TEST_CASE("row: another 4xx: split, and the reason is not known") {
  for (const int status : {400, 402, 409, 418, 422, 451}) {
    CHECK(Of(status, "some words").action == kSplit);
    CHECK(Of(status, "some words").cause == Cause::kUnknownRefusal);
  }
}

}  // namespace
}  // namespace relay::test::replay_transport_verdict_rows_test
