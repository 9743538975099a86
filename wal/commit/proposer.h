// Sends this relay's messages to the order, numbered within a session, until they have come back.
//
// INVARIANT. The frames of a session are sent in the order of their counters. A frame that does not
// come back within `repeat_after` is sent again with all behind it, for ever: readers ignore what
// they have already.
//
// Groups. A group whose last frame has come back is returned to the reader, which applies it and
// answers its callers. The groups of a session that is abandoned have an unknown outcome: their
// frames may have a place already, or get one later.
//
// THREADS. Any.
//
// ERRORS. As Order::Propose; a frame that could not be sent is repeated like one that was lost.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/commit/options.h"
#include "wal/group/group.h"
#include "wal/order/frame.h"

namespace relay {

class Proposer {
 public:
  // Bounds what is under way, and so what must be repeated.
  static constexpr std::size_t kGroupsMax = 8;

  explicit Proposer(const SharedLogOptions& options) : options_(options) {}

  // Abandons the session and begins a new one, whose hello is sent; it follows `last`, this relay's
  // last session in the order. Returns the groups whose outcome is unknown.
  std::vector<Group> Begin(const SessionId& last);

  // Abandons the session. Returns the same.
  std::vector<Group> Abandon();

  // Sends a message. `sent` is called with the counter of its last frame before the message can
  // come back. Returns false if there is no session; `group` is then unchanged.
  using OnSent = std::function<void(std::uint64_t counter)>;
  bool Send(FrameKind kind, std::string_view body, Group* group = nullptr, const OnSent& sent = {});

  // Notes that a frame has come back, and with it those before it. Returns the group that ends with
  // it, if there is one.
  std::optional<Group> Came(const SessionId& session, std::uint64_t counter);

  // Takes the groups that are under way; their frames stay. For callers that have waited too long.
  std::vector<Group> TakeGroups();

  void RepeatIfDue();

  // Waits until another group may be sent, at most for `wait`. Returns false if none may.
  bool WaitForRoom(std::chrono::milliseconds wait);

  bool has_session() const;
  SessionId session() const;
  bool is_empty() const;  // Everything that was sent has come back.

  // Returns for how long the oldest frame has been under way; zero: none is.
  std::chrono::nanoseconds Waiting() const;

  // Counts the messages that were sent again.
  std::uint64_t repeated() const;

  // Returns the last error of the order; Ok: it took the last message.
  Status Health() const;

 private:
  struct SentFrame {
    std::uint64_t counter = 0;
    Clock::TimePoint since;
    std::string bytes;
  };
  struct SentGroup {
    std::uint64_t counter = 0;  // The last frame's.
    Group group;
  };

  std::vector<Group> Dropped();
  std::vector<Group> GroupsUnderWay();
  std::uint64_t SendLocked(FrameKind kind, std::string_view body);

  const SharedLogOptions& options_;
  mutable std::mutex mutex_;  // Guards what follows, and keeps frames in order.
  std::condition_variable came_;
  SessionId session_;
  std::uint64_t counter_ = 0;
  std::deque<SentFrame> frames_;
  std::deque<SentGroup> groups_;
  Clock::TimePoint repeated_at_;
  std::uint64_t repeated_ = 0;
  Status health_ = Ok();
};

}  // namespace relay
