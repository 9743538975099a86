// A backend that reads line protocol from UDP packets, as InfluxDB's udp
// service and Telegraf do.
//
// A batch is cut at line ends into packets of at most `mtu` bytes. There is no answer: packets that
// the network accepted count as delivered, and only errors that the system reports at once (no
// route, no listener on this machine) are retried. Database and retention policy are the
// listener's; packets carry neither.
//
// Lines that can never be sent are answered here as a backend would: a line longer than a packet,
// or a timestamp that the listener's unit cannot hold, is a 422 with a message, before any of the
// batch is sent.
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
  Precision precision = Precision::kNanosecond;  // The unit in which the listener reads timestamps.
  std::chrono::milliseconds timeout{10'000};
};

std::unique_ptr<Transport> MakeUdpTransport(UdpTransportOptions options);

}  // namespace relay
