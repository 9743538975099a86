// Two relays share a log: the one that holds the lease delivers.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/worker_fixture.h"

namespace relay::test::replay_delivery_lease_test {
namespace {

using namespace std::chrono_literals;

// Delivers what the other relay would, under its lease.
void DeliverElsewhere(MemoryLog& log, std::size_t records) {
  log.Lend(1);
  const auto owed = ReadAll(log, kWest, log.MarksOf(kWest).cursor);
  REQUIRE(Deliver(log, kWest, owed.at(records - 1).entry.position, records).ok());
  log.Lend(std::nullopt);
}

TEST_CASE("lease: a relay without one sends nothing and stands by, and is not stuck") {
  WorkerFixture on([](const WriteParams&, std::string_view) { return Status204(); });
  on.log.Lend(std::nullopt);
  on.Restart();
  on.Accept("m v=1 1\n");
  on.StepFor(5min);
  CHECK(on.transport.sent.empty());
  CHECK(on.Status().state == WorkerState::kStandby);
  CHECK_EQ(on.Status().reason, "relay-b delivers to west");
  CHECK_FALSE(on.Status().stuck);
}

TEST_CASE("lease: a relay that gets one delivers what the other has left, within 50 ms") {
  WorkerFixture on([](const WriteParams&, std::string_view) { return Status204(); });
  on.log.Lend(std::nullopt);
  on.Restart();
  on.Accept("m v=1 1\n");
  on.Accept("m v=2 2\n");
  on.Step();
  DeliverElsewhere(on.log, 1);
  on.Step();
  on.log.Lend(2);
  CHECK_LE(on.UntilSent(), 50ms);
  on.Drain();
  CHECK_EQ(on.transport.sent, std::vector<std::string>{"m v=2 2\n"});
  CHECK(on.Status().state != WorkerState::kStandby);
}

TEST_CASE("lease: an answer that comes after another relay has taken over changes nothing") {
  WorkerFixture* fixture = nullptr;
  WorkerFixture on([&fixture](const WriteParams&, std::string_view) {
    if (fixture->transport.sent.size() == 1) DeliverElsewhere(fixture->log, 1);
    return Status204();
  });
  fixture = &on;
  on.log.Lend(0);
  on.Restart();
  on.Accept("m v=1 1\n");
  on.UntilSent();
  on.Step();
  CHECK(on.Status().state == WorkerState::kStandby);
  CHECK_EQ(on.Now().delivered, 1);
  on.Accept("m v=2 2\n");
  on.log.Lend(2);
  on.Drain();
  CHECK_EQ(on.transport.sent.back(), "m v=2 2\n");
  CHECK_EQ(on.Now().delivered, 2);
  CHECK_EQ(on.Now().unaccounted(), 0);
}

TEST_CASE("lease: what the other relay has put on hold is neither lost nor sent out of its order") {
  bool exists = false;
  WorkerFixture on([&exists](const WriteParams&, std::string_view) {
    return exists ? Status204() : Http(404, "database not found: \"db\"");
  });
  on.log.Lend(0);
  on.Restart();
  on.Accept("m v=1 1\n");
  on.StepFor(1s);
  REQUIRE_EQ(on.Held().size(), 1);

  // The other one's database exists: it delivers what is on hold, then holds a newer record.
  on.log.Lend(1);
  const HeldLane held = on.Held()[0];
  REQUIRE(on.log
              .ResolveHeld(kWest, held.lane,
                           {.first = *held.first,
                            .through = *held.first,
                            .delivered = 1,
                            .letters = {},
                            .gaps = {}})
              .ok());
  on.Accept("m v=2 2\n");
  const auto owed = ReadAll(on.log, kWest, on.log.MarksOf(kWest).cursor);
  REQUIRE(on.log
              .Resolve(kWest, {.after = on.log.MarksOf(kWest).cursor,
                               .through = owed[0].entry.position,
                               .letters = {},
                               .gaps = {},
                               .held = {owed[0].entry.position.sequence}})
              .ok());
  on.Accept("m v=3 3\n");
  on.log.Lend(2);
  exists = true;
  on.transport.sent.clear();
  on.StepFor(2min);
  CHECK_EQ(on.transport.sent, std::vector<std::string>{"m v=2 2\n", "m v=3 3\n"});
  CHECK_EQ(on.Now().delivered, 3);
  CHECK_EQ(on.Now().unaccounted(), 0);
}

}  // namespace
}  // namespace relay::test::replay_delivery_lease_test
