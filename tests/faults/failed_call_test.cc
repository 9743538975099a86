#include <doctest/doctest.h>

#include "tests/faults/each_call.h"

namespace relay::test::faults_failed_call_test {

TEST_CASE("failing calls: one that changes something, with an input/output error") {
  FailAtEach(Fault::kError);
}

}  // namespace relay::test::faults_failed_call_test
