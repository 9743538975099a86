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

// Some clients refuse what does not look like a version of InfluxDB 1.x.
inline constexpr std::string_view kInfluxVersion = "1.8.10";

// The headers that every answer of a write listener has.
std::string InfluxHeaders();

// The API whose clients ask for that path; v1 for those of no API.
Api ApiOf(std::string_view path);

HttpResponse ErrorAnswer(Api api, int status, std::string_view message);

// 405, with the methods that there are: "GET, HEAD".
HttpResponse OnlyBy(Api api, std::string_view methods);

// The parts of a write that were refused.
struct Refused {
  std::vector<LineError> lines;  // The first of those that are no points,
  std::uint64_t more = 0;        // ... and how many there are beside.
  std::string unrouted;          // Why points are taken by no backend; empty: all are by some.
  PointCount dropped = 0;        // How many those are.

  bool any() const { return !lines.empty() || !unrouted.empty(); }
};

// Makes the response when no part of the write is stored. `whole`: because of one bad line.
HttpResponse NothingStored(Api api, int status, bool whole, const Refused& refused);

// The only way to the answer that a write was stored: with the proof.
HttpResponse Stored(const std::vector<StoredPart>& parts, Api api, const Refused& refused);

// Stored, but fewer backends than the client asked for have it in time.
struct Delivered {
  std::size_t have = 0;
  std::size_t of = 0;
};
HttpResponse StoredOnly(const std::vector<StoredPart>& parts, Delivered delivered);

}  // namespace relay
