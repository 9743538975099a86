#include <doctest/doctest.h>

#include "tests/faults/each_call.h"

namespace relay::test::faults_full_disk_test {

TEST_CASE("failing calls: the disk is full from one on, until there is space") {
  FailAtEach(Fault::kFull);
}

}  // namespace relay::test::faults_full_disk_test
