// One order of messages that several logs share: every log applies the same messages in the same
// order, and so has the same contents. Implemented on NATS JetStream (jetstream_order.h); tests
// have one in memory that misbehaves.
//
// INVARIANT. A message has one place, for every reader and for ever; places ascend without a gap. A
// message that was proposed may get a place late, several times or never: the sender numbers its
// messages and repeats them (frame.h), and readers ignore repetitions.
//
// DURABILITY. None that a log relies on. A message that has a place may be lost again, together
// with everything behind it, when the servers of the order lose power: logs compare their chains.
//
// Generations. After such a loss an operator founds the order anew, behind the last message of one
// log: places go on in the next generation, whose first message names that place. Of an earlier
// generation nothing is accepted any more.
//
// THREADS. One thread proposes, one reads, one tells; any thread may call the others.
//
// ERRORS. kUnavailable: the order cannot be reached now; the call may be repeated.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// The number of a message in an order, 1, 2, 3, ..., and its generation, 0, 1, 2, ...
class Place {
 public:
  static constexpr Place BeforeFirst() { return Place(0); }
  static constexpr Place In(std::uint16_t generation, std::uint64_t number) {
    return Place((std::uint64_t{generation} << kNumberBits) | number);
  }

  constexpr explicit Place(std::uint64_t value) : value_(value) {}
  constexpr std::uint64_t value() const { return value_; }
  constexpr std::uint16_t generation() const {
    return static_cast<std::uint16_t>(value_ >> kNumberBits);
  }
  constexpr std::uint64_t number() const {
    return value_ & ((std::uint64_t{1} << kNumberBits) - 1);
  }
  constexpr Place Next() const { return Place(value_ + 1); }
  friend constexpr auto operator<=>(Place, Place) = default;

 private:
  static constexpr unsigned kNumberBits = 48;

  std::uint64_t value_;
};

// Returns "17", or "2/17" in a later generation.
inline std::string ToString(Place place) {
  const std::string number = std::to_string(place.number());
  return place.generation() == 0 ? number : std::to_string(place.generation()) + "/" + number;
}

struct OrderedMessage {
  Place place = Place::BeforeFirst();
  WallTime at;  // When the order accepted it; the same for every reader.
  std::string bytes;
};

// The last message that a reader has taken: its place, and when the order accepted it.
struct Reached {
  Place place = Place::BeforeFirst();
  WallTime at = {};  // Means nothing before the first message of a generation.
};

// The messages that the order holds.
struct OrderRange {
  Place first = Place(1);  // Earlier ones were forgotten.
  Place last = Place::BeforeFirst();
  Bytes bytes{0};
  Bytes bytes_max{0};  // Beyond it nothing is taken. 0: there is no limit.
};

class Order {
 public:
  // Limits the size of a message: NATS accepts 1 MiB unless it is told otherwise.
  static constexpr std::size_t kMessageMax = 768U << 10U;

  Order() = default;
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;
  virtual ~Order() = default;

  // Hands a message to the order and returns at once. Ok says nothing of its place: it has one once
  // it is read. kFull: the order takes no messages until some are forgotten.
  // REQUIRES: at most kMessageMax bytes.
  virtual Status Propose(std::string_view bytes) = 0;

  // Returns the messages behind `after`, oldest first, without a gap; waits up to `wait` for the
  // first; empty: none came. Behind the last generation that it knows comes the first message of
  // the next. An order that does not exist is made for a reader that has taken nothing, and for no
  // other. kNotFound: messages behind `after` were forgotten. kConflict: the order has ended before
  // `after` for so long that it must have lost its end, or has another message at that place.
  virtual Result<std::vector<OrderedMessage>> Next(const Reached& after,
                                                   std::chrono::milliseconds wait) = 0;

  // Makes a waiting Next return.
  virtual void Wake() = 0;

  // Tells the other relays something that the order does not keep and that may be lost.
  virtual void Tell(std::string_view note) = 0;

  // Calls `listener` with what relays have told, this one included, on a thread of the order. Once
  // another one is set, the former is called no more.
  virtual void OnTold(std::function<void(std::string_view)> listener) = 0;

  // Returns the messages that the order holds, as far as is known.
  virtual Result<OrderRange> Range() = 0;

  // Founds the generation behind that of `last`, with its first message; ends the earlier one.
  // kConflict: it was founded before.
  virtual Status Found(Place last, std::string_view first) = 0;

  // Lets the order forget the messages up to `through`.
  virtual Status Forget(Place through) = 0;
};

}  // namespace relay
