#include <doctest/doctest.h>

#include "tests/faults/failing_life.h"

namespace relay::test {

TEST_CASE("failing calls: that and those after it, until the disk is mended") {
  FailAtEach(Fault::kBroken);
}

}  // namespace relay::test
