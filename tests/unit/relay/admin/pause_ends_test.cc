#include "relay/admin/pause_ends.h"

#include <doctest/doctest.h>

#include <atomic>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace relay::test::unit_relay_admin_pause_ends_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

using Names = std::vector<std::string>;

struct Bench {
  TempDir directory;
  FakeClock clock;
  PauseEnds ends{directory.path(), clock};

  Bench() { clock.Advance(std::chrono::hours(24 * 20'000)); }
};

TEST_CASE("pause ends: one is due at its time, not a millisecond before") {
  Bench bench;
  REQUIRE(bench.ends.Set("a", minutes(5)).ok());
  CHECK(bench.ends.EndOf("a") == bench.clock.WallNow() + minutes(5));
  CHECK_FALSE(bench.ends.EndOf("b"));
  bench.clock.Advance(minutes(5) - milliseconds(1));
  CHECK_EQ(bench.ends.Due(), Names{});
  bench.clock.Advance(milliseconds(1));
  CHECK_EQ(bench.ends.Due(), Names{"a"});
  REQUIRE(bench.ends.Set("a", std::nullopt).ok());
  CHECK_EQ(bench.ends.Due(), Names{});
}

TEST_CASE("pause ends: they are known after a restart, and no longer once they were undone") {
  Bench bench;
  REQUIRE(bench.ends.Set("a", minutes(5)).ok());
  REQUIRE(bench.ends.Set("b", minutes(9)).ok());
  REQUIRE(bench.ends.Set("b", std::nullopt).ok());
  PauseEnds again(bench.directory.path(), bench.clock);
  CHECK_FALSE(again.EndOf("b"));
  bench.clock.Advance(minutes(5));
  CHECK_EQ(again.Due(), Names{"a"});
}

TEST_CASE(
    "pause ends: a clock that is put back does not make a pause longer, also over a restart") {
  Bench bench;
  REQUIRE(bench.ends.Set("a", minutes(5)).ok());
  bench.clock.SetWallBy(-std::chrono::hours(100));
  PauseEnds again(bench.directory.path(), bench.clock);
  bench.clock.Advance(minutes(5));
  CHECK_EQ(bench.ends.Due(), Names{"a"});
  CHECK_EQ(again.Due(), Names{"a"});
}

TEST_CASE("pause ends: where an end cannot be kept there is none, and the caller knows") {
  Bench bench;
  PauseEnds nowhere("/nowhere", bench.clock);
  CHECK_EQ(nowhere.Set("a", minutes(5)).error().code(), ErrorCode::kIo);
  CHECK_FALSE(nowhere.EndOf("a"));
}

TEST_CASE("pause ends: a resume that fails is tried again") {
  Bench bench;
  REQUIRE(bench.ends.Set("a", milliseconds(1)).ok());
  std::atomic<int> tries = 0;
  bench.ends.Start([&tries](const std::string& backend) -> Status {
    CHECK_EQ(backend, "a");
    if (++tries < 3) return Error(ErrorCode::kUnavailable, "later");
    return Ok();
  });
  CHECK(Eventually(kPatience, [&] { return !bench.ends.EndOf("a"); }));
  bench.ends.Stop();
  CHECK_EQ(tries, 3);
}

}  // namespace
}  // namespace relay::test::unit_relay_admin_pause_ends_test
