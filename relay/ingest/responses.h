// Responses of the ingest endpoints, in the form of the API of the request: InfluxDB 1.x, 2.x or
// 3.x.
//
// THREADS. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "relay/http/server.h"
#include "relay/lineprotocol/scanner.h"
#include "relay/routing/append_write.h"

namespace relay {

// Some clients refuse anything that does not look like a version of InfluxDB 1.x.
inline constexpr std::string_view kInfluxVersion = "1.8.10";

// Returns the headers of every answer of a write listener.
std::string InfluxHeaders();

HttpResponse ErrorAnswer(Api api, int status, std::string_view message);

// Returns 405 with the allowed methods: "GET, HEAD".
HttpResponse OnlyBy(Api api, std::string_view methods);

// The parts of a write that were refused.
struct Refused {
  std::vector<LineError> lines;  // The first invalid ones,
  std::uint64_t more = 0;        // ... and the number of further ones.
  std::string unrouted;          // Says why no backend accepts some points; empty: all are routed.
  PointCount dropped = 0;        // The number of those points.

  bool any() const { return !lines.empty() || !unrouted.empty(); }
};

// Makes the response when no part of the write is stored. `whole`: one bad line refuses all.
HttpResponse NothingStored(Api api, int status, bool whole, const Refused& refused);

// Makes the answer that a write was stored; requires the proof.
HttpResponse Stored(const std::vector<StoredPart>& parts, Api api, const Refused& refused);

// Makes the answer that it is stored, but on too few backends in time.
struct Delivered {
  std::size_t have = 0;
  std::size_t of = 0;
};
HttpResponse StoredOnly(const std::vector<StoredPart>& parts, Delivered delivered);

}  // namespace relay
