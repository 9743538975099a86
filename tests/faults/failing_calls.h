// System calls that fail on demand. A program that is linked with
// failing_calls.cc uses them in place of the C library's, for RocksDB and the
// standard library too: a disk's refusal reaches the log as in real life, by
// errno, whoever called.
//
// THREADS. One fault at a time, for the process; calls may come from any thread.
#pragma once

#include <cstdint>
#include <string>

namespace relay::test {

enum class Fault : std::uint8_t {
  kError,       // That call alone: EIO. A sync, a write, a rename, ...
  kBroken,      // That call and those after it: EIO, until the disk is mended.
  kFull,        // Calls that need space: ENOSPC, until there is some.
  kShortWrite,  // A write takes half of it and has no space for the rest.
  kUnreadable,  // One opening or reading: EIO.
};

// A lasting fault ends by itself after this many failed calls, if not before.
inline constexpr std::uint64_t kOutage = 40;

// Makes the `nth` call from now on (the first is 1) fail: of those that change
// something below `directory` or, for kUnreadable, that read something.
void FailCalls(const std::string& directory, Fault fault, std::uint64_t nth);

// Mends the disk. Returns the first call that failed, such as "fdatasync
// /tmp/log/db/000004.log"; empty: none has.
std::string MendCalls();

}  // namespace relay::test
