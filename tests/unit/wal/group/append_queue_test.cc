#include "wal/group/append_queue.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "tests/support/log_fixture.h"

namespace relay::test::wal_group_append_queue_test {
namespace {

constexpr Bytes kAll = 1_GiB;

struct Queue : AppendQueue {
  void Small(std::uint64_t number, const std::string& database = "db",
             std::vector<BackendId> backends = {kWest}) {
    Record record = NumberedRecord(number);
    record.params.database = database;
    AddSmall({.record = record, .backends = To(std::move(backends)), .accepted_at = At(1)},
             CompletionOf(number));
  }
  void Large(std::uint64_t number) {
    std::vector<AppendRequest> parts;
    parts.push_back({Encode(NumberedRecord(number), Codec::kZstd).value(), To({kWest}), At(1)});
    Add(std::move(parts), CompletionOf(number));
  }
  WaitingAppend::Completion CompletionOf(std::uint64_t number) {
    return {.done = [this, number](const Result<Durable>&) { told.push_back(number); }};
  }

  std::vector<std::uint64_t> told;
};

std::string LinesOf(WaitingAppend& append) {
  return append.Encoded().record.record()->lines;
}

std::string LinesOf(std::vector<std::uint64_t> numbers) {
  std::string lines;
  for (const std::uint64_t number : numbers) lines += NumberedRecord(number).lines;
  return lines;
}

TEST_CASE("append queue: small writes that wait together are one record, each is told") {
  Queue queue;
  for (const std::uint64_t number : {1U, 2U, 3U}) queue.Small(number);
  std::vector<WaitingAppend> taken = queue.Take(kAll);
  REQUIRE_EQ(taken.size(), 1);
  CHECK_EQ(LinesOf(taken[0]), LinesOf({1, 2, 3}));
  CHECK_EQ(taken[0].Encoded().record.size().points, 3);
  for (const auto& completion : taken[0].completions) {
    completion.done(SyncGate::Passed(PayloadId(1)));
  }
  CHECK_EQ(queue.told, std::vector<std::uint64_t>{1, 2, 3});
  CHECK(queue.empty());
  CHECK_EQ(queue.memory(), 0_B);
}

TEST_CASE("append queue: what was taken is not joined any more") {
  Queue queue;
  queue.Small(1);
  std::vector<WaitingAppend> first = queue.Take(kAll);
  queue.Small(2);
  std::vector<WaitingAppend> second = queue.Take(kAll);
  CHECK_EQ(LinesOf(first.at(0)), LinesOf({1}));
  CHECK_EQ(LinesOf(second.at(0)), LinesOf({2}));
}

TEST_CASE("append queue: databases, backends and precisions are not mixed") {
  Queue queue;
  queue.Small(1, "db");
  queue.Small(2, "other");
  queue.Small(3, "db");
  queue.Small(4, "db", {kWest, kEast});
  Record seconds = NumberedRecord(5);
  seconds.params.precision = Precision::kSecond;
  queue.AddSmall({.record = seconds, .backends = To({kWest, kEast}), .accepted_at = At(1)}, {});
  std::vector<WaitingAppend> taken = queue.Take(kAll);
  REQUIRE_EQ(taken.size(), 4);
  CHECK_EQ(LinesOf(taken[0]), LinesOf({1, 3}));
  CHECK_EQ(LinesOf(taken[1]), LinesOf({2}));
  CHECK_EQ(LinesOf(taken[2]), LinesOf({4}));
  CHECK_EQ(LinesOf(taken[3]), LinesOf({5}));
}

TEST_CASE(
    "append queue: clients with credentials of their own are not mixed, and keep their order") {
  Queue queue;
  const auto add = [&](std::uint64_t number, const std::string& client) {
    Record record = NumberedRecord(number);
    record.params.credentials = ClientCredentials(client);
    queue.AddSmall({.record = record, .backends = To({kWest}), .accepted_at = At(1)}, {});
  };
  add(1, "ada");
  add(2, "ada");
  add(3, "bob");
  add(4, "ada");
  std::vector<WaitingAppend> taken = queue.Take(kAll);
  REQUIRE_EQ(taken.size(), 3);
  CHECK_EQ(LinesOf(taken[0]), LinesOf({1, 2}));
  CHECK_EQ(LinesOf(taken[1]), LinesOf({3}));
  CHECK_EQ(LinesOf(taken[2]), LinesOf({4}));
}

TEST_CASE("append queue: a lane's writes keep their order, small ones and others") {
  Queue queue;
  queue.Small(1);
  queue.Small(2);
  queue.Large(3);
  queue.Small(4);
  queue.Small(5);
  std::vector<WaitingAppend> taken = queue.Take(kAll);
  REQUIRE_EQ(taken.size(), 3);
  CHECK_EQ(LinesOf(taken[0]), LinesOf({1, 2}));
  CHECK_EQ(LinesOf(taken[1]), LinesOf({3}));
  CHECK_EQ(LinesOf(taken[2]), LinesOf({4, 5}));
}

TEST_CASE("append queue: no write gets before a statement that it follows") {
  Queue queue;
  queue.Small(1, "other");
  Record statement = NumberedRecord(2);
  statement.params.api = Api::kStatement;
  std::vector<AppendRequest> parts;
  parts.push_back({Encode(statement, Codec::kNone).value(), To({kWest}), At(1)});
  queue.Add(std::move(parts), {});
  queue.Small(3, "other");
  std::vector<WaitingAppend> taken = queue.Take(kAll);
  REQUIRE_EQ(taken.size(), 3);
  CHECK_EQ(LinesOf(taken[0]), LinesOf({1}));
}

TEST_CASE("append queue: a joined record has a limit") {
  Queue queue;
  const std::size_t each = NumberedRecord(1'000).lines.size();
  const std::uint64_t most = AppendQueue::kJoinedMax.count() / each;
  for (std::uint64_t i = 0; i <= most; ++i) queue.Small(1'000 + i % 100);
  std::vector<WaitingAppend> taken = queue.Take(kAll);
  REQUIRE_EQ(taken.size(), 2);
  CHECK_EQ(taken[0].completions.size(), most);
  CHECK_EQ(taken[1].completions.size(), 1);
}

TEST_CASE("append queue: takes at least one, the oldest first, and the parts of a write together") {
  Queue queue;
  queue.Large(1);
  std::vector<AppendRequest> parts;
  for (const std::uint64_t number : {2U, 3U}) {
    parts.push_back({Encode(NumberedRecord(number), Codec::kZstd).value(), To({kWest}), At(1)});
  }
  queue.Add(std::move(parts), queue.CompletionOf(2));
  CHECK_EQ(queue.Take(1_B).size(), 1);
  const std::vector<WaitingAppend> both = queue.Take(1_B);
  REQUIRE_EQ(both.size(), 2);
  CHECK(both[0].completions.empty());
  CHECK_EQ(both[1].completions.size(), 1);
  CHECK(queue.empty());
  CHECK_EQ(queue.memory(), 0_B);
}

}  // namespace
}  // namespace relay::test::wal_group_append_queue_test
