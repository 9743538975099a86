#include "replay/delivery/lane_batches.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "tests/support/batch_text.h"
#include "tests/support/log_fixture.h"

namespace relay::test::replay_delivery_lane_batches_test {
namespace {

constexpr BatchLimit kTen{.points = 10, .bytes = 1_MiB};

struct Fixture {
  LaneQueue lane;
  Window window;
  std::minstd_rand random{1};
  std::uint64_t last = 0;

  void Read(Record record) {
    StoredRecord stored{
        .entry = {},
        .record = std::shared_ptr<const Record>(std::make_shared<const Record>(std::move(record)))};
    stored.entry.position.sequence = Sequence(++last);
    window.Add(std::move(stored), At(1));
    lane.flow.push_back(Sequence(last));
  }
  void ReadLines(PointCount points) { Read(NumberedRecord(last + 1, points)); }
  void ReadOf(const char* user, PointCount points = 1) {
    Record record = NumberedRecord(last + 1, points);
    record.params.credentials = ClientCredentials(user);
    Read(std::move(record));
  }
  std::size_t Left(std::uint64_t sequence) { return window.At(Sequence(sequence)).batches_left; }
};

TEST_CASE("lane batches: waiting records are joined up to the limit, in order") {
  Fixture on;
  for (int i = 0; i < 3; ++i) on.ReadLines(4);
  CHECK_EQ(FormBatch(on.lane, on.window, kTen)->points, 8);
  CHECK_EQ(FormBatch(on.lane, on.window, kTen)->points, 4);
  CHECK(on.lane.flow.empty());
  CHECK_EQ(on.lane.batches.front()->parts.at(0).sequence, Sequence(1));
}

TEST_CASE("lane batches: one record may be larger than the limit") {
  Fixture on;
  on.ReadLines(25);
  CHECK_EQ(FormBatch(on.lane, on.window, kTen)->points, 25);
}

TEST_CASE("lane batches: records of other clients are never joined") {
  Fixture on;
  on.ReadOf("a");
  on.ReadOf("b");
  CHECK_EQ(FormBatch(on.lane, on.window, kTen)->points, 1);
  CHECK_EQ(FormBatch(on.lane, on.window, kTen)->points, 1);
}

TEST_CASE("lane batches: a record is resolved when the last batch with lines of it is finished") {
  Fixture on;
  on.ReadLines(4);
  on.ReadLines(4);
  FormBatch(on.lane, on.window, kTen);
  on.lane.failures = 3;
  auto [front, back] = Halve(*on.lane.batches.front());
  auto [first, second] = Halve(front);
  ReplaceFront(on.lane, on.window, {first, second, back});
  CHECK_EQ(on.lane.failures, 0);
  CHECK_EQ(on.lane.batches.size(), 3);
  CHECK_EQ(on.Left(1), 2);
  CHECK_EQ(on.Left(2), 1);
  FinishFront(on.lane, on.window);
  CHECK_FALSE(on.window.Resolved());
  FinishFront(on.lane, on.window);
  CHECK(on.window.Resolved()->through.sequence == Sequence(1));
  FinishFront(on.lane, on.window);
  CHECK(on.window.Resolved()->through.sequence == Sequence(2));
  CHECK(on.lane.batches.empty());
}

TEST_CASE("lane batches: a batch that is cut keeps its failures in a row") {
  Fixture on;
  on.ReadLines(8);
  FormBatch(on.lane, on.window, kTen);
  on.lane.failures = 3;
  CutFront(on.lane, on.window, {.points = 3, .bytes = 1_MiB});
  CHECK_EQ(on.lane.batches.size(), 4);
  CHECK_EQ(on.lane.failures, 3);
  CHECK_EQ(on.Left(1), 4);
}

TEST_CASE("lane batches: credit is given to each record of a batch by its lines") {
  Fixture on;
  on.ReadLines(2);
  on.ReadLines(5);
  CreditAll(*FormBatch(on.lane, on.window, kTen), on.window);
  CHECK_EQ(on.window.At(Sequence(1)).delivered, 2);
  CHECK_EQ(on.window.At(Sequence(2)).delivered, 5);
}

TEST_CASE("lane batches: the end that is kept for a canary is the last record, or its last line") {
  Fixture on;
  on.ReadLines(2);
  on.ReadLines(3);
  CHECK_EQ(EndOf(*FormBatch(on.lane, on.window, kTen))->points, 3);
  Record large = NumberedRecord(9, 4'000);
  const std::string last_line(
      large.lines.substr(large.lines.rfind('\n', large.lines.size() - 2) + 1));
  on.Read(std::move(large));
  const auto end = EndOf(*FormBatch(on.lane, on.window, kTen));
  CHECK_EQ(TextOf(*end), last_line);
}

TEST_CASE(
    "lane batches: a canary is the last accepted line, else one from behind the front batch") {
  Fixture on;
  on.ReadLines(10);
  FormBatch(on.lane, on.window, kTen);
  CHECK_FALSE(HasCanary(on.lane, on.window));
  on.ReadLines(10);
  REQUIRE(HasCanary(on.lane, on.window));
  CHECK(TextOf(*FindCanary(on.lane, on.window, kTen, on.random)).starts_with("m,n=2 "));
  on.lane.last_accepted = EndOf(*on.lane.batches.front());
  CHECK(TextOf(*FindCanary(on.lane, on.window, kTen, on.random)).starts_with("m,n=1 v=9 "));
}

TEST_CASE("lane batches: a statement is no canary, and neither is what stands behind it") {
  Fixture on;
  on.ReadLines(10);
  FormBatch(on.lane, on.window, kTen);
  Record statement{.params = {.api = Api::kStatement, .database = "db"},
                   .points = 1,
                   .lines = "DROP MEASUREMENT m\n"};
  on.Read(std::move(statement));
  on.ReadLines(1);
  CHECK_FALSE(HasCanary(on.lane, on.window));
}

TEST_CASE("lane batches: a line of another client is found, however far behind") {
  Fixture on;
  on.ReadOf("a");
  FormBatch(on.lane, on.window, kTen);
  CHECK_FALSE(HasOtherClient(on.lane, on.window));
  on.ReadOf("a");
  on.ReadOf("b");
  REQUIRE(HasOtherClient(on.lane, on.window));
  CHECK(TextOf(*FindOtherClient(on.lane, on.window, kTen, on.random)).starts_with("m,n=3 "));
}

}  // namespace
}  // namespace relay::test::replay_delivery_lane_batches_test
