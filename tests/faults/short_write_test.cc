#include <doctest/doctest.h>

#include "tests/faults/each_call.h"

namespace relay::test::faults_short_write_test {

TEST_CASE("failing calls: one write stores only half") {
  FailAtEach(Fault::kShortWrite);
}

}  // namespace relay::test::faults_short_write_test
