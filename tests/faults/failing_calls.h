// System calls that fail as they are told to. A program that is linked with
// failing_calls.cc has them in place of the C library's, for RocksDB and the
// standard library too: what the disk refuses comes to the log the way it does in
// life, by errno, whoever called.
//
// THREADS. One fault at a time, for the process; calls may come from any thread.
#pragma once

#include <cstdint>
#include <string>

namespace relay::test {

enum class Fault : std::uint8_t {
  kError,       // The one call: EIO. A sync, a write, a rename, ...
  kBroken,      // It and those after it: EIO, until the disk is mended.
  kFull,        // What needs space: ENOSPC, until there is some.
  kShortWrite,  // A write takes half of it and has no space for the rest.
  kUnreadable,  // One opening or reading: EIO.
};

// What lasts mends by itself after this many calls that failed, if not before.
inline constexpr std::uint64_t kOutage = 40;

// From here on the `nth` call (the first is 1) that changes something below
// `directory` fails, or that reads something, for kUnreadable.
void FailCalls(const std::string& directory, Fault fault, std::uint64_t nth);

// The disk is mended. Which call was the first to fail, such as
// "fdatasync /tmp/log/db/000004.log"; empty: none has.
std::string MendCalls();

}  // namespace relay::test
