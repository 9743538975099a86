// Parses the values of the original relay's configuration.
//
// ERRORS. kInvalidInput: "expected ...".
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "config/model/config.h"
#include "wal/base/result.h"

namespace relay {

// An address whose host may be omitted (all addresses) or be localhost.
Result<ListenAddress> ParseBindAddress(std::string_view text);

// The location of an HTTP output.
struct Location {
  BackendUrl url;
  std::string user = {};  // Empty: none.
  std::string password = {};
  bool has_query = false;  // The original replaced a query or fragment by the client's.
};

// Parses http://host:port/write, also with user:password@ before the host, percent-encoded where
// they need it.
Result<Location> ParseLocation(std::string_view text);

// Returns the location without its user and password, which no message may show.
std::string WithoutUser(std::string_view location);

// Takes the path of a write endpoint, which ends with /write, and returns what precedes that.
Result<std::string> ParseWritePath(std::string_view text);

// The address of a UDP output: host:port.
Result<BackendUrl> ParsePacketLocation(std::string_view text);

// Accepts n, u, ms, s, m and h.
Result<Precision> ParsePrecision(std::string_view text);

// A duration as Go writes it: "10s", "1m30s", "1.5h". kInvalidInput: not of that form, or longer
// than a year.
Result<std::chrono::milliseconds> ParseGoDuration(std::string_view text);

// Makes a backend name of an output's name: lower case, with '-' for each character that a backend
// name cannot contain.
std::string BackendNameFor(std::string_view output);

}  // namespace relay
