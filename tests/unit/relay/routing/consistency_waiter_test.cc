#include "relay/routing/consistency_waiter.h"

#include <doctest/doctest.h>

#include <optional>

#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"

namespace relay::test::relay_routing_consistency_waiter_test {
namespace {

using std::chrono::milliseconds;

// Writes to two backends, and the clients that wait for them. One turn at a time.
struct Queue {
  PayloadId Write(const std::string& database = "d") {
    return Append(log, {kEast, kWest}, database);
  }
  // Returns the answer, once there is one.
  std::shared_ptr<std::optional<std::size_t>> Wait(PayloadId payload, std::size_t enough) {
    auto answer = std::make_shared<std::optional<std::size_t>>();
    waiter.Wait({{kEast, payload}, {kWest, payload}}, enough, milliseconds(1'000),
                [answer](std::size_t have) { *answer = have; });
    return answer;
  }

  static PayloadId Append(MemoryLog& log, const std::vector<BackendId>& backends,
                          const std::string& database) {
    std::optional<PayloadId> payload;
    Record record{{.database = database}, 1, "m v=1 1\n"};
    log.Append({Encode(std::move(record), Codec::kNone).value(), To(backends), WallTime()},
               [&payload](const Result<Durable>& done) { payload = done.value().payload(); });
    return payload.value();
  }

  MemoryLog log{{kEast, kWest}};
  FakeClock clock;
  DeliveryWaiter waiter{log, clock};
};

void Deliver(MemoryLog& log, const BackendId& backend, std::size_t records) {
  const Sequence cursor = log.MarksOf(backend).cursor;
  const auto read = log.Read(backend, cursor, {.records = records}).value();
  REQUIRE_EQ(read.size(), records);
  REQUIRE(
      log.Resolve(backend,
                  {.after = cursor, .through = read.back().entry.position, .delivered = records})
          .ok());
}

TEST_CASE("delivery waiter: answers once enough backends have the write, and not before") {
  Queue queue;
  const PayloadId payload = queue.Write();
  const auto one = queue.Wait(payload, 1);
  const auto all = queue.Wait(payload, 2);
  queue.waiter.Step();
  CHECK(!one->has_value());
  Deliver(queue.log, kWest, 1);
  queue.waiter.Step();
  CHECK_EQ(**one, 1);
  CHECK(!all->has_value());
  Deliver(queue.log, kEast, 1);
  queue.waiter.Step();
  CHECK_EQ(**all, 2);
}

TEST_CASE("delivery waiter: each write waits for itself, not for those behind it") {
  Queue queue;
  const auto first = queue.Wait(queue.Write(), 2);
  const auto second = queue.Wait(queue.Write(), 2);
  Deliver(queue.log, kWest, 1);
  Deliver(queue.log, kEast, 2);
  queue.waiter.Step();
  CHECK_EQ(**first, 2);
  CHECK(!second->has_value());
}

TEST_CASE("delivery waiter: a write that is delivered before anybody asks is there at once") {
  Queue queue;
  const PayloadId payload = queue.Write();
  Deliver(queue.log, kWest, 1);
  Deliver(queue.log, kEast, 1);
  const auto all = queue.Wait(payload, 2);
  queue.waiter.Step();
  CHECK_EQ(**all, 2);
}

TEST_CASE("delivery waiter: when the time is up, it says how many have it") {
  Queue queue;
  const auto all = queue.Wait(queue.Write(), 2);
  Deliver(queue.log, kWest, 1);
  queue.clock.Advance(milliseconds(999));
  queue.waiter.Step();
  CHECK(!all->has_value());
  queue.clock.Advance(milliseconds(1));
  queue.waiter.Step();
  CHECK_EQ(**all, 1);
}

TEST_CASE("delivery waiter: what a lane on hold keeps will not come soon") {
  Queue queue;
  const auto one = queue.Wait(queue.Write(), 1);
  const auto all = queue.Wait(queue.Write(), 2);
  const auto read = queue.log.Read(kWest, Sequence::BeforeFirst(), {.records = 2}).value();
  Resolution resolution{.after = Sequence::BeforeFirst(), .through = read.back().entry.position};
  for (const StoredRecord& record : read) {
    resolution.held.push_back(record.entry.position.sequence);
  }
  REQUIRE(queue.log.Resolve(kWest, resolution).ok());
  queue.waiter.Step();
  CHECK_EQ(**all, 0);
  CHECK(!one->has_value());  // The other backend may still get it.
}

TEST_CASE("delivery waiter: stopped, it keeps nobody waiting") {
  Queue queue;
  const PayloadId payload = queue.Write();
  const auto before = queue.Wait(payload, 2);
  queue.waiter.Start();
  queue.waiter.Stop();
  CHECK_EQ(**before, 0);
  CHECK_EQ(**queue.Wait(payload, 2), 0);
}

}  // namespace
}  // namespace relay::test::relay_routing_consistency_waiter_test
