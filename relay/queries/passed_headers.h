// The headers that go through a proxy: all but those of one connection (RFC 9110, 7.6.1), and those
// that each side makes itself.
//
// THREADS. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relay {

using HeaderViews = std::vector<std::pair<std::string_view, std::string_view>>;

// Returns the lines for the backend: without Host, Content-Length, Expect and X-Relay-Position.
// `authorization`: keep the client's.
std::string HeadersForBackend(const HeaderViews& headers, bool authorization);

// Returns the lines for the client: without Content-Length and Date.
std::string HeadersForClient(const HeaderViews& headers);

}  // namespace relay
