// The values of the original relay's configuration, from their text.
//
// ERRORS. kInvalidInput: "expected ...".
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "config/model/config.h"
#include "wal/base/result.h"

namespace relay {

// An address, where the host may be left out (every one) or be localhost.
Result<ListenAddress> ParseBindAddress(std::string_view text);

// http://host:port/write, of an HTTP output.
Result<BackendUrl> ParseLocation(std::string_view text);

// The path of an endpoint for writes, which ends with /write: what is before it.
Result<std::string> ParseWritePath(std::string_view text);

// host:port, of a UDP output.
Result<BackendUrl> ParsePacketLocation(std::string_view text);

// n, u, ms, s, m or h.
Result<Precision> ParsePrecision(std::string_view text);

// A duration as Go writes it: "10s", "1m30s", "1.5h". kInvalidInput: anything
// else, or beyond a year.
Result<std::chrono::milliseconds> ParseGoDuration(std::string_view text);

// The name of an output as a backend's: lower case, and '-' for what a
// backend's name cannot have.
std::string BackendNameFor(std::string_view output);

}  // namespace relay
