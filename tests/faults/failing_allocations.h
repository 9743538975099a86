// Memory that runs out on demand. A program that is linked with
// failing_allocations.cc uses its operator new, for RocksDB too.
//
// THREADS. One order at a time, for the process; any thread may allocate.
#pragma once

#include <cstdint>

namespace relay::test {

// Refuses the `nth` request for memory from now on (the first is 1); 0: refuses none.
void FailAllocation(std::uint64_t nth);

// Returns the number of requests since.
std::uint64_t AllocationsSoFar();

}  // namespace relay::test
