#include "relay/http/request_body.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::relay_http_request_body_test {
namespace {

using namespace http_parts;

struct Decoded {
  BodyState state = BodyState::kReading;
  std::string text;
  std::string rest;  // The bytes that it did not use.
};

// Passes `bytes` in pieces of that size, with enough room.
Decoded Decode(const std::string& bytes, std::size_t piece, Bytes limit = 1_MiB) {
  RequestBody body;
  body.BeginChunked(limit);
  std::string arrived;
  for (std::size_t at = 0; at < bytes.size() && body.state() == BodyState::kReading; at += piece) {
    arrived += bytes.substr(at, piece);
    arrived.erase(0, body.Take(arrived, 2_MiB));
  }
  Decoded decoded{.state = body.state(), .rest = arrived};
  if (decoded.state == BodyState::kComplete) decoded.text = body.Finish();
  return decoded;
}

TEST_CASE("request body: chunks are joined, wherever they are cut") {
  const std::string bytes =
      "3\r\nabc\r\n0002;name=\"value\"\r\nde\r\nA \t; x\r\n0123\r\n5678\r\n0\r\nTrailer: x\r\n\r\n";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    CAPTURE(piece);
    const Decoded decoded = Decode(bytes + "GET", piece);
    REQUIRE_EQ(decoded.state, BodyState::kComplete);
    CHECK_EQ(decoded.text, "abcde0123\r\n5678");
    CHECK(std::string("GET").starts_with(decoded.rest));
  }
}

TEST_CASE("request body: a chunk that two readers could understand differently is malformed") {
  for (const std::string bytes :
       {"\r\n", "g\r\n", "-1\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", ";\r\n", " 1\r\na\r\n",
        "1 1\r\na\r\n", "1\na\n0\n\n", "1\r\nab\r\n", "1\r\na\n", "1\r\na0\r\n\r\n",
        "1;a\rb\r\na\r\n", "0\r\n\n", "0\r\nno trailer\r\n\r\n", "0\r\n a: b\r\n\r\n",
        "0\r\na: b\rc\r\n\r\n"}) {
    for (const std::size_t piece : {1U, 100U}) {
      CAPTURE(bytes);
      CHECK_EQ(Decode(bytes, piece).state, BodyState::kMalformed);
    }
  }
}

TEST_CASE("request body: chunks are taken up to the limit and refused one byte beyond") {
  CHECK_EQ(Decode("5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n", 3, 10_B).text, "abcdeabcde");
  CHECK_EQ(Decode("5\r\nabcde\r\n6\r\n", 3, 10_B).state, BodyState::kTooLarge);
  CHECK_EQ(Decode("b\r\n", 3, 10_B).state, BodyState::kTooLarge);
  CHECK_EQ(Decode("fffffffffffffffff\r\n", 3, 10_B).state, BodyState::kTooLarge);
}

TEST_CASE("request body: neither an extension nor a trailer goes on without end") {
  const std::string long_text(20'000, 'x');
  for (const std::size_t piece : {1'000U, 100'000U}) {
    CHECK_EQ(Decode("1;" + long_text, piece).state, BodyState::kLineTooLong);
    CHECK_EQ(Decode("1;" + long_text + "\r\n", piece).state, BodyState::kLineTooLong);
    std::string trailer = "0\r\n";
    for (int i = 0; i < 20; ++i) trailer += "a: " + std::string(1'000, 'x') + "\r\n";
    CHECK_EQ(Decode(trailer, piece).state, BodyState::kLineTooLong);
  }
}

TEST_CASE("request body: it takes no more than the room it has, and asks for more as it grows") {
  constexpr std::size_t kLength = 300'000;
  const std::string text(kLength, 'x');
  for (const bool chunked : {false, true}) {
    CAPTURE(chunked);
    std::string arrived = chunked ? "493e0\r\n" + text + "\r\n0\r\n\r\n" : text;
    RequestBody body;
    chunked ? body.BeginChunked(1_MiB) : body.Begin(kLength);
    Bytes held(1'000);
    int raised = 0;
    while (body.state() == BodyState::kReading) {
      arrived.erase(0, body.Take(arrived, held));
      CHECK_LE(kLength - std::min(kLength, arrived.size()), held.count() + 20);
      const Bytes wanted = body.RoomToGoOn(held);
      CHECK_LE(wanted.count(), std::max<std::uint64_t>(2 * held.count(), held.count() + 65'536));
      if (wanted > held) ++raised;
      held = std::max(held, wanted);
    }
    CHECK_EQ(body.state(), BodyState::kComplete);
    CHECK_GT(raised, 2);
    CHECK_EQ(body.Finish(), text);
  }
}

TEST_CASE("request body: a body of known length is read to its place without a copy") {
  RequestBody body;
  body.Begin(10);
  CHECK_EQ(body.Take("abc", 6_B), 3);
  REQUIRE_EQ(body.Missing().size(), 3);
  body.Missing()[0] = 'd';
  body.Filled(1);
  CHECK_EQ(body.Take("efghijkl", 10_B), 6);
  CHECK_EQ(body.Finish(), "abcdefghij");
}

}  // namespace
}  // namespace relay::test::relay_http_request_body_test
