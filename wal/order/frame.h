// A message of the order as bytes: who sent it, its number among the sender's, a checksum, a body.
// A body that is larger than a message goes in several parts.
//
// Sessions. A relay numbers its frames within a session: 1, 2, 3, ... It begins a new session
// whenever it starts, and whenever it cannot know what became of its frames. Readers take a frame
// only if it is the next one of a session that the order has opened (order_state.h).
//
// THREADS. Values and pure functions.
//
// ERRORS. kCorruption: the bytes are not a whole frame of this version.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/order/order.h"

namespace relay {

// Random; names one life of a relay. Zero: none.
struct SessionId {
  std::array<std::uint64_t, 2> words{};

  bool is_none() const { return *this == SessionId(); }
  friend auto operator<=>(const SessionId&, const SessionId&) = default;
};

SessionId NewSessionId();
std::string ToString(const SessionId& session);

// The values are part of the format.
enum class FrameKind : std::uint8_t {
  kHello = 1,    // A relay opens a session.
  kGroup = 2,    // Appends, changes of queues, cursors, new backends.
  kClaim = 3,    // A relay takes over, or gives up, the delivery to a backend.
  kBeat = 4,     // A relay is alive.
  kNote = 5,     // A relay has synced; told to the others at once, never part of the order.
  kFounded = 6,  // The first message of a generation.
};

struct Frame {
  FrameKind kind = FrameKind::kBeat;
  SessionId session;
  std::uint64_t counter = 0;  // In the session, from 1; each part has its own.
  std::uint16_t part = 1;     // From 1.
  std::uint16_t parts = 1;
  std::string_view body;
};

inline constexpr std::size_t kFrameHeadSize = 4 + 1 + 16 + 8 + 2 + 2 + 4;
inline constexpr std::size_t kFrameBodyMax = Order::kMessageMax - kFrameHeadSize;

// REQUIRES: a body of at most kFrameBodyMax bytes, 1 <= part <= parts.
std::string EncodeFrame(const Frame& frame);

// The frame's body is part of `bytes`.
Result<Frame> DecodeFrame(std::string_view bytes);

// Encodes a body in as many frames as it needs; the first has `counter`.
std::vector<std::string> EncodeFrames(const Frame& first, std::string_view body);

// Hashes everything up to and including a message: two logs that have the same chain at a place
// have applied the same messages. A message that is no frame counts too.
class Chain {
 public:
  constexpr Chain() = default;
  constexpr explicit Chain(std::uint64_t value) : value_(value) {}

  constexpr std::uint64_t value() const { return value_; }
  Chain Then(const OrderedMessage& message) const;
  friend constexpr bool operator==(Chain, Chain) = default;

 private:
  std::uint64_t value_ = 0;
};

}  // namespace relay
