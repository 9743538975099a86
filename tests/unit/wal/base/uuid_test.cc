#include "wal/base/uuid.h"

#include <doctest/doctest.h>

namespace relay::test::wal_base_uuid_test {
namespace {

TEST_CASE("uuid: version and variant are where RFC 4122 has them, the other bits as given") {
  CHECK_EQ(UuidV4(0, 0), "00000000-0000-4000-8000-000000000000");
  CHECK_EQ(UuidV4(~0ULL, ~0ULL), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  CHECK_EQ(UuidV4(0x0123456789abcdefULL, 0x0123456789abcdefULL),
           "01234567-89ab-4def-8123-456789abcdef");
}

}  // namespace
}  // namespace relay::test::wal_base_uuid_test
