// Listening addresses and backend URLs, from text and to text.
//
// ERRORS. kInvalidInput; the message says what was expected. It never repeats
// the text: a URL may have a password in it.
#pragma once

#include <string_view>

#include "config/config.h"
#include "wal/result.h"

namespace relay {

inline constexpr std::string_view kAddressExpected =
    "an IPv4 or IPv6 address and a port, as in 0.0.0.0:9096 or [::1]:9096";
inline constexpr std::string_view kUrlExpected =
    "http:// or https://, a host, a port if it is not 8086, and a path if /write is below one; or "
    "udp://, a host and a port";

// The address comes back in its shortest form, so that equal ones are equal.
Result<ListenAddress> ParseListenAddress(std::string_view text);

// Whether a socket that listens on one of them takes connections to the other.
bool Overlap(const ListenAddress& a, const ListenAddress& b);

Result<BackendUrl> ParseBackendUrl(std::string_view text);

}  // namespace relay
