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

// The URL of an HTTP output: http://host:port/write.
Result<BackendUrl> ParseLocation(std::string_view text);

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
