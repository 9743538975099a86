#include "wal/base/backoff.h"

#include <doctest/doctest.h>

namespace relay::test::wal_base_backoff_test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("backoff: doubles up to its bound, the upper half of each wait left to chance") {
  const Backoff backoff{.first = 100ms, .max = 1s};
  CHECK_EQ(backoff.After(1, 0.0), 50ms);
  CHECK_EQ(backoff.After(2, 0.0), 100ms);
  CHECK_EQ(backoff.After(2, 0.5), 150ms);
  CHECK_EQ(backoff.After(4, 0.0), 400ms);
  CHECK_EQ(backoff.After(5, 0.0), 500ms);
  CHECK_EQ(backoff.After(4'000'000'000, 0.999), 999ms);
}

}  // namespace
}  // namespace relay::test::wal_base_backoff_test
