#include "relay/ingest/write_handler.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <protozero/pbf_writer.hpp>
#include <snappy.h>

#include <optional>

#include "replay/transport/remote_write.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/fakes/routers.h"
#include "tests/support/log_fixture.h"
#include "tests/support/temp_dir.h"

namespace relay::test::relay_ingest_write_handler_test {
namespace {

// The front door over a log in memory.
struct IngestFixture {
  HttpResponse Ask(std::string_view method, std::string_view path, std::string_view query,
                   std::string body = "") {
    std::optional<HttpResponse> answer;
    handler.Handle(
        {.method = method, .path = path, .query = query, .headers = headers, .body = body},
        [&answer](HttpResponse response) { answer = std::move(response); });
    REQUIRE(answer.has_value());
    return *answer;
  }
  HttpResponse Write(std::string body, std::string_view query = "db=d") {
    return Ask("POST", "/write", query, std::move(body));
  }
  std::vector<std::string> Stored() {
    std::vector<std::string> lines;
    for (const StoredRecord& stored : ReadAll(log, kWest)) {
      lines.push_back(stored.record.value()->lines);
    }
    return lines;
  }

  std::vector<std::pair<std::string_view, std::string_view>> headers;  // Added to every request.
  MemoryLog log{{kWest}};
  FakeClock clock;
  Counters counters;
  WriteHandler handler{{.router = RouterTo({kWest})}, log, clock, counters};
};

std::string ErrorOf(const HttpResponse& response) {
  return nlohmann::json::parse(response.body).at("error");
}

std::string HeaderOf(const HttpResponse& response, std::string_view name) {
  for (const auto& [header, value] : response.headers) {
    if (header == name) return value;
  }
  return "";
}

TEST_CASE("front door: a write that is stored is answered 204") {
  IngestFixture door;
  const HttpResponse answer = door.Write("m v=1 5\n");
  CHECK_EQ(answer.status, 204);
  CHECK(answer.body.empty());
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 5\n"});
  CHECK_EQ(door.counters.accepted_points(), 1);
}

TEST_CASE("front door: a point without a time gets the relay's, in the request's precision") {
  IngestFixture door;
  door.clock.Advance(std::chrono::milliseconds(1'234'567));
  CHECK_EQ(door.Write("m v=1\n", "db=d&precision=s").status, 204);
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 1234\n"});
}

TEST_CASE("front door: an empty body stores nothing and is answered 204") {
  IngestFixture door;
  CHECK_EQ(door.Write("").status, 204);
  CHECK_EQ(door.Write("# a comment\n\n").status, 204);
  CHECK(door.Stored().empty());
}

TEST_CASE("front door: of a body with bad lines the good ones are stored and the bad ones named") {
  IngestFixture door;
  const HttpResponse answer = door.Write("m v=1 1\nm v= 2\nm v=3 3\nm 4\n");
  CHECK_EQ(answer.status, 400);
  CHECK_EQ(ErrorOf(answer),
           "partial write: unable to parse 'm v= 2': missing field value\n"
           "unable to parse 'm 4': invalid field format dropped=0");
  CHECK_EQ(nlohmann::json::parse(answer.body).at("lines"), nlohmann::json({2, 4}));
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 1\nm v=3 3\n"});
}

// A backend that takes only measurement m of databases that begin with d.
WriteHandlerOptions Picky(Unrouted unrouted) {
  Config config = ConfigOf({kWest});
  config.backends[0].only = {.databases = {"d*"}, .measurements = {"m"}};
  config.unrouted = unrouted;
  return {.router = std::make_shared<const Router>(config, std::vector<BackendId>{})};
}

TEST_CASE("front door: points that no backend takes are refused, the others stored") {
  IngestFixture door;
  door.handler.Reconfigure(Picky(Unrouted::kRefuse));
  const HttpResponse partly = door.Write("m v=1 1\nn v=2 2\nbad\nn v=3 3\n");
  CHECK_EQ(partly.status, 400);
  CHECK_EQ(ErrorOf(partly),
           "partial write: unable to parse 'bad': missing fields\n"
           "no backend accepts measurement \"n\" of database \"d\" dropped=2");
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 1\n"});

  const HttpResponse none = door.Write("m v=1 1\n", "db=other");
  CHECK_EQ(none.status, 404);
  CHECK_EQ(ErrorOf(none), "no backend accepts database \"other\"");
  CHECK_EQ(door.counters.unrouted_points(), 3);
  CHECK_EQ(door.counters.accepted_points(), 1);
}

TEST_CASE(
    "front door: a write that is to be stored whole or not is not, for one point nobody takes") {
  IngestFixture door;
  door.handler.Reconfigure(Picky(Unrouted::kRefuse));
  const std::string body = "m v=1 1\nn v=2 2\nm v=3 3\n";
  CHECK_EQ(door.Ask("POST", "/api/v2/write", "bucket=d", body).status, 404);
  CHECK_EQ(door.Ask("POST", "/api/v3/write_lp", "db=d&accept_partial=false", body).status, 404);
  CHECK(door.Stored().empty());
  CHECK_EQ(door.counters.accepted_points(), 0);
  CHECK_EQ(door.Ask("POST", "/api/v3/write_lp", "db=d", body).status, 400);
  CHECK_EQ(door.Stored().size(), 1);
  CHECK_EQ(door.counters.accepted_points(), 2);
}

TEST_CASE("front door: points that no backend takes are counted, where that is configured") {
  IngestFixture door;
  door.handler.Reconfigure(Picky(Unrouted::kCount));
  CHECK_EQ(door.Write("m v=1 1\nn v=2 2\n").status, 204);
  CHECK_EQ(door.Write("m v=1 1\n", "db=other").status, 204);
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 1\n"});
  CHECK_EQ(door.counters.unrouted_points(), 2);
}

TEST_CASE("front door: a write that is split is stored for each backend, and answered once") {
  MemoryLog log{{kWest, kEast}};
  FakeClock clock;
  Counters counters;
  Config config = ConfigOf({kWest, kEast});
  config.backends[0].only.measurements = {"m"};
  WriteHandler handler{{.router = std::make_shared<const Router>(config, std::vector<BackendId>{})},
                       log,
                       clock,
                       counters};
  std::vector<int> answers;
  handler.Handle({.method = "POST",
                  .path = "/write",
                  .query = "db=d",
                  .headers = {},
                  .body = "m v=1 1\nn v=2 2\n"},
                 [&](const HttpResponse& response) { answers.push_back(response.status); });
  CHECK_EQ(answers, std::vector<int>{204});
  CHECK_EQ(log.StatsOf(kWest).value().owed.points, 1);
  CHECK_EQ(log.StatsOf(kEast).value().owed.points, 2);
  CHECK_EQ(counters.accepted_points(), 2);
}

TEST_CASE("front door: a body with only bad lines stores nothing") {
  IngestFixture door;
  const HttpResponse answer = door.Write("nonsense\n");
  CHECK_EQ(answer.status, 400);
  CHECK_EQ(ErrorOf(answer), "unable to parse 'nonsense': missing fields");
  CHECK(door.Stored().empty());
}

TEST_CASE("front door: while the log takes nothing, the answer is 503 with Retry-After") {
  IngestFixture door;
  door.log.Fail(true);
  const HttpResponse answer = door.Write("m v=1 5\n");
  CHECK_EQ(answer.status, 503);
  const auto retry = std::find_if(answer.headers.begin(), answer.headers.end(),
                                  [](const auto& header) { return header.first == "Retry-After"; });
  CHECK(retry != answer.headers.end());
  CHECK_EQ(door.counters.accepted_points(), 0);
}

TEST_CASE("front door: a full log says so, and stores again once there is room") {
  IngestFixture door;
  door.log.Fill(true);
  for (const std::string_view path : {"/write", "/api/v2/write", "/api/v3/write_lp"}) {
    const HttpResponse answer = door.Ask("POST", path, "db=d&bucket=d", "m v=1 5\n");
    CHECK_EQ(answer.status, 503);
    CHECK_EQ(HeaderOf(answer, "Retry-After"), "1");
    CHECK_NE(answer.body.find("the log is full"), std::string::npos);
  }
  CHECK_EQ(door.counters.accepted_points(), 0);
  door.log.Fill(false);
  CHECK_EQ(door.Write("m v=1 5\n").status, 204);
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 5\n"});
}

TEST_CASE("front door: an error fits into a header: one line, at most 1024 bytes") {
  IngestFixture door;
  std::string body;
  for (int i = 0; i < 100; ++i) body += "bad line with \x01 and \xff in it\n";
  const HttpResponse answer = door.Write(body);
  CHECK_EQ(answer.status, 400);
  const std::string& header = answer.headers.at(0).second;
  CHECK_LE(header.size(), 1024);
  CHECK_EQ(header.find('\n'), std::string::npos);
  CHECK(ErrorOf(answer).ends_with("and 84 more lines"));
}

TEST_CASE("front door: other methods and paths are refused as what they are") {
  IngestFixture door;
  CHECK_EQ(door.Ask("GET", "/write", "db=d").status, 405);
  CHECK_EQ(door.Ask("OPTIONS", "/write", "").status, 204);
  CHECK_EQ(door.Ask("POST", "/ping", "").status, 405);
  CHECK_EQ(door.Ask("GET", "/", "").status, 404);
  CHECK_EQ(door.counters.answered(Endpoint::kOther, 404), 1);
}

TEST_CASE("front door: a write is stored under the paths that VictoriaMetrics and a proxy have") {
  IngestFixture door;
  door.handler.Reconfigure({.path_prefix = "/tsdb", .router = RouterTo({kWest})});
  CHECK_EQ(door.Ask("POST", "/influx/write", "db=d", "m v=1 1\n").status, 204);
  CHECK_EQ(door.Ask("POST", "/tsdb/write/", "db=d", "m v=1 2\n").status, 204);
  const HttpResponse bad = door.Ask("POST", "/tsdb/influx/api/v2/write", "bucket=d", "m v= 3\n");
  CHECK_EQ(bad.status, 400);
  CHECK_EQ(HeaderOf(bad, "X-Platform-Error-Code"), "invalid");
  CHECK_EQ(door.Ask("HEAD", "/tsdb/query", "q=SHOW+DATABASES").status, 200);
  CHECK_EQ(door.Ask("GET", "/tsdb/health", "").status, 200);
  CHECK_EQ(door.Ask("GET", "/other/health", "").status, 404);
  CHECK_EQ(door.handler.RefusalOf("/tsdb/api/v2/write", 413, "").headers.at(0).first,
           "X-Platform-Error-Code");
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 1\n", "m v=1 2\n"});
  CHECK_EQ(door.counters.answered(Endpoint::kWrite, 204), 2);
}

TEST_CASE("front door: samples of Prometheus are stored as lines, under each of their paths") {
  IngestFixture door;
  const std::string body =
      EncodeRemoteWrite("up,__name__=up,job=x value=1 5\n", Precision::kMillisecond).value();
  door.headers = {{"Content-Type", "application/x-protobuf"},
                  {"Content-Encoding", "snappy"},
                  {"X-Prometheus-Remote-Write-Version", "0.1.0"}};
  CHECK_EQ(door.Ask("POST", "/api/v1/prom/write", "db=d&rp=week&u=x", body).status, 204);
  CHECK_EQ(door.Ask("POST", "/api/v1/write", "", body).status, 204);
  CHECK_EQ(door.Ask("POST", "/prometheus/api/v1/write/", "db=e", body).status, 204);
  CHECK_EQ(door.Ask("POST", "/api/v1/push", "", body).status, 204);
  std::vector<std::string> lanes;
  for (const StoredRecord& stored : ReadAll(door.log, kWest)) {
    const Record& record = *stored.record.value();
    CHECK_EQ(record.lines, "up,__name__=up,job=x value=1 5\n");
    CHECK(record.params.precision == Precision::kMillisecond);
    lanes.push_back(ToString(LaneOf(record.params)));
  }
  CHECK_EQ(lanes, std::vector<std::string>{"d.week", "prometheus", "e", "prometheus"});
  CHECK_EQ(door.counters.accepted_points(), 4);
  CHECK_EQ(door.counters.answered(Endpoint::kRemoteWrite, 204), 4);
}

TEST_CASE("front door: a remote write that can never be stored gets 4xx, another one 503") {
  IngestFixture door;
  const std::string body =
      EncodeRemoteWrite("up,__name__=up value=1 5\n", Precision::kMillisecond).value();
  const auto write = [&door](const std::string& sent, std::string_view query = "") {
    return door.Ask("POST", "/api/v1/write", query, sent);
  };
  CHECK_EQ(ErrorOf(door.Ask("POST", "/api/v1/prom/write", "", body)), "database is required");
  CHECK_EQ(write("up 1 5\n").status, 400);
  CHECK_EQ(write("").status, 400);
  CHECK_EQ(write(std::string("\x00", 1)).status, 204);  // An empty request.
  CHECK_EQ(write(std::string("\x01\x00\xff", 3)).status, 400);
  CHECK_EQ(write(std::string("\xff\xff\xff\x7f", 4)).status, 413);
  door.headers = {{"Content-Encoding", "zstd"}};
  CHECK_EQ(write(body).status, 415);
  door.headers = {{"Content-Type", "application/x-protobuf;proto=io.prometheus.write.v3.Request"}};
  CHECK_EQ(write(body).status, 415);
  door.headers = {{"Content-Type", "application/x-protobuf;proto=prometheus.WriteRequest"}};
  CHECK(door.Stored().empty());
  CHECK_EQ(write(body).status, 204);
  door.log.Fail(true);
  CHECK_EQ(write(body).status, 503);
}

TEST_CASE("front door: a remote write whose lines take too much memory gets 413") {
  IngestFixture door;
  door.handler.Reconfigure({.max_body = 1_MiB, .max_line = 1_MiB, .router = RouterTo({kWest})});
  // A series: a label of 900,000 bytes, and empty samples.
  const auto body = [](int samples) {
    std::string label(
        "\x0a\x01"
        "a\x12\xa0\xf7\x36",
        7);
    label += std::string(900'000, 'x');
    std::string series("\x0a\xa7\xf7\x36", 4);
    series += label;
    for (int i = 0; i < samples; ++i) series += std::string("\x12\x00", 2);
    std::string message("\x0a", 1);
    for (std::size_t left = series.size(); left > 0; left >>= 7U) {
      message += static_cast<char>((left & 0x7fU) | (left > 0x7fU ? 0x80U : 0U));
    }
    message += series;
    std::string compressed;
    snappy::Compress(message.data(), message.size(), &compressed);
    return compressed;
  };
  CHECK_EQ(door.Ask("POST", "/api/v1/write", "", body(4)).status, 204);
  const HttpResponse refused = door.Ask("POST", "/api/v1/write", "", body(50'000));
  CHECK_EQ(refused.status, 413);
  CHECK(ErrorOf(refused).starts_with("the samples take more than 4194304 bytes"));
  CHECK_EQ(door.Stored().size(), 1);
}

TEST_CASE("front door: an answer to remote write 2.0 has the numbers of what was stored") {
  IngestFixture door;
  door.headers = {{"Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"}};
  // Symbols "", "a", "b"; a series with the label a=b and two samples, and one without labels.
  const std::string message(
      "\x22\x00\x22\x01\x61\x22\x01\x62\x2a\x0a\x0a\x02\x01\x02\x12\x02\x10\x05\x12\x00\x2a\x02"
      "\x12\x00",
      24);
  std::string body(1, static_cast<char>(message.size()));  // Snappy: the size, and one literal.
  body += static_cast<char>((message.size() - 1) << 2U);
  body += message;
  const HttpResponse answer = door.Ask("POST", "/api/v1/write", "", body);
  CHECK_EQ(answer.status, 400);
  CHECK(ErrorOf(answer).starts_with("partial write: "));
  CHECK_EQ(HeaderOf(answer, "X-Prometheus-Remote-Write-Samples-Written"), "2");
  CHECK_EQ(HeaderOf(answer, "X-Prometheus-Remote-Write-Histograms-Written"), "0");
  CHECK_EQ(HeaderOf(answer, "X-Prometheus-Remote-Write-Exemplars-Written"), "0");
  CHECK_EQ(door.Stored(), std::vector<std::string>{"prom_metric_not_specified,a=b value=0 5\n"
                                                   "prom_metric_not_specified,a=b value=0 0\n"});
}

// Returns a request of version 2: the series m and n, each with a sample and a histogram, and m
// with an exemplar.
std::string SamplesOfEachKind() {
  std::string message;
  protozero::pbf_writer request(message);
  for (const std::string symbol : {"", "__name__", "m", "n"}) request.add_string(4, symbol);
  for (const std::uint32_t name : {2U, 3U}) {
    protozero::pbf_writer series(request, 5);
    const std::vector<std::uint32_t> references = {1, name};
    series.add_packed_uint32(1, references.begin(), references.end());
    series.add_message(2, std::string());
    series.add_message(3, std::string());
    if (name == 2) series.add_message(4, std::string());
  }
  std::string compressed;
  snappy::Compress(message.data(), message.size(), &compressed);
  return compressed;
}

TEST_CASE("front door: numbers of remote write 2.0 are without what no backend takes") {
  IngestFixture door;
  door.headers = {{"Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"}};
  const auto numbers = [&door](const Config& config) {
    door.handler.Reconfigure(
        {.router = std::make_shared<const Router>(config, std::vector<BackendId>{})});
    const HttpResponse answer = door.Ask("POST", "/api/v1/write", "", SamplesOfEachKind());
    CHECK_EQ(answer.status, 204);
    return HeaderOf(answer, "X-Prometheus-Remote-Write-Samples-Written") + " " +
           HeaderOf(answer, "X-Prometheus-Remote-Write-Histograms-Written") + " " +
           HeaderOf(answer, "X-Prometheus-Remote-Write-Exemplars-Written");
  };
  Config config = ConfigOf({kWest});
  config.unrouted = Unrouted::kCount;
  CHECK_EQ(numbers(config), "2 0 0");
  config.backends[0].api = Api::kPrometheus;
  CHECK_EQ(numbers(config), "2 2 1");
  config.backends[0].only.measurements = {"n"};
  CHECK_EQ(numbers(config), "1 1 0");
  config.backends[0].only.measurements = {"other"};
  CHECK_EQ(numbers(config), "0 0 0");
}

TEST_CASE("front door: the lines of a remote write are reserved, one request beyond the limit") {
  IngestFixture door;
  const auto admission = std::make_shared<Admission>(AdmissionLimits{.in_flight = 40_B});
  door.handler.Reconfigure({.router = RouterTo({kWest}), .admission = admission});
  const std::string body = EncodeRemoteWrite(
                               "up,__name__=up value=1 5\n"
                               "up,__name__=up value=1 6\n",
                               Precision::kMillisecond)
                               .value();
  CHECK_EQ(door.Ask("POST", "/api/v1/write", "", body).status, 204);
  REQUIRE(admission->TakePass());
  REQUIRE(admission->Reserve(1_B));
  CHECK_EQ(door.Ask("POST", "/api/v1/write", "", body).status, 503);
  admission->Release(1_B);
  admission->GivePass();
  CHECK_EQ(admission->in_flight(), 0_B);
}

TEST_CASE("front door: ping answers 204, and the version if asked for it") {
  IngestFixture door;
  CHECK_EQ(door.Ask("GET", "/ping", "").status, 204);
  CHECK_EQ(door.Ask("HEAD", "/ping", "verbose=false").status, 204);
  const HttpResponse verbose = door.Ask("GET", "/ping", "verbose=true");
  CHECK_EQ(verbose.status, 200);
  CHECK(nlohmann::json::parse(verbose.body).contains("version"));
}

TEST_CASE("front door: the answer to a write says where in the log it is") {
  IngestFixture door;
  CHECK_EQ(HeaderOf(door.Write("m v=1 5\n"), "X-Relay-Position"), "1");
  CHECK_EQ(HeaderOf(door.Write("m v=\nm v=1 6\n"), "X-Relay-Position"), "2");
  CHECK_EQ(HeaderOf(door.Write("m v=\n"), "X-Relay-Position"), "");
}

TEST_CASE("front door: v2 stores all of a body or nothing of it") {
  IngestFixture door;
  const HttpResponse bad =
      door.Ask("POST", "/api/v2/write", "bucket=d&precision=s", "m v=1 1\nm v= 2\n");
  CHECK_EQ(bad.status, 400);
  CHECK_EQ(HeaderOf(bad, "X-Platform-Error-Code"), "invalid");
  CHECK_EQ(bad.body,
           "{\"code\":\"invalid\",\"message\":\"unable to parse 'm v= 2': missing field "
           "value\"}\n");
  CHECK(door.Stored().empty());

  CHECK_EQ(door.Ask("POST", "/api/v2/write", "bucket=d/rp&precision=s", "m v=1 1\n").status, 204);
  const auto record = ReadAll(door.log, kWest).at(0).record.value();
  CHECK_EQ(record->params, WriteParams{.api = Api::kV2,
                                       .database = "d",
                                       .retention_policy = "rp",
                                       .precision = Precision::kSecond});
  CHECK_EQ(door.Ask("POST", "/api/v2/write", "bucket=d", "").status, 204);
}

TEST_CASE("front door: v2 errors have a code and a message") {
  IngestFixture door;
  const HttpResponse missing = door.Ask("POST", "/api/v2/write", "", "m v=1\n");
  CHECK_EQ(missing.status, 404);
  CHECK_EQ(nlohmann::json::parse(missing.body).at("code"), "not found");
  CHECK_EQ(nlohmann::json::parse(door.Ask("GET", "/api/v2/write", "").body).at("code"),
           "method not allowed");
  CHECK_EQ(nlohmann::json::parse(door.Ask("GET", "/api/v2/other", "").body).at("code"),
           "not found");
  door.log.Fail(true);
  const HttpResponse failed = door.Ask("POST", "/api/v2/write", "bucket=d", "m v=1\n");
  CHECK_EQ(failed.status, 503);
  CHECK_EQ(HeaderOf(failed, "X-Platform-Error-Code"), "unavailable");
  CHECK_EQ(HeaderOf(failed, "Retry-After"), "1");
  const HttpResponse large = door.handler.RefusalOf("/api/v2/write", 413, "too large");
  CHECK_EQ(nlohmann::json::parse(large.body).at("code"), "request too large");
}

TEST_CASE("front door: v3 stores the good lines and shows the bad ones") {
  IngestFixture door;
  const HttpResponse partial =
      door.Ask("POST", "/api/v3/write_lp", "db=d&precision=ns", "m v=1 1\n\nm v= 2\n");
  CHECK_EQ(partial.status, 400);
  CHECK_EQ(partial.body,
           "{\"error\":\"partial write of line protocol occurred\",\"data\":[{\"original_line\":"
           "\"m v= 2\",\"line_number\":3,\"error_message\":\"missing field value\"}]}\n");
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 1\n"});
}

TEST_CASE("front door: v3 without accept_partial stores nothing beside a bad line") {
  IngestFixture door;
  const HttpResponse refused =
      door.Ask("POST", "/api/v3/write_lp", "db=d&accept_partial=false", "m v=1 1\nm v= 2\nm 3\n");
  CHECK_EQ(refused.status, 400);
  CHECK_EQ(refused.body,
           "{\"error\":\"parsing failed for write_lp endpoint\",\"data\":{\"original_line\":"
           "\"m v= 2\",\"line_number\":2,\"error_message\":\"missing field value\"}}\n");
  CHECK(door.Stored().empty());
  const HttpResponse empty = door.Ask("POST", "/api/v3/write_lp", "db=d", "# nothing\n");
  CHECK_EQ(empty.status, 400);
  CHECK_EQ(ErrorOf(empty), "incoming write was empty");
}

TEST_CASE("front door: times that v3 would guess the unit of are stored in nanoseconds") {
  IngestFixture door;
  const std::string body =
      "m v=1 1700000000\nm v=2 1700000000001\nm v=3 1700000000000002\n"
      "m v=4 1700000000000000003\nm v=\"a\n b\" -1700000000  \nm v=6 4999999999\n"
      "m v=7 5000000000\n";
  CHECK_EQ(door.Ask("POST", "/api/v3/write_lp", "db=d", body).status, 204);
  CHECK_EQ(door.Stored().at(0),
           "m v=1 1700000000000000000\nm v=2 1700000000001000000\nm v=3 1700000000000002000\n"
           "m v=4 1700000000000000003\nm v=\"a\n b\" -1700000000000000000  \n"
           "m v=6 4999999999000000000\nm v=7 5000000000000000\n");
  CHECK(ReadAll(door.log, kWest).at(0).record.value()->params.precision == Precision::kNanosecond);
}

TEST_CASE("front door: health and ready are as InfluxDB 2 has them; ready reflects the log") {
  IngestFixture door;
  const auto health = nlohmann::json::parse(door.Ask("GET", "/health", "").body);
  CHECK_EQ(health.at("status"), "pass");
  CHECK(health.at("checks").is_array());
  door.clock.Advance(std::chrono::hours(1));
  const auto ready = nlohmann::json::parse(door.Ask("GET", "/ready", "").body);
  CHECK_EQ(ready.at("status"), "ready");
  CHECK_EQ(ready.at("up"), "1h0m0s");
  door.log.Fail(true);
  CHECK_EQ(door.Ask("GET", "/ready", "").status, 503);
  CHECK_EQ(door.Ask("GET", "/health", "").status, 200);
}

TEST_CASE("front door: databases that were created or written to are shown") {
  IngestFixture door;
  const HttpResponse created = door.Ask("POST", "/query", "q=CREATE+DATABASE+%22my+db%22");
  CHECK_EQ(created.status, 200);
  CHECK_EQ(created.body,
           "{\"results\":[{\"statement_id\":0,\"messages\":[{\"level\":\"warning\",\"text\":\"the "
           "relay has created nothing on west: if it is missing there, create it, or set "
           "create_databases of the backend or log_statements of this listener\"}]}]}\n");
  CHECK_EQ(door.Write("m v=1 5\n", "db=d").status, 204);
  CHECK_EQ(door.Ask("GET", "/query", "q=SHOW%20DATABASES").body,
           "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"databases\",\"columns\":"
           "[\"name\"],\"values\":[[\"d\"],[\"my db\"]]}]}]}\n");
}

TEST_CASE("front door: a query may be in a form; one that the relay cannot answer is refused") {
  IngestFixture door;
  door.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  CHECK_EQ(door.Ask("POST", "/query", "", "q=SHOW+DATABASES").status, 200);
  CHECK_EQ(door.Ask("POST", "/query", "q=SELECT+1", "q=SHOW+DATABASES").status, 200);
  CHECK_EQ(door.Ask("POST", "/query", "q=SHOW+DATABASES", "q=SELECT+1").status, 400);
  CHECK_EQ(ErrorOf(door.Ask("POST", "/query", "", "")), "missing required parameter \"q\"");
  CHECK_EQ(door.Ask("POST", "/query", "", "q=%zz").status, 400);
}

TEST_CASE("front door: where there are users, only they may write") {
  IngestFixture door;
  setenv("DOOR_TEST_TOKEN", "t0ken", 1);
  door.handler.Reconfigure(
      {.router = RouterTo({kWest}),
       .users = Users::Load({{.name = "bob",
                              .token = SecretSource::FromEnvironment("DOOR_TEST_TOKEN"),
                              .databases = {"d"}}})
                    .value()});
  const HttpResponse silent = door.Write("m v=1 5\n");
  CHECK_EQ(silent.status, 401);
  CHECK_EQ(ErrorOf(silent), "unable to parse authentication credentials");
  CHECK_EQ(HeaderOf(silent, "WWW-Authenticate"), "Basic realm=\"InfluxDB\"");
  CHECK_EQ(HeaderOf(silent, "X-Influxdb-Error"), "");
  CHECK_EQ(door.Ask("POST", "/query", "q=SHOW+DATABASES").status, 401);
  CHECK_EQ(door.Ask("GET", "/ping", "").status, 204);

  door.headers = {{"Authorization", "Token wrong"}};
  CHECK_EQ(ErrorOf(door.Write("m v=1 5\n")), "authorization failed");
  const HttpResponse wrong = door.Ask("POST", "/api/v2/write", "bucket=d", "m v=1 5\n");
  CHECK_EQ(wrong.status, 401);
  CHECK_EQ(HeaderOf(wrong, "X-Platform-Error-Code"), "unauthorized");
  CHECK(door.Stored().empty());

  door.headers = {{"Authorization", "Token t0ken"}};
  CHECK_EQ(door.Write("m v=1 5\n").status, 204);
  const HttpResponse other = door.Write("m v=1 5\n", "db=other");
  CHECK_EQ(other.status, 403);
  CHECK_EQ(ErrorOf(other), "\"bob\" user is not authorized to write to database \"other\"");
}

// ---- Names of databases

std::string Listed(IngestFixture& door) {
  return door.Ask("GET", "/query", "q=SHOW+DATABASES").body;
}

TEST_CASE("front door: a database is shown once a write to it was accepted, or it was created") {
  IngestFixture door;
  CHECK_EQ(door.Write("m v=\n", "db=bad").status, 400);
  CHECK_EQ(door.Write("m v=1 5\n", "db=good").status, 204);
  CHECK_EQ(door.Ask("POST", "/query", "q=CREATE+DATABASE+made").status, 200);
  const std::string listed = Listed(door);
  CHECK_NE(listed.find("[\"good\"],[\"made\"]"), std::string::npos);
  CHECK_EQ(listed.find("bad"), std::string::npos);
}

TEST_CASE("front door: an answer waits until a new name is saved, and no other answer does") {
  IngestFixture door;
  TempDir directory;
  DatabaseNames names(directory.File("databases"), door.clock);
  door.handler.Reconfigure({.router = RouterTo({kWest}), .databases = &names});
  CHECK_EQ(door.Write("m v=1 5\n", "db=a").status, 204);
  CHECK_EQ(DatabaseNames(directory.File("databases"), door.clock).All(),
           std::set<std::string>{"a"});
  CHECK(names.IsNoted("a"));
  CHECK_EQ(door.Ask("POST", "/query", "q=CREATE+DATABASE+b").status, 200);
  CHECK_EQ(DatabaseNames(directory.File("databases"), door.clock).All(),
           std::set<std::string>{"a", "b"});
  IngestFixture other;  // Another listener, or the relay after a restart.
  other.handler.Reconfigure({.router = RouterTo({kWest}), .databases = &names});
  CHECK_NE(Listed(other).find("[\"a\"],[\"b\"]"), std::string::npos);
}

TEST_CASE("front door: a database that was dropped through the log is shown no longer") {
  IngestFixture door;
  door.handler.Reconfigure({.router = RouterTo({kWest}), .log_statements = true});
  CHECK_EQ(door.Write("m v=1 5\n", "db=a").status, 204);
  CHECK_EQ(door.Ask("POST", "/query", "q=CREATE+DATABASE+b").status, 200);
  CHECK_EQ(door.Ask("POST", "/query", "q=DROP+DATABASE+a").status, 200);
  CHECK_NE(Listed(door).find("\"values\":[[\"b\"]]"), std::string::npos);
  CHECK_EQ(door.Write("m v=1 5\n", "db=a").status, 204);
  CHECK_NE(Listed(door).find("[\"a\"],[\"b\"]"), std::string::npos);
}

TEST_CASE("front door: a user of some databases is shown those") {
  IngestFixture door;
  setenv("DOOR_TEST_MINE", "t0ken-1", 1);
  setenv("DOOR_TEST_ALL", "t0ken-2", 1);
  const auto user = [](const char* name, const char* variable, std::vector<std::string> databases) {
    return UserConfig{.name = name,
                      .token = SecretSource::FromEnvironment(variable),
                      .databases = std::move(databases)};
  };
  door.handler.Reconfigure({.router = RouterTo({kWest}),
                            .users = Users::Load({user("bob", "DOOR_TEST_MINE", {"mine"}),
                                                  user("eve", "DOOR_TEST_ALL", {})})
                                         .value()});
  const auto be_bob = [&door] { door.headers = {{"Authorization", "Token t0ken-1"}}; };
  const auto be_eve = [&door] { door.headers = {{"Authorization", "Token t0ken-2"}}; };
  be_eve();
  CHECK_EQ(door.Write("m v=1 5\n", "db=mine").status, 204);
  CHECK_EQ(door.Write("m v=1 5\n", "db=theirs").status, 204);
  CHECK_NE(Listed(door).find("[[\"mine\"],[\"theirs\"]]"), std::string::npos);
  be_bob();
  CHECK_NE(Listed(door).find("[[\"mine\"]]"), std::string::npos);
  CHECK_EQ(door.Ask("POST", "/query", "q=CREATE+DATABASE+\"else\"").status, 200);
  be_eve();
  CHECK_EQ(Listed(door).find("else"), std::string::npos);
}

// ---- Statements

struct StatementDoor : IngestFixture {
  StatementDoor() { handler.Reconfigure({.router = RouterTo({kWest}), .log_statements = true}); }
  HttpResponse Query(std::string_view query) { return Ask("POST", "/query", query); }
};

TEST_CASE("front door: statements are logged in order with the writes where that is set up") {
  StatementDoor door;
  CHECK_EQ(door.Write("m v=1 5\n").status, 204);
  const HttpResponse answer = door.Query("db=d&q=DROP+MEASUREMENT+m%3B+CREATE+DATABASE+e");
  CHECK_EQ(answer.status, 200);
  CHECK_EQ(answer.body, "{\"results\":[{\"statement_id\":0},{\"statement_id\":1}]}\n");
  CHECK_EQ(door.Write("m v=1 6\n").status, 204);
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 5\n", "DROP MEASUREMENT \"m\"\n",
                                                   "CREATE DATABASE \"e\"\n", "m v=1 6\n"});
  CHECK_EQ(door.counters.accepted_points(), 4);
}

TEST_CASE(
    "front door: a database that some backend would not get is refused where that is set up") {
  IngestFixture door;
  const auto create = [&door](std::string_view statements) {
    return door.Ask("POST", "/query", "q=" + std::string(statements));
  };
  const auto router_with = [](bool west, bool east) {
    Config config = ConfigOf({kWest, kEast});
    config.backends[0].create_databases = west;
    config.backends[1].create_databases = east;
    return std::make_shared<const Router>(config, std::vector<BackendId>{});
  };
  door.handler.Reconfigure({.router = router_with(true, false)});
  CHECK_EQ(create("CREATE+DATABASE+e").status, 200);
  door.handler.Reconfigure({.router = router_with(true, false), .refuses_creation = true});
  const HttpResponse refused = create("SHOW+DATABASES%3BCREATE+DATABASE+f");
  CHECK_EQ(refused.status, 400);
  CHECK(ErrorOf(refused).starts_with("database \"f\": the relay has created nothing on "));
  CHECK_EQ(create("SHOW+DATABASES").body.find("\"f\""), std::string::npos);
  door.handler.Reconfigure({.router = router_with(true, true), .refuses_creation = true});
  CHECK_EQ(create("CREATE+DATABASE+f").status, 200);
}

TEST_CASE("front door: what cannot be replayed is refused, and all that came with it") {
  StatementDoor door;
  const HttpResponse answer = door.Query("db=d&q=CREATE+DATABASE+e%3BDELETE+WHERE+time<now()");
  CHECK_EQ(answer.status, 400);
  CHECK_NE(ErrorOf(answer).find("cannot be replayed"), std::string::npos);
  CHECK(door.Stored().empty());
  CHECK_EQ(door.Query("q=SHOW+DATABASES").status, 200);
}

TEST_CASE(
    "front door: what becomes of a comment does not depend on whether statements are logged") {
  StatementDoor logs;
  IngestFixture answers;
  for (const char* query :
       {"q=CREATE+DATABASE+e+--+why", "q=--+why%0ASHOW+DATABASES", "q=/*+a+*/SHOW+DATABASES"}) {
    CAPTURE(query);
    CHECK_EQ(logs.Query(query).status, 200);
    CHECK_EQ(answers.Ask("POST", "/query", query).status, 200);
  }
  CHECK_EQ(logs.Stored(), std::vector<std::string>{"CREATE DATABASE \"e\"\n"});
}

TEST_CASE(
    "front door: a statement behind one that only shows is not answered without being logged") {
  StatementDoor door;
  CHECK_EQ(door.Query("q=SHOW+DATABASES%3BCREATE+DATABASE+e").status, 400);
  CHECK(door.Stored().empty());
}

TEST_CASE("front door: statements are not logged unless that is set up") {
  IngestFixture door;
  CHECK_EQ(door.Ask("POST", "/query", "q=CREATE+DATABASE+e").status, 200);
  CHECK_EQ(door.Ask("POST", "/query", "q=DROP+DATABASE+e").status, 400);
  CHECK(door.Stored().empty());
}

}  // namespace
}  // namespace relay::test::relay_ingest_write_handler_test
