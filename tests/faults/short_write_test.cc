#include <doctest/doctest.h>

#include "tests/faults/failing_life.h"

namespace relay::test {

TEST_CASE("failing calls: a write takes half") {
  FailAtEach(Fault::kShortWrite);
}

}  // namespace relay::test
