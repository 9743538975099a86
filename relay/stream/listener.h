// Listeners for line protocol without HTTP: a TCP stream of lines, and UDP
// packets. Nothing is answered; the counters say what became of what came.
//
// TCP: every newline ends a line. A connection that is closed in an orderly way
// in the middle of a line ends that line (as Telegraf's socket_listener has
// it); one that is reset, or idle for too long, loses it. While the log takes
// nothing the listener does not read, so that its clients wait, and goes on by
// itself.
//
// UDP: every packet is a body of its own. While the log takes nothing, packets
// wait in the socket's buffer; what it has no room for is lost, and counted.
//
// DURABILITY. What was read is appended before Stop returns, if the log takes
// it within the grace.
//
// THREADS. Each listener has one of its own; Retarget from any, Stop by one.
// Log, clock and counters outlive the listeners.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "config/model/config.h"
#include "relay/base/counters.h"
#include "relay/stream/batcher.h"
#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

class LineListener {
 public:
  LineListener() = default;
  LineListener(const LineListener&) = delete;
  LineListener& operator=(const LineListener&) = delete;
  virtual ~LineListener() = default;

  virtual std::uint16_t port() const = 0;

  // Where lines go, and how they are read, from here on.
  virtual void Retarget(LineTarget target) = 0;

  // Reads what has arrived, closes, and appends what was read, for `grace` at
  // the most.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

// What listeners need of the relay around them.
struct LineSurroundings {
  Log& log;
  const Clock& clock;
  Counters& counters;
};

struct TcpLinesOptions {
  ListenAddress address;
  std::size_t connections_max = 1'000;  // Up to 64 KiB of half a line each.
  std::chrono::milliseconds idle{600'000};
  LineBatcherOptions batcher;
};

struct UdpLinesOptions {
  ListenAddress address;
  Bytes read_buffer = 8_MiB;  // The kernel's, for bursts.
  LineBatcherOptions batcher;
};

// kUnavailable: the address is taken or is not ours. The same for UDP.
Result<std::unique_ptr<LineListener>> StartTcpLines(const TcpLinesOptions& options,
                                                    LineTarget target,
                                                    const LineSurroundings& around);
Result<std::unique_ptr<LineListener>> StartUdpLines(const UdpLinesOptions& options,
                                                    LineTarget target,
                                                    const LineSurroundings& around);

}  // namespace relay
