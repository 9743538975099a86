#include "wal/group/group_codec.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/support/log_fixture.h"
#include "tests/support/seed.h"

namespace relay::test::wal_group_group_codec_test {
namespace {

UnderClaim ClaimOf(const BackendId& backend) {
  return backend == kWest ? UnderClaim{BackendNumber(3), 7} : UnderClaim();
}

WaitingAppend Numbered(std::uint64_t number, std::vector<BackendId> backends) {
  return {.write = AppendRequest{Encode(NumberedRecord(number), Codec::kZstd).value(),
                                 To(std::move(backends)), At(static_cast<std::int64_t>(number))},
          .completions = {}};
}

// A group with all that it can have.
struct Sample {
  Sample() {
    Change change;
    change.follows = 4;
    change.state = QueueState();
    change.state->edition = 5;
    const Lane lane{"db", "rp"};
    const std::string key = LaneKey(BackendNumber(3), lane);
    LaneState state{.by_operator = true};
    change.rows.push_back({Family::kState, key, EncodeLane(key, state)});
    change.rows.push_back({Family::kDead, "gone", std::nullopt});
    change.accepted_at = At(50);
    waiting.emplace(WaitingChange{kWest, std::move(change), {}, Wakes::kNobody, {}});
    waiting->appends.push_back(Numbered(9, {kWest}));
    group.backends = {&names};
    group.appends.push_back(Numbered(1, {kWest, kEast}));
    group.appends.push_back(Numbered(2, {kWest}));
    group.changes = {&*waiting};
    QueueState moved;
    moved.delivered = 12;
    group.cursors.emplace(kWest, moved);
  }

  WaitingBackends names{{kEast}, {}};
  std::optional<WaitingChange> waiting;
  Group group;
};

TEST_CASE("group codec: a group is read back as it was, backends by their numbers") {
  Sample sample;
  const RemoteGroup group = DecodeGroup(EncodeGroup(sample.group, ClaimOf)).value();
  CHECK_EQ(group.names, std::vector<BackendId>{kEast});
  REQUIRE_EQ(group.appends.size(), 2);
  CHECK_EQ(group.appends[0].backends,
           std::vector<BackendNumber>{BackendNumber(3), BackendNumber(0)});
  CHECK_EQ(group.appends[0].accepted_at, At(1));
  EncodedRecord record = group.appends[1].record;
  CHECK_EQ(record.size().points, 1);
  CHECK(Decode(PayloadId(77), record.Seal(PayloadId(77))).value() == NumberedRecord(2));
  REQUIRE_EQ(group.changes.size(), 1);
  const RemoteChange& change = group.changes[0];
  CHECK_EQ(change.claim.backend, BackendNumber(3));
  CHECK_EQ(change.claim.epoch, 7);
  CHECK_EQ(change.change.follows, 4);
  CHECK_EQ(change.change.state->edition, 5);
  CHECK_EQ(change.change.rows.size(), 2);
  CHECK(change.change.lanes.at(Lane{"db", "rp"}).by_operator);
  CHECK_EQ(change.change.records.size(), 1);
  REQUIRE_EQ(group.cursors.size(), 1);
  CHECK_EQ(group.cursors[0].state.delivered, 12);
}

TEST_CASE("group codec: a record that arrives is stored as the bytes that its relay would store") {
  WaitingAppend append = Numbered(5, {kWest});
  const std::string expected(append.Encoded().record.Seal(PayloadId(8)));
  Group group;
  group.appends.push_back(Numbered(5, {kWest}));
  RemoteGroup remote = DecodeGroup(EncodeGroup(group, ClaimOf)).value();
  CHECK(remote.appends[0].record.Seal(PayloadId(8)) == expected);
}

TEST_CASE("group codec: cut or changed bytes are refused, whatever they are") {
  Sample sample;
  const std::string body = EncodeGroup(sample.group, ClaimOf);
  for (std::size_t size = 0; size < body.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodeGroup(std::string_view(body).substr(0, size)).ok());
  }
  CHECK_FALSE(DecodeGroup(body + "x").ok());
  // Some changed bytes are another group; none ends the relay or takes it long.
  std::mt19937_64 random(PrintedSeed());
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = body;
    for (int i = 0; i < 3; ++i) changed[random() % changed.size()] = static_cast<char>(random());
    static_cast<void>(DecodeGroup(changed).ok());
  }
}

}  // namespace
}  // namespace relay::test::wal_group_group_codec_test
