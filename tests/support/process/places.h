// Paths that the tests use: the checkout, the program under test and the libraries that make a disk
// hang and a clock step.
//
// THREADS. Any.
#pragma once

#include <string>

namespace relay::test {

// The root of the checkout, without a slash at its end.
const std::string& SourceRoot();

// The path of the program under test.
const std::string& RelayBinary();

// The path of the library that holds sync calls (tests/integration/delivery/hanging_disk.cc).
const std::string& HangingDisk();

// The path of the library that sets the wall clock (tests/integration/delivery/stepping_clock.cc).
const std::string& SteppingClock();

}  // namespace relay::test
