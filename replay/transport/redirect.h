// Where a backend's redirect leads, and whether it may be followed.
//
// THREADS. Pure functions; any number at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "replay/net/connection.h"
#include "replay/transport/transport.h"

namespace relay {

// Another place on a backend's own host.
struct Destination {
  bool tls = false;
  std::uint16_t port = 0;
  std::string path;  // With its query.

  friend bool operator==(const Destination&, const Destination&) = default;
};

// Returns the place that the answer of `from` redirects to, if a client that is to stay on the same
// host may send the same request there: 307 or 308, which keep method and body; the same host; the
// same port, or from http to https. nullopt: it is no such redirect.
std::optional<Destination> SameHostDestination(const Peer& from, const Reply& reply);

}  // namespace relay
