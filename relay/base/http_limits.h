// Every limit that bounds a client of an HTTP listener, with its reason, and
// the names under which reaching one is counted.
//
// THREADS. Values.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "wal/base/types.h"

namespace relay {

// Of one listener.
struct HttpLimits {
  std::size_t head_bytes = 16U << 10U;  // Heads are read whole before anything is known of them.
  std::size_t headers = 64;             // Each costs a look at every other one.
  std::size_t target_bytes = 8U << 10U;
  Bytes body = 25_MiB;                          // As sent. InfluxDB 1.x' own default.
  std::chrono::milliseconds wait{10'000};       // For room in memory, before a 503.
  std::chrono::milliseconds idle{30'000};       // Between two requests.
  std::chrono::milliseconds head{10'000};       // From a head's first byte to its end,
  std::chrono::milliseconds body_time{60'000};  // ... and from there to the body's:
  std::chrono::milliseconds answer{60'000};     // a byte now and then must not hold a connection.
};

// What a client ran into.
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
