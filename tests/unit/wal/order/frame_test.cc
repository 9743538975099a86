#include "wal/order/frame.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/support/seed.h"

namespace relay::test::wal_order_frame_test {
namespace {

const SessionId kSession{{1, 2}};

OrderedMessage MessageOf(std::uint64_t place, std::string bytes) {
  return {Place(place), WallTime(), std::move(bytes)};
}

TEST_CASE("frame: what was encoded is decoded") {
  const std::string bytes = EncodeFrame({.kind = FrameKind::kClaim,
                                         .session = kSession,
                                         .counter = 7,
                                         .part = 2,
                                         .parts = 3,
                                         .body = "body"});
  CHECK_EQ(bytes.size(), kFrameHeadSize + 4);
  const Frame frame = DecodeFrame(bytes).value();
  CHECK(frame.kind == FrameKind::kClaim);
  CHECK(frame.session == kSession);
  CHECK_EQ(frame.counter, 7);
  CHECK_EQ(frame.part, 2);
  CHECK_EQ(frame.parts, 3);
  CHECK_EQ(frame.body, "body");
}

TEST_CASE("frame: a large body goes in parts, each with a counter of its own") {
  const std::string body = std::string(kFrameBodyMax, 'a') + std::string(kFrameBodyMax, 'b') + "c";
  const auto frames = EncodeFrames(
      {.kind = FrameKind::kGroup, .session = kSession, .counter = 5, .body = {}}, body);
  REQUIRE_EQ(frames.size(), 3);
  std::string joined;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    CHECK_LE(frames[i].size(), Order::kMessageMax);
    const Frame frame = DecodeFrame(frames[i]).value();
    CHECK_EQ(frame.counter, 5 + i);
    CHECK_EQ(frame.part, i + 1);
    CHECK_EQ(frame.parts, 3);
    joined += frame.body;
  }
  CHECK(joined == body);
  CHECK_EQ(EncodeFrames({.kind = FrameKind::kBeat, .session = kSession, .body = {}}, "").size(), 1);
}

TEST_CASE("frame: one changed bit, a lost end or foreign bytes are no frame") {
  const std::string bytes =
      EncodeFrame({.kind = FrameKind::kBeat, .session = kSession, .counter = 1, .body = "alive"});
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CAPTURE(bit);
    CHECK_FALSE(DecodeFrame(flipped).ok());
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(DecodeFrame(std::string_view(bytes).substr(0, size)).ok());
  }
  CHECK_FALSE(DecodeFrame("hello, is this the order?").ok());
}

TEST_CASE("chain: it tells another message, another order and another place apart") {
  const Chain none;
  const Chain a = none.Then(MessageOf(1, "a"));
  const Chain ab = a.Then(MessageOf(2, "b"));
  CHECK(ab == none.Then(MessageOf(1, "a")).Then(MessageOf(2, "b")));
  CHECK_FALSE(ab == none.Then(MessageOf(1, "b")).Then(MessageOf(2, "a")));
  CHECK_FALSE(ab == a.Then(MessageOf(3, "b")));
  CHECK_FALSE(a == none.Then(MessageOf(1, "b")));
  CHECK_FALSE(a == none);
}

}  // namespace
}  // namespace relay::test::wal_order_frame_test
