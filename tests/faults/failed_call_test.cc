#include <doctest/doctest.h>

#include "tests/faults/failing_life.h"

namespace relay::test {

TEST_CASE("failing calls: one that changes something, with an input/output error") {
  FailAtEach(Fault::kError);
}

}  // namespace relay::test
