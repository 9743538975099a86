// Listening addresses and backend URLs: parsing and formatting.
//
// ERRORS. kInvalidInput: the message says what was expected. It never repeats the text, because a
// URL may contain a password.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wal/base/result.h"

namespace relay {

// An address to listen on: a literal IPv4 or IPv6 address, or all addresses of both, and a port.
struct ListenAddress {
  std::string host;        // "0.0.0.0", "::1"; empty: all addresses, IPv4 and IPv6
  std::uint16_t port = 0;  // 0: any free port (for tests)

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

// Returns "127.0.0.1:9097", "[::1]:9097" or ":9097".
std::string ToString(const ListenAddress& address);

// Returns the address that a socket for `host` binds: for an empty one the IPv6 wildcard, which
// takes IPv4 too where the socket is not limited to IPv6, or the IPv4 one where the system has no
// IPv6.
std::string HostToBind(const std::string& host);

// The URL of a backend: scheme, host, port and an optional path before /write.
struct BackendUrl {
  bool udp = false;  // udp://host:port; no path.
  bool tls = false;
  std::string host;
  std::uint16_t port = 8086;
  std::string path_prefix;  // "" or "/influx": starts with a slash, ends without.

  friend bool operator==(const BackendUrl&, const BackendUrl&) = default;
};

// Returns a URL such as "http://10.0.0.1:8086/influx".
std::string ToString(const BackendUrl& url);

inline constexpr std::string_view kAddressExpected =
    "an IPv4 or IPv6 address and a port, as in 0.0.0.0:9096 or [::1]:9096, or only :9096 for all";
inline constexpr std::string_view kUrlExpected =
    "http:// or https://, a host, a port if it is not 8086, and a path if /write is below one; or "
    "udp://, a host and a port";

// Makes kInvalidInput with the message "expected WHAT".
Error Expected(std::string_view what);

// Returns the address in its shortest form, so that equal addresses compare equal.
Result<ListenAddress> ParseListenAddress(std::string_view text);

// Returns whether a socket that listens on one accepts connections to the other.
bool Overlap(const ListenAddress& a, const ListenAddress& b);

Result<BackendUrl> ParseBackendUrl(std::string_view text);

}  // namespace relay
