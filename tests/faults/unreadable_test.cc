#include <doctest/doctest.h>

#include "tests/faults/each_call.h"

namespace relay::test::faults_unreadable_test {

TEST_CASE("failing calls: one read") {
  FailAtEach(Fault::kUnreadable);
}

}  // namespace relay::test::faults_unreadable_test
