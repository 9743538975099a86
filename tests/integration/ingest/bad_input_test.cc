// Clients that send invalid input, or disconnect too early.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <libdeflate.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_bad_input_test {
namespace {

using nlohmann::json;

constexpr std::size_t kBodyMax = 64U << 10U;  // The limit of the front door below.

struct IngestFixture {
  TempDir directory;
  FakeBackend backend;
  RelayProcess relay{directory.path(),
                     {.backends = {{"a", backend.Url()}}, .http = {"max_body: 64KiB"}}};

  // Sends the query as it goes over the wire: "db=metrics".
  HttpAnswer Write(const std::string& query, const std::string& body,
                   const HttpHeaders& headers = {}) const {
    return Post(relay.endpoint(), "/write?" + query, body, {.headers = headers});
  }
  HttpAnswer WriteGzip(const std::string& gzip) const {
    return Write("db=metrics", gzip, {{"content-encoding", "gzip"}});
  }
  PointCount StoredPoints() const { return StatusOf(relay, "a").figures.accepted.points; }
  std::string Delivered() const {
    REQUIRE(relay.WaitDrained());
    return backend.Bodies();
  }
};

std::string Gzip(const std::string& text) {
  constexpr int kBestLevel = 12;
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(kBestLevel);
  std::string zipped(libdeflate_gzip_compress_bound(compressor, text.size()), '\0');
  zipped.resize(
      libdeflate_gzip_compress(compressor, text.data(), text.size(), zipped.data(), zipped.size()));
  libdeflate_free_compressor(compressor);
  return zipped;
}

std::string Lines(std::size_t bytes_min) {
  std::string lines;
  for (int i = 1; lines.size() < bytes_min; ++i) lines += fmt::format("m v={} {}\n", i, i);
  return lines;
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Checks that every refusal says why, in the body and in a header.
void CheckRefused(const HttpAnswer& answer, int status, const std::string& words) {
  INFO("expected ", status, " ", words, ", got ", answer.status, " ", answer.body);
  CHECK_EQ(answer.status, status);
  CHECK_EQ(answer.Header("content-type"), "application/json");
  const json body = json::parse(answer.body, nullptr, false);
  REQUIRE(body.is_object());
  CHECK(Contains(body.value("error", ""), words));
  CHECK(Contains(answer.Header("x-influxdb-error"), words));
}

// ---- Requests as bytes

// Returns a whole request; `head` is its first line without the version, and its headers.
std::string Request(const std::string& head, const std::string& body) {
  const std::size_t first_end = std::min(head.find("\r\n"), head.size());
  return fmt::format("{} HTTP/1.1{}\r\nHost: relay\r\nContent-Length: {}\r\n\r\n{}",
                     head.substr(0, first_end), head.substr(first_end), body.size(), body);
}

std::string WriteRequest(const std::string& body) {
  return Request("POST /write?db=metrics", body);
}

std::string ChunkedRequest(const std::string& body) {
  std::string request =
      "POST /write?db=metrics HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n";
  constexpr std::size_t kChunk = 1000;
  for (std::size_t at = 0; at < body.size(); at += kChunk) {
    const std::string chunk = body.substr(at, kChunk);
    request += fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
  }
  return request + "0\r\n\r\n";
}

// Takes the first whole answer from the front of `stream`. It reads as a request
// whose target is its status.
std::optional<HttpAnswer> TakeAnswer(std::string& stream) {
  std::optional<FakeRequest> read = TakeRequest(stream);
  if (!read) return std::nullopt;
  return HttpAnswer{std::stoi(read->target), std::move(read->headers), std::move(read->body)};
}

std::vector<HttpAnswer> ReadAnswers(RawConnection& connection, std::size_t count) {
  std::vector<HttpAnswer> answers;
  std::string stream;
  const Deadline deadline(kPatience);
  while (answers.size() < count && !deadline.passed()) {
    if (auto answer = TakeAnswer(stream)) {
      answers.push_back(std::move(*answer));
      continue;
    }
    const Received more = connection.ReadSome(deadline.remaining());
    stream += more.bytes;
    if (more.closed) break;
  }
  REQUIRE_EQ(answers.size(), count);
  return answers;
}

// Uses a connection of its own; returns what the relay says before it closes it.
HttpAnswer Exchange(const IngestFixture& door, const std::string& bytes) {
  RawConnection connection(door.relay.endpoint());
  connection.Send(bytes);
  return ReadAnswers(connection, 1).front();
}

// ---- The query

TEST_CASE("bad input: a write without a database, or with an unknown precision, is refused") {
  const IngestFixture door;
  CheckRefused(door.Write("", "m v=1 1\n"), 400, "database is required");
  CheckRefused(door.Write("db=", "m v=1 1\n"), 400, "database is required");
  CheckRefused(door.Write("db=metrics&precision=d", "m v=1 1\n"), 400, "invalid precision \"d\"");
  CheckRefused(door.Write("db=metrics&consistency=most", "m v=1 1\n"), 400,
               "invalid consistency level");
  CheckRefused(door.Write("db=a%0ab", "m v=1 1\n"), 400, "control character");
  CHECK_EQ(door.StoredPoints(), 0);
}

TEST_CASE("bad input: a bad percent escape is refused") {
  const IngestFixture door;
  CheckRefused(door.Write("db=%zz", "m v=1 1\n"), 400, "invalid URL escape \"%zz\"");
  CheckRefused(door.Write("db=m%2", "m v=1 1\n"), 400, "invalid URL escape \"%2\"");
  CHECK_EQ(door.StoredPoints(), 0);
}

// ---- The lines

TEST_CASE("bad input: a body without a point is a success that stores nothing") {
  const IngestFixture door;
  CHECK_EQ(door.Write("db=metrics", "").status, 204);
  CHECK_EQ(door.Write("db=metrics", "\n  \n# only a comment\n\r\n").status, 204);
  CHECK_EQ(StatusOf(door.relay, "a").figures.marks.head.value(), 0);
}

TEST_CASE("bad input: nothing is stored of a body of bad lines, and each is named") {
  const IngestFixture door;
  const HttpAnswer answer = door.Write("db=metrics", "m\n\nm v=\n");
  CheckRefused(answer, 400, "unable to parse 'm': missing fields");
  CHECK(Contains(answer.body, "unable to parse 'm v=': missing field value"));
  CHECK_FALSE(Contains(answer.body, "partial write"));
  CHECK_EQ(json::parse(answer.body).at("lines"), json({1, 3}));
  CHECK_EQ(StatusOf(door.relay, "a").figures.marks.head.value(), 0);
}

TEST_CASE("bad input: the good lines beside a bad one are stored, and the answer names the bad") {
  const IngestFixture door;
  const HttpAnswer answer = door.Write("db=metrics", "m v=1 1\nm v=x 2\nm v=3 3\n");
  CheckRefused(answer, 400, "partial write: unable to parse 'm v=x 2': ");
  CHECK(Contains(answer.body, "dropped=0"));
  CHECK_EQ(json::parse(answer.body).at("lines"), json({2}));
  CHECK_EQ(door.Delivered(), "m v=1 1\nm v=3 3\n");
}

TEST_CASE("bad input: bytes that are not text do not break the answer") {
  const IngestFixture door;
  CheckRefused(door.Write("db=metrics", std::string("\xff\xfe\0 \x01\r\"", 7)), 400,
               "unable to parse");
  CHECK_EQ(door.StoredPoints(), 0);
}

// ---- The body

TEST_CASE("bad input: a body that is not gzip as announced is refused") {
  const IngestFixture door;
  const std::string good = Gzip("m v=1 1\n");
  CheckRefused(door.WriteGzip("m v=1 1\n"), 400, "not valid gzip");
  CheckRefused(door.WriteGzip(""), 400, "not valid gzip");
  CheckRefused(door.WriteGzip(good.substr(0, good.size() / 2)), 400, "not valid gzip");
  CheckRefused(door.WriteGzip(good + "rest"), 400, "not valid gzip");
  std::string wrong_sum = good;
  wrong_sum[wrong_sum.size() - 8] ^= 1;
  CheckRefused(door.WriteGzip(wrong_sum), 400, "not valid gzip");
  CHECK_EQ(door.StoredPoints(), 0);

  CHECK_EQ(door.WriteGzip(good).status, 204);
  CHECK_EQ(door.WriteGzip(good + good).status, 204);  // Members end to end are one body.
  CHECK_EQ(door.StoredPoints(), 3);
}

TEST_CASE("bad input: a small body that inflates beyond the limit is refused") {
  const IngestFixture door;
  const std::string bomb = Gzip(std::string(10U << 20U, '\n'));
  REQUIRE_LT(bomb.size(), kBodyMax);
  CheckRefused(door.WriteGzip(bomb), 413, "larger than 65536 bytes");
  CHECK_EQ(door.StoredPoints(), 0);
}

TEST_CASE("bad input: an encoding that the relay does not know is refused by its name") {
  const IngestFixture door;
  CheckRefused(door.Write("db=metrics", "m v=1 1\n", {{"content-encoding", "br"}}), 400,
               "Content-Encoding \"br\"");
  CHECK_EQ(door.StoredPoints(), 0);
}

TEST_CASE("bad input: a body above the limit is refused, whether it says its length or not") {
  const IngestFixture door;
  const std::string large = Lines(kBodyMax + 1);
  CheckRefused(door.Write("db=metrics", large), 413, "Request Entity Too Large");
  CheckRefused(Exchange(door, ChunkedRequest(large)), 413, "Request Entity Too Large");
  // Refused from the length alone: the body is never sent.
  CheckRefused(Exchange(door,
                        "POST /write?db=metrics HTTP/1.1\r\nHost: relay\r\n"
                        "Content-Length: 99999999999\r\n\r\n"),
               413, "Request Entity Too Large");
  CHECK_EQ(door.StoredPoints(), 0);

  const std::string fits = Lines(kBodyMax - 100);
  CHECK_EQ(Exchange(door, ChunkedRequest(fits)).status, 204);
  CHECK_EQ(door.Delivered(), fits);
}

TEST_CASE("bad input: half a body stores nothing") {
  const IngestFixture door;
  RawConnection connection(door.relay.endpoint());
  const std::string request = WriteRequest("m v=1 1\nm v=2 2\n");
  REQUIRE(connection.Send(request.substr(0, request.size() - 8)));
  connection.CloseSending();
  CHECK_FALSE(Contains(connection.ReadUntilClose().bytes, "204"));
  CHECK_EQ(door.relay.Write("metrics", "m v=3 3\n").status, 204);
  CHECK_EQ(door.Delivered(), "m v=3 3\n");
}

// ---- HTTP itself

TEST_CASE("bad input: a POST that does not say where its body ends is refused") {
  const IngestFixture door;
  CheckRefused(Exchange(door, "POST /write?db=metrics HTTP/1.1\r\nHost: relay\r\n\r\n"), 411,
               "Content-Length");
}

TEST_CASE("bad input: a head that is too large is refused") {
  const IngestFixture door;
  const std::string head =
      fmt::format("POST /write?db=metrics\r\nX-Pad: {}", std::string(20'000, 'x'));
  CheckRefused(Exchange(door, Request(head, "m v=1 1\n")), 431, "too large");
  CHECK_EQ(door.StoredPoints(), 0);
}

TEST_CASE("bad input: bytes that are not HTTP are refused, and do not stop the relay") {
  const IngestFixture door;
  for (const std::string_view bytes :
       {"GARBAGE\r\n\r\n", "POST /write?db=m HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\r\n\r\n",
        "POST /write?db=m HTTP/1.1\r\nno colon\r\n\r\n",
        "POST /write?db=m HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /write?db=m HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    CheckRefused(Exchange(door, std::string(bytes)), 400, "malformed HTTP request");
  }
  CHECK_EQ(door.Write("db=metrics", "m v=1 1\n").status, 204);
  CHECK_EQ(door.Delivered(), "m v=1 1\n");
}

TEST_CASE("bad input: a 405 names the allowed methods, an unknown path gets a 404") {
  const IngestFixture door;
  for (const std::string_view method : {"GET", "PUT", "DELETE", "PATCH"}) {
    const HttpAnswer answer =
        Exchange(door, Request(fmt::format("{} /write?db=metrics", method), ""));
    CheckRefused(answer, 405, "Method Not Allowed");
    CHECK_EQ(answer.Header("allow"), "OPTIONS, POST");
  }
  const HttpAnswer ping = Exchange(door, Request("POST /ping", ""));
  CheckRefused(ping, 405, "Method Not Allowed");
  CHECK_EQ(ping.Header("allow"), "GET, HEAD, OPTIONS");
  CheckRefused(Exchange(door, Request("POST /writes?db=metrics", "m v=1 1\n")), 404, "not found");
  CheckRefused(Get(door.relay.endpoint(), "/"), 404, "not found");
}

TEST_CASE("bad input: OPTIONS lists the allowed methods") {
  const IngestFixture door;
  const HttpAnswer answer = Exchange(door, "OPTIONS /write HTTP/1.1\r\nHost: relay\r\n\r\n");
  CHECK_EQ(answer.status, 204);
  CHECK(Contains(answer.Header("allow"), "POST"));
}

// ---- The connection

TEST_CASE("bad input: a connection goes on after a refusal of a body that was read whole") {
  const IngestFixture door;
  RawConnection connection(door.relay.endpoint());
  for (const std::string& bad :
       {WriteRequest("m\n"), Request("POST /write", "m v=1 1\n"),
        Request("POST /write?db=metrics\r\nContent-Encoding: gzip", "no gzip"),
        Request("GET /write?db=metrics", "")}) {
    REQUIRE(connection.Send(bad));
    CHECK_EQ(ReadAnswers(connection, 1).front().status / 100, 4);
    REQUIRE(connection.Send(WriteRequest("m v=1 1\n")));
    CHECK_EQ(ReadAnswers(connection, 1).front().status, 204);
  }
  CHECK_EQ(door.StoredPoints(), 4);
}

TEST_CASE("bad input: requests sent without waiting for answers are answered in their order") {
  const IngestFixture door;
  RawConnection connection(door.relay.endpoint());
  std::string all;
  for (int i = 1; i <= 20; ++i) {
    all += Request(fmt::format("POST /write?db=metrics\r\nX-Request-Id: good-{}", i),
                   fmt::format("m v={} {}\n", i, i));
    all += Request(fmt::format("POST /write?db=metrics\r\nX-Request-Id: bad-{}", i), "m\n");
  }
  REQUIRE(connection.Send(all));
  const std::vector<HttpAnswer> answers = ReadAnswers(connection, 40);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const bool good = i % 2 == 0;
    CHECK_EQ(answers[i].status, good ? 204 : 400);
    CHECK_EQ(answers[i].Header("request-id"),
             fmt::format("{}-{}", good ? "good" : "bad", i / 2 + 1));
  }
  CHECK_EQ(door.StoredPoints(), 20);
}

TEST_CASE("bad input: a client that leaves before its answer harms nobody") {
  const IngestFixture door;
  for (int i = 1; i <= 50; ++i) {
    RawConnection connection(door.relay.endpoint());
    const std::string request = WriteRequest(fmt::format("m v={} {}\n", i, i));
    connection.Send(std::string_view(request).substr(0, i % 3 == 0 ? 30 : request.size()));
    i % 2 == 0 ? connection.Reset() : connection.Close();
  }
  CHECK_EQ(door.Write("db=metrics", "last v=1 1\n").status, 204);
  CHECK(Contains(door.Delivered(), "last v=1 1\n"));
  CHECK_EQ(StatusOf(door.relay, "a").figures.unaccounted(), 0);
}

}  // namespace
}  // namespace relay::test::integration_ingest_bad_input_test
