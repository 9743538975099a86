#include "replay/transport/response_parser.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace relay::test::replay_transport_response_parser_test {
namespace {

// Reads all at once and, if that works, byte by byte with the same result.
AnswerReader Read(const std::string& bytes) {
  AnswerReader at_once;
  REQUIRE(at_once.Take(bytes).ok());
  AnswerReader bit_by_bit;
  for (const char c : bytes) {
    if (!bit_by_bit.whole()) REQUIRE(bit_by_bit.Take(std::string_view(&c, 1)).ok());
  }
  CHECK_EQ(bit_by_bit.whole(), at_once.whole());
  CHECK_EQ(bit_by_bit.reply().http_status, at_once.reply().http_status);
  CHECK_EQ(bit_by_bit.reply().body, at_once.reply().body);
  return at_once;
}

std::string WhyRefused(const std::string& bytes) {
  AnswerReader reader;
  const Status taken = reader.Take(bytes);
  REQUIRE(!taken.ok());
  CHECK_EQ(taken.error().code(), ErrorCode::kUnavailable);
  return taken.error().message();
}

TEST_CASE("answer: an answer ends where it says, and the connection goes on") {
  for (const char* bytes : {
           "HTTP/1.1 204 No Content\r\n\r\n",
           "HTTP/1.1 204 No Content\r\nConnection: Keep-Alive\r\n\r\n",
           "HTTP/1.1 204\n\n",
           "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\nbody",
           "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
           "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3;x=y\r\nbod\r\n1\r\ny\r\n0\r\nTrailer: t\r\n\r\n",
       }) {
    CAPTURE(bytes);
    const AnswerReader reader = Read(bytes);
    CHECK(reader.whole());
    CHECK(reader.reusable());
    if (reader.reply().http_status == 400) CHECK_EQ(reader.reply().body, "body");
  }
}

TEST_CASE("answer: what the verdict needs is kept, in whatever case it is written") {
  const AnswerReader reader = Read(
      "HTTP/1.1 503 Service Unavailable\r\nCONTENT-TYPE:\ttext/plain \r\nretry-after: 7\r\n"
      "Content-Length: 4\r\n\r\nbusy");
  CHECK_EQ(reader.reply().http_status, 503);
  CHECK_EQ(reader.reply().content_type, "text/plain");
  CHECK_EQ(reader.reply().retry_after, "7");
  CHECK_EQ(reader.reply().body, "busy");
}

TEST_CASE("answer: interim answers are passed over, without an answer behind them it waits") {
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  CHECK_FALSE(Read(interim).whole());
  CHECK_EQ(Read(interim + "HTTP/1.1 204 No Content\r\n\r\n").reply().http_status, 204);
  CHECK_EQ(Read("HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\nRetry-After: 9\r\n\r\n"
                "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
               .reply()
               .retry_after,
           "");
}

TEST_CASE("answer: a connection with more on it than the answer carries no other request") {
  for (const char* bytes : {
           "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
           "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody",
           "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
           "HTTP/1.0 204 No Content\r\n\r\n",
           "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbody",
           "HTTP/1.1 400 Bad\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       }) {
    CAPTURE(bytes);
    AnswerReader reader;
    REQUIRE(reader.Take(bytes).ok());
    CHECK(reader.whole());
    CHECK_FALSE(reader.reusable());
  }
}

TEST_CASE("answer: one without a length ends with the connection, any other must not") {
  AnswerReader open_ended;
  REQUIRE(open_ended.Take("HTTP/1.1 500 Oops\r\n\r\nwords").ok());
  CHECK_FALSE(open_ended.whole());
  CHECK(open_ended.TakeEnd().ok());
  CHECK(open_ended.whole());
  CHECK_FALSE(open_ended.reusable());
  CHECK_EQ(open_ended.reply().body, "words");

  AnswerReader counted;
  REQUIRE(counted.Take("HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nwords").ok());
  CHECK_EQ(counted.TakeEnd().error().message(), "the connection broke in the middle of its answer");
  AnswerReader silent;
  CHECK_EQ(silent.TakeEnd().error().message(), "the connection was closed before an answer came");
}

TEST_CASE("answer: what is not HTTP is told at its first line") {
  constexpr const char* kNotHttp = "its answer is not HTTP/1.1";
  CHECK_EQ(WhyRefused("SSH-2.0-OpenSSH_9.2\r\n"), kNotHttp);
  CHECK_EQ(WhyRefused("\r\n"), kNotHttp);
  CHECK_EQ(WhyRefused("HTTP/2 204\r\n"), kNotHttp);
  CHECK_EQ(WhyRefused("HTTP/1.1 20\r\n"), kNotHttp);
  CHECK_EQ(WhyRefused("HTTP/1.1 -20 x\r\n"), kNotHttp);
  CHECK_EQ(WhyRefused("HTTP/1.1 101 Switching\r\n"),
           "it switches to another protocol than HTTP/1.1");
}

TEST_CASE("answer: a frame that can be read in two ways is refused") {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  for (const char* header :
       {"Content-Length: -1", "Content-Length: 1x", "Content-Length: 99999999999999999999",
        "Content-Length:", "Content-Length: 1\r\nContent-Length: 2"}) {
    CAPTURE(header);
    CHECK_EQ(WhyRefused(head + header + "\r\n\r\n"), "the length of its answer is not a number");
  }
  WhyRefused(head + "Transfer-Encoding: gzip, chunked\r\n\r\n");
  for (const char* chunk : {"x\r\n", "-1\r\n", "\r\n", "1\r\nabc\r\n", "11111111111111111\r\n"}) {
    CAPTURE(chunk);
    WhyRefused(head + "Transfer-Encoding: chunked\r\n\r\n" + chunk);
  }
}

TEST_CASE("answer: of a head without an end no more is held than the limit") {
  const std::string head = "HTTP/1.1 204 No Content\r\n";
  const std::string room(AnswerReader::kHeadMax.count() - head.size() - 4, 'x');
  CHECK(Read(head + room + "\r\n\r\n").whole());
  const char* kNoEnd = "the head of its answer is too long";
  CHECK_EQ(WhyRefused(head + room + "x\r\n\r\n"), kNoEnd);
  CHECK_EQ(WhyRefused(std::string(AnswerReader::kHeadMax.count() + 1, 'x')), kNoEnd);
  std::string interim;
  while (interim.size() <= AnswerReader::kHeadMax.count()) interim += "HTTP/1.1 100 C\r\n\r\n";
  CHECK_EQ(WhyRefused(interim), kNoEnd);
}

TEST_CASE("answer: of a body without an end the beginning is kept and is enough") {
  const std::string kept(AnswerReader::kBodyMax.count(), 'x');
  for (const char* frame : {"Content-Length: 9999999999", "X: no length"}) {
    CAPTURE(frame);
    AnswerReader reader;
    REQUIRE(reader.Take(std::string("HTTP/1.1 400 Bad\r\n") + frame + "\r\n\r\n" + kept).ok());
    CHECK(reader.whole());
    CHECK_FALSE(reader.reusable());
    CHECK_EQ(reader.reply().body.size(), AnswerReader::kBodyMax.count());
  }
  AnswerReader chunked;
  REQUIRE(chunked.Take("HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n").ok());
  for (int chunk = 0; chunk < 20'000 && !chunked.whole(); ++chunk) {
    REQUIRE(chunked.Take("5\r\nabcde\r\n").ok());
  }
  CHECK_EQ(chunked.reply().body.size(), AnswerReader::kBodyMax.count());
}

}  // namespace
}  // namespace relay::test::replay_transport_response_parser_test
