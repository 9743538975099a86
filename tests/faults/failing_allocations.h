// Memory that runs out as it is told to. A program that is linked with
// failing_allocations.cc has its operator new, for RocksDB too.
//
// THREADS. One order at a time, for the process; memory is asked for by any.
#pragma once

#include <cstdint>

namespace relay::test {

// From here on the `nth` request for memory (the first is 1) is refused; 0: none is.
void FailAllocation(std::uint64_t nth);

// How many there were since.
std::uint64_t AllocationsSoFar();

}  // namespace relay::test
