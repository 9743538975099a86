#include <doctest/doctest.h>

#include "tests/faults/failing_life.h"

namespace relay::test {

TEST_CASE("failing calls: one that reads") {
  FailAtEach(Fault::kUnreadable);
}

}  // namespace relay::test
