#include "wal/commit/batch_builder.h"

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/log_fixture.h"
#include "wal/record/rows.h"

namespace relay::test::wal_commit_batch_builder_test {
namespace {

// nullopt: deleted.
using Rows = std::map<std::pair<Family, std::string>, std::optional<std::string>>;

// Keeps the rows for a test to look at.
class RowBatch final : public StoreBatch {
 public:
  explicit RowBatch(Rows& rows) : rows_(rows) {}
  void Put(Family family, std::string_view key, std::string_view value) override {
    rows_[{family, std::string(key)}] = std::string(value);
  }
  void Delete(Family family, std::string_view key) override {
    rows_[{family, std::string(key)}] = std::nullopt;
  }
  void Clear() override { rows_.clear(); }

 private:
  Rows& rows_;
};

struct Builder : BatchBuilder {
  Builder() {
    LoadedLog log;
    log.last_backend = 1;
    log.last_payload = PayloadId(9);
    Queue queue;
    queue.number = BackendNumber(1);
    queue.head.sequence = Sequence(4);
    queue.last_accepted = At(100);
    log.queues.emplace(kWest, queue);
    Begin(log, std::make_unique<RowBatch>(rows));
  }

  // Builds a batch of one group.
  void Build(Group& group) {
    Clear();
    Add(group);
  }

  static WaitingAppend Numbered(std::uint64_t number, std::int64_t at,
                                std::vector<BackendId> backends = {kWest}) {
    return {.write = AppendRequest{Encode(NumberedRecord(number), Codec::kNone).value(),
                                   To(std::move(backends)), At(at)},
            .completions = {}};
  }
  Entry EntryAt(std::uint32_t backend, std::uint64_t sequence) const {
    const std::string key = EntryKey(BackendNumber(backend), Sequence(sequence));
    return DecodeEntry(key, rows.at({Family::kEntries, key}).value()).value();
  }

  Rows rows;
};

TEST_CASE("batch builder: records go on from the head, payloads from the last one") {
  Builder builder;
  Group group;
  group.appends.push_back(Builder::Numbered(1, 200));
  group.appends.push_back(Builder::Numbered(2, 201));
  builder.Build(group);
  CHECK_EQ(group.appends[0].payload, PayloadId(10));
  CHECK_EQ(group.appends[1].payload, PayloadId(11));
  CHECK_EQ(builder.EntryAt(1, 5).payload, PayloadId(10));
  CHECK_EQ(builder.EntryAt(1, 6).payload, PayloadId(11));
  CHECK_EQ(builder.rows.size(), 4);
  CHECK_EQ(builder.numbers().tails.at(kWest).head.sequence, Sequence(6));
  CHECK_EQ(builder.numbers().last_payload, PayloadId(11));
  const Totals one = builder.EntryAt(1, 5).size;
  CHECK_GT(one.stored, 0_B);
  CHECK_EQ(builder.EntryAt(1, 5).position.totals, one);
  CHECK_EQ(builder.EntryAt(1, 6).position.totals, one + builder.EntryAt(1, 6).size);
}

TEST_CASE("batch builder: times of acceptance never fall") {
  Builder builder;
  Group group;
  group.appends.push_back(Builder::Numbered(1, 99));
  group.appends.push_back(Builder::Numbered(2, 101));
  builder.Build(group);
  CHECK_EQ(builder.EntryAt(1, 5).accepted_at, At(100));
  CHECK_EQ(builder.EntryAt(1, 6).accepted_at, At(101));
}

TEST_CASE("batch builder: a backend that was forgotten since gets no record") {
  Builder builder;
  builder.Forget(kWest);
  Group group;
  group.appends.push_back(Builder::Numbered(1, 200));
  builder.Build(group);
  CHECK_EQ(builder.rows.size(), 1);  // The payload alone.
}

TEST_CASE("batch builder: a name that two callers ask for gets one number, records follow it") {
  Builder builder;
  WaitingBackends first{{kEast}, {}};
  WaitingBackends second{{kEast}, {}};
  Group group;
  group.backends = {&first, &second};
  group.appends.push_back(Builder::Numbered(1, 200, {kWest, kEast}));
  builder.Build(group);
  CHECK_EQ(builder.numbers().tails.at(kEast).number, BackendNumber(2));
  CHECK_EQ(builder.numbers().last_backend, 2);
  CHECK_EQ(builder.EntryAt(2, 1).payload, PayloadId(10));
  CHECK(builder.rows.contains({Family::kState, BackendKey(kEast)}));
  CHECK(builder.rows.contains({Family::kState, std::string(kLastBackendKey)}));
}

TEST_CASE("batch builder: a change takes its rows, its state and the last payload along") {
  Builder builder;
  Change change;
  change.state = QueueState();
  change.rows.push_back({Family::kGaps, "put", "value"});
  change.rows.push_back({Family::kDead, "gone", std::nullopt});
  WaitingChange waiting{kWest, std::move(change), {}, Wakes::kNobody, {}};
  waiting.appends.push_back(Builder::Numbered(1, 200));
  Group group;
  group.changes = {&waiting};
  builder.Build(group);
  CHECK_EQ(builder.rows.at({Family::kGaps, "put"}), "value");
  CHECK_EQ(builder.rows.at({Family::kDead, "gone"}), std::nullopt);
  CHECK(builder.rows.contains({Family::kState, QueueKey(BackendNumber(1))}));
  const auto& last = builder.rows.at({Family::kState, std::string(kLastPayloadKey)});
  CHECK_EQ(DecodeNumber(kLastPayloadKey, last.value()).value(), 10);
}

TEST_CASE("batch builder: a batch holds its own group only") {
  Builder builder;
  Group first;
  first.appends.push_back(Builder::Numbered(1, 200));
  builder.Build(first);
  Group second;
  second.cursors.emplace(kWest, QueueState());
  builder.Build(second);
  CHECK_EQ(builder.rows.size(), 1);
  CHECK(builder.rows.contains({Family::kState, QueueKey(BackendNumber(1))}));
}

TEST_CASE("batch builder: numbers of a batch that failed are given out again after Begin") {
  Builder builder;
  Group group;
  group.appends.push_back(Builder::Numbered(1, 200));
  builder.Build(group);
  LoadedLog log;
  log.last_payload = PayloadId(9);
  builder.Begin(log, std::make_unique<RowBatch>(builder.rows));
  CHECK_EQ(builder.numbers().last_payload, PayloadId(9));
  CHECK(builder.numbers().tails.empty());
}

}  // namespace
}  // namespace relay::test::wal_commit_batch_builder_test
