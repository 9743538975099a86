// The sockets of the line listeners, and the thread that reads them.
//
// THREADS. As said at each.
#pragma once

#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "config/model/config.h"
#include "relay/stream/batcher.h"
#include "replay/net/deadline.h"
#include "wal/base/result.h"

namespace relay {

// A non-blocking socket bound to `address`; `type` is SOCK_STREAM (then it
// listens) or SOCK_DGRAM. kUnavailable: the address is taken or is not ours.
Result<OwnedFd> BindTo(const ListenAddress& address, int type);

std::uint16_t PortOf(const OwnedFd& socket);

// Interrupts a poll. THREADS. Raise from any, the rest by one.
class Wake {
 public:
  Wake();

  void Raise() const;
  void Clear() const;
  int fd() const { return event_.get(); }

 private:
  OwnedFd event_;
};

// Polls at most for `at_most`, or until something happens.
void PollFor(std::vector<pollfd>& fds, std::optional<Clock::Duration> at_most);

// Calls Turn of a batcher until it is empty or `grace` has passed, then
// abandons the rest. By the batcher's thread.
void AppendAll(LineBatcher& batcher, const Wake& wake, const Clock& clock,
               std::chrono::milliseconds grace);

}  // namespace relay
