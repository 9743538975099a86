// A log lives the script of tests/support/models/crash_script.h and one system call of
// it fails, or some from there on: for every call there is. A step that the fault
// reached is refused and happened whole or not at all; what was answered stays
// readable; mended, the log comes back by itself; so does whoever opens it anew.
#pragma once

#include "tests/faults/failing_calls.h"

namespace relay::test {

// Checks by doctest. RELAY_CALL: that call alone.
void FailAtEach(Fault fault);

}  // namespace relay::test
