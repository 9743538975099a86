#include <doctest/doctest.h>

#include "tests/faults/each_call.h"

namespace relay::test::faults_broken_disk_test {

TEST_CASE("failing calls: all from one on, until the disk is mended") {
  FailAtEach(Fault::kBroken);
}

}  // namespace relay::test::faults_broken_disk_test
