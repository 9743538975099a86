// Listeners for line protocol without HTTP: TCP streams of lines, and UDP packets. They send no
// responses; their counters say what happened to the lines.
//
// TCP: every newline ends a line. If a client closes its connection in an orderly way in the middle
// of a line, that ends the line too (as in Telegraf's socket_listener); if the connection is reset
// or idle for too long, the partial line is refused. While the log is not accepting writes the
// listener does not read, so that its clients wait; it continues by itself.
//
// UDP: every packet is a body of its own. While the log is not accepting writes, packets wait in
// the socket's buffer; packets that do not fit in there are lost, and counted.
//
// DURABILITY. Everything that was read is appended before Stop returns, if the log accepts it
// within the grace period.
//
// THREADS. Each listener has a thread of its own. Retarget: from any; Stop: from one. Log, clock
// and counters outlive the listeners.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "config/model/config.h"
#include "relay/stream/batcher.h"
#include "wal/base/result.h"

namespace relay {

class LineListener {
 public:
  LineListener() = default;
  LineListener(const LineListener&) = delete;
  LineListener& operator=(const LineListener&) = delete;
  virtual ~LineListener() = default;

  virtual std::uint16_t port() const = 0;

  // Changes how lines that are read from now on are parsed, and where they go.
  virtual void Retarget(LineTarget target) = 0;

  // Reads what has arrived, closes, and appends what was read, for at most `grace`. Points that the
  // log has not accepted by then are lost, and counted.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

struct TcpListenerOptions {
  ListenAddress address;
  std::size_t connections_max = 1'000;  // Each holds a partial line: up to 64 KiB of its own,
  Bytes long_lines = 64_MiB;            // ... and beyond that a share of this.
  std::chrono::milliseconds idle{600'000};
  LineBatcherOptions batcher;
};

struct UdpListenerOptions {
  ListenAddress address;
  Bytes read_buffer = 8_MiB;  // The kernel's, for bursts.
  LineBatcherOptions batcher;
};

// Both fail with kUnavailable if the address is in use or does not belong to this machine.
Result<std::unique_ptr<LineListener>> StartTcpListener(const TcpListenerOptions& options,
                                                       LineTarget target, const ListenerDeps& deps);
Result<std::unique_ptr<LineListener>> StartUdpListener(const UdpListenerOptions& options,
                                                       LineTarget target, const ListenerDeps& deps);

}  // namespace relay
