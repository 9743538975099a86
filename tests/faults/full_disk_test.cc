#include <doctest/doctest.h>

#include "tests/faults/failing_life.h"

namespace relay::test {

TEST_CASE("failing calls: the disk is full from one on, until there is space") {
  FailAtEach(Fault::kFull);
}

}  // namespace relay::test
