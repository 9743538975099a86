#include "wal/order/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <random>

#include "wal/base/big_endian.h"
#include "wal/base/crc32c.h"
#include "wal/base/invariant.h"
#include "wal/base/mix.h"

namespace relay {
namespace {

constexpr std::uint32_t kMagic = 0x524c4f31;  // RLO1: the last digit is the version.
constexpr std::size_t kCrcSize = sizeof(std::uint32_t);

Error NotAFrame(std::string_view reason) {
  return {ErrorCode::kCorruption, fmt::format("not a message of a relay: {}", reason)};
}

}  // namespace

SessionId NewSessionId() {
  std::random_device random;
  std::uniform_int_distribution<std::uint64_t> any(1, std::numeric_limits<std::uint64_t>::max());
  return {{any(random), any(random)}};
}

std::string ToString(const SessionId& session) {
  return fmt::format("{:016x}{:016x}", session.words[0], session.words[1]);
}

std::string EncodeFrame(const Frame& frame) {
  INVARIANT(frame.body.size() <= kFrameBodyMax);
  INVARIANT(frame.part >= 1 && frame.part <= frame.parts);
  std::string bytes;
  bytes.reserve(kFrameHeadSize + frame.body.size());
  PutBigEndian(bytes, kMagic);
  PutBigEndian(bytes, static_cast<std::uint8_t>(frame.kind));
  for (const std::uint64_t word : frame.session.words) PutBigEndian(bytes, word);
  PutBigEndian(bytes, frame.counter);
  PutBigEndian(bytes, frame.part);
  PutBigEndian(bytes, frame.parts);
  PutBigEndian(bytes, ExtendCrc32c(Crc32c(bytes), frame.body));
  bytes += frame.body;
  return bytes;
}

Result<Frame> DecodeFrame(std::string_view bytes) {
  BigEndianReader reader(bytes);
  if (reader.Take<std::uint32_t>() != kMagic) return NotAFrame("another beginning");
  Frame frame;
  const auto kind = reader.Take<std::uint8_t>();
  for (std::uint64_t& word : frame.session.words) word = reader.Take<std::uint64_t>();
  frame.counter = reader.Take<std::uint64_t>();
  frame.part = reader.Take<std::uint16_t>();
  frame.parts = reader.Take<std::uint16_t>();
  const auto crc = reader.Take<std::uint32_t>();
  if (reader.ended_early()) return NotAFrame("truncated");
  frame.body = reader.left();
  const std::string_view head = bytes.substr(0, kFrameHeadSize - kCrcSize);
  if (crc != ExtendCrc32c(Crc32c(head), frame.body)) return NotAFrame("checksum mismatch");
  const bool known = kind >= static_cast<std::uint8_t>(FrameKind::kHello) &&
                     kind <= static_cast<std::uint8_t>(FrameKind::kFounded);
  if (!known) return NotAFrame(fmt::format("unknown kind {}", kind));
  if (frame.part < 1 || frame.part > frame.parts) return NotAFrame("a part beyond the last");
  frame.kind = static_cast<FrameKind>(kind);
  return frame;
}

std::vector<std::string> EncodeFrames(const Frame& first, std::string_view body) {
  const std::size_t parts =
      std::max<std::size_t>(1, (body.size() + kFrameBodyMax - 1) / kFrameBodyMax);
  INVARIANT(parts <= std::numeric_limits<std::uint16_t>::max());
  std::vector<std::string> frames;
  Frame frame = first;
  frame.parts = static_cast<std::uint16_t>(parts);
  for (std::size_t part = 1; part <= parts; ++part) {
    frame.part = static_cast<std::uint16_t>(part);
    frame.body = body.substr(0, kFrameBodyMax);
    body.remove_prefix(frame.body.size());
    frames.push_back(EncodeFrame(frame));
    ++frame.counter;
  }
  return frames;
}

Chain Chain::Then(const OrderedMessage& message) const {
  const std::uint64_t of_message =
      (std::uint64_t{Crc32c(message.bytes)} << 32U) ^ message.bytes.size();
  const std::uint64_t placed = Mix(value_ + message.place.value());
  return Chain(Mix(placed ^ Mix(of_message)));
}

}  // namespace relay
