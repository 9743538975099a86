// Runs the script of tests/support/models/crash_script.h while one system call of it
// fails, or all from there on: once for every call. A step that the fault hit is
// refused and happened whole or not at all; what was answered stays readable; once
// mended, the log recovers by itself, and it opens again.
#pragma once

#include "tests/faults/failing_calls.h"

namespace relay::test {

// Checks by doctest. RELAY_CALL: only that call.
void FailAtEach(Fault fault);

}  // namespace relay::test
