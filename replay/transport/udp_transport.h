// A backend that reads line protocol from UDP packets, as InfluxDB's udp
// service and Telegraf do.
//
// A batch is cut at line ends into packets of at most `mtu` bytes. There is no
// answer: what the network took counts as delivered, and only what the system
// reports at once (no route, nobody listening on this machine) is tried again.
// Database and retention policy are the listener's; packets carry neither.
//
// What can never go is answered here as a backend would: a line longer than a
// packet, or a timestamp that the listener's unit cannot hold, is a 422 with
// words, before any of the batch is sent.
//
// THREADS. As Transport.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "replay/transport/transport.h"
#include "wal/base/types.h"

namespace relay {

struct UdpTransportOptions {
  std::string host;  // A name or a literal address.
  std::uint16_t port = 0;
  Bytes mtu{1024};
  Precision precision = Precision::kNanosecond;  // In which the listener reads timestamps.
  std::chrono::milliseconds timeout{10'000};
};

std::unique_ptr<Transport> MakeUdpTransport(UdpTransportOptions options);

}  // namespace relay
