#include "relay/stream/drop_count.h"

#include <doctest/doctest.h>

namespace relay::test::relay_stream_drop_count_test {
namespace {

TEST_CASE("udp lines: a lost packet is counted once, also where the kernel's count wraps around") {
  DropCount drops;
  CHECK_EQ(drops.More(0), 0);
  CHECK_EQ(drops.More(3), 3);
  CHECK_EQ(drops.More(3), 0);
  CHECK_EQ(drops.More(0xffff'fffe), 0xffff'fffb);
  CHECK_EQ(drops.More(1), 3);
}

TEST_CASE("udp lines: a kernel that does not say what was lost has lost nothing, for now") {
  DropCount drops;
  CHECK_EQ(drops.More(5), 5);
  CHECK_EQ(drops.More({}), 0);
  CHECK_EQ(drops.More(7), 2);
}

}  // namespace
}  // namespace relay::test::relay_stream_drop_count_test
