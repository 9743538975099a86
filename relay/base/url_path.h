// Reads the path of a request as the routes have it.
//
// THREADS. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace relay {

// Returns the path without `prefix`, without slashes at its end, and with each run of slashes as
// one: "/relay//write/" under "/relay" is "/write". A path that does not begin with the prefix
// keeps its segments: a proxy in front may have removed the prefix. The root is "/".
// REQUIRES: `prefix` is empty, or begins with a slash and does not end with one.
std::string RoutePath(std::string_view path, std::string_view prefix);

// Removes `prefix` from the path if whole segments of the path match it; "/" if nothing is left.
std::string_view WithoutPrefix(std::string_view path, std::string_view prefix);

}  // namespace relay
