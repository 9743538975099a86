// Every limit on a client of an HTTP listener, with its reason, and the names under which reaching
// one is counted.
//
// THREADS. Values.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

#include "wal/base/types.h"

namespace relay {

// The limits of one listener.
struct HttpLimits {
  std::size_t head_bytes = 16U << 10U;  // A head is read whole before it is parsed.
  std::size_t headers = 64;             // Each one is compared with every other.
  std::size_t target_bytes = 8U << 10U;
  Bytes body = 25_MiB;  // Size as sent; the default of InfluxDB 1.x.
  // Returns whether a POST to this target without a length is taken for one without a body; else
  // it is refused, as a body may be lost.
  std::function<bool(std::string_view target)> needs_no_body = [](std::string_view) {
    return false;
  };
  std::chrono::milliseconds wait{10'000};       // For free memory, before a 503.
  std::chrono::milliseconds idle{30'000};       // Between two requests.
  std::chrono::milliseconds head{10'000};       // From a head's first byte to its end,
  std::chrono::milliseconds body_time{60'000};  // ... from there to the end of the body.
  std::chrono::milliseconds answer{60'000};     // The response. A byte now and then must not hold a
                                                // connection.
};

// The limit that a client reached.
enum class HttpLimit : std::uint8_t {
  kConnections,
  kConnectionsOfAddress,
  kDescriptors,
  kTlsHandshake,
  kHead,
  kHeaders,
  kTarget,
  kBody,
  kInflatedBody,
  kLine,
  kInFlight,
  kHeadTime,
  kBodyTime,
  kIdleTime,
  kAnswerTime,
};

// In the order of HttpLimit.
inline constexpr std::array<std::string_view, 15> kHttpLimitNames = {
    "connections",   "connections_of_address",
    "descriptors",   "tls_handshake",
    "head",          "headers",
    "target",        "body",
    "inflated_body", "line",
    "in_flight",     "head_time",
    "body_time",     "idle_time",
    "answer_time"};

}  // namespace relay
