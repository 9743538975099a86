#include "relay/http/request_head.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::relay_http_request_head_test {
namespace {

using namespace http_parts;

// Parses a head, and keeps the bytes that it points into.
struct Parsed {
  explicit Parsed(std::string text) : bytes(std::move(text)), refusal(ParseHead(bytes, head)) {}

  std::string bytes;
  RequestHead head;
  std::optional<HttpRefusal> refusal;
};

std::string Head(const std::string& headers, const std::string& version = "1.1") {
  return "POST /write?db=d HTTP/" + version + "\r\n" + headers + "\r\n";
}

TEST_CASE("request head: a head ends with an empty line, however its lines end") {
  for (const std::string head : {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n",
                                 "GET / HTTP/1.1\r\nHost: x\n\r\n"}) {
    CAPTURE(head);
    HeadEnd pieces;
    for (std::size_t i = 0; i < head.size(); ++i) CHECK_EQ(pieces.Find(head.substr(0, i)), 0);
    CHECK_EQ(pieces.Find(head + "body\n\n"), head.size());
    HeadEnd whole;
    CHECK_EQ(whole.Find(head + "body\n\n"), head.size());
    const Parsed parsed(head);
    CHECK(!parsed.refusal);
    REQUIRE_EQ(parsed.head.headers.size(), 1);
    CHECK(parsed.head.headers.front() == HeaderField("Host", "x"));
  }
}

TEST_CASE(
    "request head: names and tokens are read in any case, blanks around values are left out") {
  const Parsed parsed(
      Head("hOST:x\r\nCONTENT-length: \t12 \r\ncontent-Length:12\r\nConnection: a, CLOSE\r\n"
           "Expect: 100-Continue\r\nx-request-ID: 7\r\nRequest-Id: 8\r\n"));
  REQUIRE(!parsed.refusal);
  CHECK_EQ(parsed.head.method, "POST");
  CHECK_EQ(parsed.head.target, "/write?db=d");
  CHECK_EQ(parsed.head.content_length, 12);
  CHECK(!parsed.head.keep_alive);
  CHECK(parsed.head.expects_continue);
  CHECK_EQ(parsed.head.request_id, "7");
  CHECK(Parsed(Head("Host: x\r\nTransfer-Encoding: Chunked\r\n")).head.chunked);
}

TEST_CASE("request head: HTTP/1.0 stays open only if asked, 1.1 unless asked not to") {
  CHECK(Parsed(Head("Host: x\r\n")).head.keep_alive);
  CHECK(Parsed(Head("Host: x\r\n", "1.2")).head.keep_alive);
  CHECK(!Parsed(Head("Host: x\r\nConnection: close\r\n")).head.keep_alive);
  CHECK(!Parsed(Head("", "1.0")).head.keep_alive);
  CHECK(Parsed(Head("Connection: Keep-Alive\r\n", "1.0")).head.keep_alive);
  CHECK(!Parsed(Head("Connection: keep-alive\r\nConnection: close\r\n", "1.0")).head.keep_alive);
  // A client of 1.0 does not know "100 Continue".
  CHECK(!Parsed(Head("Expect: 100-continue\r\n", "1.0")).head.expects_continue);
}

TEST_CASE("request head: what two readers could understand differently is refused") {
  const std::string host = "Host: x\r\n";
  for (const std::string& bytes : {
           Head(host + "Content-Length: 1\r\nContent-Length: 2\r\n"),
           Head(host + "Content-Length: 1, 1\r\n"),
           Head(host + "Content-Length: +1\r\n"),
           Head(host + "Content-Length: 0x1\r\n"),
           Head(host + "Content-Length:\r\n"),
           Head(host + "Content-Length: 9223372036854775808\r\n"),
           Head(host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
           Head(host + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
           Head(host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
           Head(host + "Transfer-Encoding: gzip, chunked\r\n"),
           Head(host + "Transfer-Encoding: identity\r\n"),
           Head(host + "Transfer-Encoding:\r\n"),
           Head(host + "Transfer-Encoding: \x0b"
                       "chunked\r\n"),
           Head("Transfer-Encoding: chunked\r\n", "1.0"),
           Head(host + "Content-Length : 1\r\n"),
           Head(host + " Content-Length: 1\r\n"),
           Head(host + "A: b\r\n\tc\r\n"),
           Head(host + "A: b\rContent-Length: 1\r\n"),
           Head(host + "A: b\r\r\n"),
           Head(host + "\r\r\n\r\n"),
           Head(host + std::string("A: \0\r\n", 6)),
           Head(host + "A\r\n"),
           Head(host + ": b\r\n"),
           Head(host + "\"A\": b\r\n"),
           Head(""),
           Head(host + host),
           Head(host + host, "1.0"),
       }) {
    CAPTURE(bytes);
    const Parsed parsed(bytes);
    REQUIRE(parsed.refusal);
    CHECK_EQ(parsed.refusal->status, 400);
  }
}

TEST_CASE("request head: a request line has three parts, one blank between them") {
  const std::string rest = "\r\nHost: x\r\n\r\n";
  for (const std::string line :
       {"GET / HTTP/1.1", "get /a HTTP/1.1", "OPTIONS * HTTP/1.1", "GET http://x HTTP/1.1",
        "CONNECT x:80 HTTP/1.1", "GET /\xff HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(!Parsed(line + rest).refusal);
  }
  for (const std::string line :
       {"", "GET", "GET /", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ",
        " GET / HTTP/1.1", "GET /a b HTTP/1.1", "GET / http/1.1", "GET / HTTP/1.10",
        "GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/1,1", "G(T / HTTP/1.1", "GET a HTTP/1.1",
        "GET :// HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /\r HTTP/1.1", "GET /\t HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(Parsed(line + rest).refusal);
  }
}

TEST_CASE("request head: a whole URL is taken for its path and query") {
  const auto local = [](std::string_view target) {
    return std::string(RequestHead{.target = target}.LocalTarget());
  };
  CHECK_EQ(local("/a?b=http://c/"), "/a?b=http://c/");
  CHECK_EQ(local("http://x:1/a?b"), "/a?b");
  CHECK_EQ(local("HTTPS://x/a"), "/a");
  CHECK_EQ(local("http://x"), "/");
  CHECK_EQ(local("http://x?a=/b"), "?a=/b");
  CHECK_EQ(local("*"), "*");
}

TEST_CASE("request head: what can never become a request is known from its first bytes") {
  RequestHead head;
  for (const std::string begun : {"", "G", "GET", "GET /", "GET / HTTP/1.1\r\nHo"}) {
    CAPTURE(begun);
    CHECK(!RefuseBeginning(begun, head));
  }
  CHECK(!RefuseBeginning("GET /a HTTP/1.1\r\n", head));
  CHECK_EQ(head.target, "/a");
  for (const std::string begun :
       {"\x16\x03\x01", " GET", "GET /\n", "\n", "\r", "m v=1 1\nm v=2"}) {
    CAPTURE(begun);
    CHECK(RefuseBeginning(begun, head));
  }
}

}  // namespace
}  // namespace relay::test::relay_http_request_head_test
