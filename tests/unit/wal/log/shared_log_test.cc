// Several logs on one order: whatever the order does to messages on their way, and whatever becomes
// of the relays, all logs have the same rows in the end.
#include <doctest/doctest.h>

#include <future>
#include <map>
#include <random>

#include "tests/support/eventually.h"
#include "tests/support/fakes/memory_order.h"
#include "tests/support/log_fixture.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"
#include "wal/order/order_state.h"
#include "wal/reading/load.h"
#include "wal/recovery/recovery.h"

namespace relay::test::wal_log_shared_log_test {
namespace {

using namespace std::chrono_literals;

using Rows = std::map<std::string, std::string>;

// Reads all rows but the one that counts how often the log was opened.
Rows RowsOf(const std::string& directory) {
  const auto store = OpenStoreReadOnly({.directory = StoreDirectory(directory)}).value();
  Rows rows;
  for (const Family family : {Family::kPayloads, Family::kEntries, Family::kHeld, Family::kDead,
                              Family::kGaps, Family::kState}) {
    const auto at = store->NewCursor(family);
    for (at->Seek(""); at->Valid(); at->Next()) {
      if (at->Key() == kEpochKey) continue;
      rows.emplace(fmt::format("{}/{}", static_cast<int>(family), at->Key()), at->Value());
    }
  }
  return rows;
}

struct HowShared {
  MemoryOrder::Faults faults = {};
  std::uint64_t seed = 1;
  std::chrono::milliseconds takeover{700};
  bool strict = false;
  std::chrono::milliseconds stalled_after = LogOptions().stalled_after;
};

struct Relay {
  Relay(MemoryStream& stream, std::size_t number, const HowShared& how_it_is_shared)
      : name(fmt::format("relay-{}", number)),
        how(how_it_is_shared),
        order(stream, how.faults, how.seed + number) {
    Open();
  }

  void Open() {
    log = DurableLog::Open({.directory = directory.path(),
                            .cursor_interval = 5ms,
                            .limits = {.free_min = 0_B},
                            .stalled_after = how.stalled_after,
                            .shared = SharedLogOptions{.order = &order,
                                                       .clock = &clock,
                                                       .relay = name,
                                                       .address = "http://" + name,
                                                       .takeover = how.takeover,
                                                       .copies = 2,
                                                       .copies_strict = how.strict,
                                                       .repeat_after = 30ms}},
                           {kWest, kEast})
              .value();
  }
  // Waits until it accepts appends: a random life is shorter than an opening may take.
  void Restart() {
    log.reset();
    Open();
    REQUIRE(Eventually(kPatience, [&] { return log->Health().ok(); }));
  }

  std::string name;
  HowShared how;
  SystemClock clock;
  MemoryOrder order;
  TempDir directory;
  std::unique_ptr<DurableLog> log;
};

struct Cluster {
  explicit Cluster(std::size_t relays_count, const HowShared& how = {}) {
    for (std::size_t i = 0; i < relays_count; ++i) {
      relays.push_back(std::make_unique<Relay>(stream, i, how));
    }
  }

  // Waits until all relays are in sync in the eyes of each.
  void WaitUntilInSync() {
    for (const auto& relay : relays) {
      REQUIRE(Eventually(kPatience,
                         [&] { return relay->log->ReadSharedStatus()->copies == relays.size(); }));
    }
  }

  Log& operator[](std::size_t i) { return *relays[i]->log; }

  // Returns the relay that delivers to the backend, after waiting for one.
  std::size_t OwnerOf(const BackendId& backend) {
    std::size_t owner = relays.size();
    REQUIRE(Eventually(kPatience, [&] {
      for (std::size_t i = 0; i < relays.size(); ++i) {
        if (relays[i]->log->LeaseOf(backend).ok()) owner = i;
      }
      return owner < relays.size();
    }));
    return owner;
  }

  // Lets all logs come to the end of the order, and compares their rows.
  void CheckThatAllAreEqual() {
    const Place last = stream.Freeze();
    std::vector<Rows> rows;
    for (const auto& relay : relays) {
      const std::string& directory = relay->directory.path();
      REQUIRE(Eventually(kPatience, [&] {
        const auto store = OpenStoreReadOnly({.directory = StoreDirectory(directory)}).value();
        return OrderState::Load(*store).value().place() == last;
      }));
      rows.push_back(RowsOf(directory));
    }
    stream.Thaw();
    for (std::size_t i = 1; i < rows.size(); ++i) {
      REQUIRE_EQ(rows[i].size(), rows[0].size());
      for (const auto& [key, value] : rows[0]) {
        CAPTURE(key);
        REQUIRE(rows[i].contains(key));
        REQUIRE(rows[i].at(key) == value);
      }
    }
  }

  MemoryStream stream;
  std::vector<std::unique_ptr<Relay>> relays;
};

TEST_CASE("shared log: a record that one relay accepts is in every log, in the same place") {
  Cluster cluster(2);
  REQUIRE(AppendAndWait(cluster[0], NumberedRecord(1), {kWest, kEast}).ok());
  REQUIRE(AppendAndWait(cluster[1], NumberedRecord(2), {kWest}).ok());
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(Eventually(kPatience, [&] { return ReadAll(cluster[i], kWest).size() == 2; }));
    const auto west = ReadAll(cluster[i], kWest);
    CHECK(*west[0].record.value() == NumberedRecord(1));
    CHECK(*west[1].record.value() == NumberedRecord(2));
    CHECK_EQ(ReadAll(cluster[i], kEast).size(), 1);
  }
  cluster.CheckThatAllAreEqual();
}

TEST_CASE("shared log: one relay delivers to a backend, and the others see its cursor") {
  Cluster cluster(2);
  const std::size_t owner = cluster.OwnerOf(kWest);
  const std::size_t other = 1 - owner;
  REQUIRE(AppendAndWait(cluster[other], NumberedRecord(1, 3)).ok());
  REQUIRE(Eventually(kPatience, [&] { return ReadAll(cluster[owner], kWest).size() == 1; }));
  const Position end = ReadAll(cluster[owner], kWest)[0].entry.position;
  const Status refused = Deliver(cluster[other], kWest, end, 3);
  REQUIRE(!refused.ok());
  CHECK_EQ(refused.error().code(), ErrorCode::kElsewhere);
  CHECK_EQ(cluster[other].Execute(kWest, SetPaused{true}).error().code(), ErrorCode::kElsewhere);
  REQUIRE(Deliver(cluster[owner], kWest, end, 3).ok());
  REQUIRE(
      Eventually(kPatience, [&] { return cluster[other].MarksOf(kWest).cursor == Sequence(1); }));
  CHECK_EQ(cluster[other].StatsOf(kWest).value().delivered, 3);
  REQUIRE(cluster[owner].Execute(kWest, SetPaused{true}).ok());
  REQUIRE(Eventually(kPatience, [&] { return cluster[other].PausedOf(kWest); }));
  cluster.CheckThatAllAreEqual();
}

TEST_CASE("shared log: a relay that is stopped hands its backends over, with their cursors") {
  Cluster cluster(2);
  const std::size_t owner = cluster.OwnerOf(kWest);
  const std::size_t other = 1 - owner;
  REQUIRE(AppendAndWait(cluster[owner], NumberedRecord(1, 2)).ok());
  REQUIRE(AppendAndWait(cluster[owner], NumberedRecord(2, 2)).ok());
  REQUIRE(Deliver(cluster[owner], kWest, ReadAll(cluster[owner], kWest)[0].entry.position, 2).ok());
  cluster.relays[owner]->log.reset();
  REQUIRE(Eventually(kPatience, [&] { return cluster[other].LeaseOf(kWest).ok(); }));
  CHECK_EQ(cluster[other].MarksOf(kWest).cursor, Sequence(1));
  cluster.relays[owner]->Open();
  cluster.CheckThatAllAreEqual();
}

TEST_CASE("shared log: while the order hangs nothing is accepted, and nobody delivers for long") {
  Cluster cluster(2);
  const std::size_t owner = cluster.OwnerOf(kWest);
  cluster.stream.Hang(true);
  CHECK(Eventually(kPatience, [&] { return !cluster[owner].LeaseOf(kWest).ok(); }));
  cluster.stream.Hang(false);
  CHECK(Eventually(kPatience, [&] { return cluster[cluster.OwnerOf(kWest)].Health().ok(); }));
  CHECK(AppendAndWait(cluster[0], NumberedRecord(1)).ok());
  cluster.CheckThatAllAreEqual();
}

TEST_CASE("shared log: an append is answered once another relay in sync has it on its disk") {
  Cluster cluster(2, {.takeover = 60'000ms});
  cluster.WaitUntilInSync();
  cluster.relays[1]->order.Silence(true);
  std::promise<Result<Durable>> promise;
  std::future<Result<Durable>> answer = promise.get_future();
  cluster[0].Append({Encode(NumberedRecord(1), Codec::kZstd).value(), To({kWest}), At(1)},
                    [&promise](Result<Durable> done) { promise.set_value(std::move(done)); });
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(Eventually(kPatience, [&] { return ReadAll(cluster[i], kWest).size() == 1; }));
  }
  CHECK(answer.wait_for(0s) == std::future_status::timeout);
  cluster.relays[1]->order.Silence(false);
  // It tells the next message that it has, and with it all before.
  REQUIRE(AppendAndWait(cluster[1], NumberedRecord(2)).ok());
  CHECK(answer.get().ok());
}

TEST_CASE("shared log: a relay that is away is not waited for, and the status says so") {
  Cluster cluster(2);
  cluster.WaitUntilInSync();
  cluster.relays[1]->log.reset();
  REQUIRE(AppendAndWait(cluster[0], NumberedRecord(1)).ok());
  CHECK(cluster[0].Health().ok());
  const SharedLogStatus status = *cluster.relays[0]->log->ReadSharedStatus();
  CHECK_EQ(status.copies, 1);
  CHECK_EQ(status.copies_wanted, 2);
  REQUIRE_EQ(status.peers.size(), 1);
  CHECK_EQ(status.peers[0].relay, "relay-1");
  CHECK_EQ(status.peers[0].address, "http://relay-1");
  CHECK_FALSE(status.peers[0].in_sync);
}

TEST_CASE("shared log: strictly, an append is refused while too few relays are in sync") {
  Cluster cluster(2, {.strict = true});
  cluster.WaitUntilInSync();
  REQUIRE(AppendAndWait(cluster[0], NumberedRecord(1)).ok());
  cluster.relays[1]->log.reset();
  const Result<Durable> refused = AppendAndWait(cluster[0], NumberedRecord(2));
  REQUIRE(!refused.ok());
  CHECK_EQ(refused.error().code(), ErrorCode::kUnavailable);
  CHECK_EQ(cluster[0].Health().error().message(), refused.error().message());
  cluster.relays[1]->Open();
  cluster.WaitUntilInSync();
  CHECK(AppendAndWait(cluster[0], NumberedRecord(3)).ok());
}

TEST_CASE("shared log: relays with different histories notice it, and neither accepts any more") {
  Cluster cluster(2);
  cluster.relays[1]->log.reset();
  for (std::uint64_t n = 1; n <= 3; ++n) {
    REQUIRE(AppendAndWait(cluster[0], NumberedRecord(n)).ok());
  }
  const Place kept = Place(cluster.stream.Range().value().last.value() - 3);
  cluster.relays[0]->log.reset();
  cluster.stream.LoseBehind(kept);
  cluster.relays[1]->Open();
  REQUIRE(Eventually(kPatience, [&] { return cluster[1].Health().ok(); }));
  for (std::uint64_t n = 11; n <= 40; ++n) {
    const auto done = AppendAndWait(cluster[1], NumberedRecord(n));
    REQUIRE_MESSAGE(done.ok(), (done.ok() ? "" : done.error().message()));
  }
  cluster.relays[0]->Open();
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(Eventually(kPatience, [&] {
      return cluster.relays[i]->log->ReadSharedStatus()->left_because.find("another history") !=
             std::string::npos;
    }));
    CHECK_FALSE(cluster[i].Health().ok());
    CHECK_FALSE(cluster[i].LeaseOf(kWest).ok());
  }
}

TEST_CASE("shared log: after the order has lost its end, it is founded anew where a log ends") {
  Cluster cluster(2);
  cluster.WaitUntilInSync();
  for (std::uint64_t n = 1; n <= 3; ++n) {
    REQUIRE(AppendAndWait(cluster[0], NumberedRecord(n)).ok());
  }
  CHECK_EQ(cluster.relays[0]->log->FoundOrder(true).error().code(), ErrorCode::kConflict);
  // All that relays say from here on is lost, so that both logs end at the same place.
  const Place last = cluster.stream.Freeze();
  for (const auto& relay : cluster.relays) {
    REQUIRE(Eventually(kPatience, [&] { return relay->log->ReadSharedStatus()->place == last; }));
  }
  cluster.stream.LoseBehind(Place::BeforeFirst());
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(Eventually(kPatience, [&] {
      return !cluster.relays[i]->log->ReadSharedStatus()->left_because.empty();
    }));
    CHECK_FALSE(AppendAndWait(cluster[i], NumberedRecord(9)).ok());
  }
  cluster.stream.Thaw();
  REQUIRE(cluster.relays[0]->log->FoundOrder(true).ok());
  REQUIRE(cluster.relays[0]->log->FoundOrder(false).ok());
  CHECK_EQ(cluster.relays[1]->log->FoundOrder(false).error().code(), ErrorCode::kConflict);
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(Eventually(kPatience, [&] { return cluster[i].Health().ok(); }));
    const auto done = AppendAndWait(cluster[i], NumberedRecord(11 + i));
    REQUIRE_MESSAGE(done.ok(), (done.ok() ? "" : done.error().message()));
    CHECK_EQ(cluster.relays[i]->log->ReadSharedStatus()->place.generation(), 1);
  }
  REQUIRE(Eventually(kPatience, [&] { return ReadAll(cluster[0], kWest).size() == 5; }));
  const std::size_t owner = cluster.OwnerOf(kWest);
  cluster.relays[owner]->Restart();
  REQUIRE(AppendAndWait(cluster[owner], NumberedRecord(13)).ok());
  cluster.CheckThatAllAreEqual();
}

TEST_CASE("shared log: a log that ends elsewhere than the order was founded must be replaced") {
  Cluster cluster(2);
  cluster.relays[1]->log.reset();
  REQUIRE(AppendAndWait(cluster[0], NumberedRecord(1)).ok());
  cluster.stream.Freeze();
  cluster.stream.LoseBehind(Place::BeforeFirst());
  REQUIRE(Eventually(kPatience, [&] {
    return !cluster.relays[0]->log->ReadSharedStatus()->left_because.empty();
  }));
  cluster.stream.Thaw();
  REQUIRE(cluster.relays[0]->log->FoundOrder(false).ok());
  cluster.relays[1]->Open();
  REQUIRE(Eventually(kPatience, [&] {
    return cluster.relays[1]->log->ReadSharedStatus()->left_because.find(
               "influxdb-relay join URL --replace") != std::string::npos;
  }));
  CHECK_FALSE(cluster[1].Health().ok());
  CHECK_FALSE(cluster[1].LeaseOf(kWest).ok());
}

TEST_CASE("shared log: every relay names the one that delivers, with its address") {
  Cluster cluster(2);
  const std::size_t owner = cluster.OwnerOf(kWest);
  const std::string name = fmt::format("relay-{}", owner);
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(Eventually(kPatience,
                       [&] { return cluster.relays[i]->log->DelivererOf(kWest).relay == name; }));
    CHECK_EQ(cluster.relays[i]->log->DelivererOf(kWest).address, "http://" + name);
    CHECK_EQ(cluster.relays[i]->log->DelivererOf(kWest).is_this, i == owner);
  }
  CHECK_EQ(cluster[1 - owner].LeaseOf(kWest).error().message(), name + " delivers to west");
}

TEST_CASE("shared log: a relay that was away catches up with what it missed") {
  Cluster cluster(2);
  cluster.relays[1]->log.reset();
  for (std::uint64_t n = 1; n <= 100; ++n) {
    REQUIRE(AppendAndWait(cluster[0], NumberedRecord(n), {kWest, kEast}).ok());
  }
  cluster.relays[1]->Open();
  REQUIRE(Eventually(kPatience, [&] { return ReadAll(cluster[1], kEast).size() == 100; }));
  cluster.CheckThatAllAreEqual();
}

TEST_CASE(
    "shared log: a relay that begins empty has time to read the order as long as it reads on") {
  Cluster cluster(1);
  for (std::uint64_t n = 1; n <= 60; ++n) {
    REQUIRE(AppendAndWait(cluster[0], NumberedRecord(n)).ok());
  }
  cluster.stream.Drip(10ms);
  cluster.relays.push_back(
      std::make_unique<Relay>(cluster.stream, 1, HowShared{.stalled_after = 100ms}));
  cluster.stream.Drip(0ms);
  CHECK_EQ(ReadAll(cluster[1], kWest).size(), 60);
}

TEST_CASE("shared log: what a former owner has sent late is refused by all, and by itself") {
  Cluster cluster(2);
  cluster.WaitUntilInSync();
  const std::size_t former = cluster.OwnerOf(kWest);
  REQUIRE(AppendAndWait(cluster[former], NumberedRecord(1)).ok());
  Log& log = cluster[former];
  MemoryOrder& order = cluster.relays[former]->order;
  order.KeepBack(true);
  auto paused =
      std::async(std::launch::async, [&log] { return log.Execute(kWest, SetPaused{true}); });
  REQUIRE(Eventually(kPatience, [&] { return cluster[1 - former].LeaseOf(kWest).ok(); }));
  order.KeepBack(false);
  const auto refused = paused.get();
  REQUIRE_FALSE(refused.ok());
  cluster.CheckThatAllAreEqual();
  for (std::size_t i = 0; i < 2; ++i) CHECK_FALSE(cluster[i].PausedOf(kWest));
}

TEST_CASE("shared log: a record larger than a message goes in parts") {
  Cluster cluster(2);
  Record record = NumberedRecord(1);
  std::mt19937_64 random(PrintedSeed());
  while (record.lines.size() < 3 * Order::kMessageMax) {
    record.lines +=
        fmt::format("m,n=1 v={}i {}\n", static_cast<std::int64_t>(random()), ++record.points);
  }
  REQUIRE(AppendAndWait(cluster[0], record, {kWest}).ok());
  REQUIRE(Eventually(kPatience, [&] { return ReadAll(cluster[1], kWest).size() == 1; }));
  CHECK(*ReadAll(cluster[1], kWest)[0].record.value() == record);
  cluster.CheckThatAllAreEqual();
}

TEST_CASE(
    "shared log: a second relay with the same name takes the first one's place, which says so") {
  Cluster cluster(1);
  Relay twin(cluster.stream, 0, {.seed = 7});
  REQUIRE(Eventually(kPatience, [&] { return !cluster[0].Health().ok(); }));
  CHECK(cluster[0].Health().error().message().find("has taken the name relay-0") !=
        std::string::npos);
  const Result<Durable> taken = AppendAndWait(*twin.log, NumberedRecord(1));
  CHECK_MESSAGE(taken.ok(), (taken.ok() ? "" : taken.error().message()));
}

// A random life of some relays.
class Life {
 public:
  Life(std::size_t relays, std::uint64_t seed)
      : random_(seed),
        cluster_(relays, {.faults = {.lost = 3, .repeated = 3, .delayed = 5}, .seed = seed}) {}

  void Run(int steps) {
    for (int step = 0; step < steps; ++step) DoOne();
    for (std::future<bool>& one : answers_)
      if (one.get()) ++accepted_;
    for (const BackendId& backend : {kWest, kEast}) {
      const std::size_t owner = cluster_.OwnerOf(backend);
      CHECK_EQ(cluster_[owner].StatsOf(backend).value().unaccounted(), 0);
    }
    CHECK_GT(accepted_, 0U);
    cluster_.CheckThatAllAreEqual();
  }

 private:
  std::size_t Below(std::size_t bound) { return random_() % bound; }

  void DoOne() {
    const std::size_t relay = Below(cluster_.relays.size());
    const BackendId& backend = Below(2) == 0 ? kWest : kEast;
    switch (Below(20)) {
      case 0: return Command(relay, backend);
      case 1:
      case 2: return SetAsideFirst(relay, backend);
      case 3:
      case 4:
      case 5:
      case 6:
      case 7: return DeliverSome(relay, backend);
      case 8:
        if (Below(10) == 0) cluster_.relays[relay]->Restart();
        return;
      case 9:
        return static_cast<void>(cluster_.relays[relay]->log->EnforceRetention(MomentAt(100)).ok());
      default: return Append(relay, backend);
    }
  }

  void Append(std::size_t relay, const BackendId& backend) {
    std::vector<BackendId> backends{backend};
    if (Below(2) == 0) backends = {kWest, kEast};
    auto told = std::make_shared<std::promise<bool>>();
    answers_.push_back(told->get_future());
    cluster_[relay].Append({Encode(NumberedRecord(++number_, 1 + Below(4)), Codec::kZstd).value(),
                            To(backends), At(1)},
                           [told](const Result<Durable>& done) { told->set_value(done.ok()); });
  }

  void DeliverSome(std::size_t relay, const BackendId& backend) {
    Log& log = cluster_[relay];
    const auto records =
        log.Read(backend, log.MarksOf(backend).cursor, {.records = 1 + Below(5), .bytes = 1_MiB});
    if (!records.ok() || records.value().empty()) return;
    PointCount points = 0;
    for (const StoredRecord& record : records.value()) points += record.entry.size.points;
    Ignore(Deliver(log, backend, records.value().back().entry.position, points));
  }

  void SetAsideFirst(std::size_t relay, const BackendId& backend) {
    Log& log = cluster_[relay];
    const Sequence cursor = log.MarksOf(backend).cursor;
    const auto records = log.Read(backend, cursor, {.records = 1, .bytes = 1_MiB});
    if (!records.ok() || records.value().empty()) return;
    const StoredRecord& record = records.value().front();
    Resolution resolution{
        .after = cursor, .through = record.entry.position, .letters = {}, .gaps = {}, .held = {}};
    if (Below(2) == 0) {
      resolution.held = {record.entry.position.sequence};
    } else {
      resolution.letters = {{.sequence = record.entry.position.sequence,
                             .first_line = 1,
                             .points = record.entry.size.points,
                             .when = At(5),
                             .params = record.record.value()->params,
                             .message = "no",
                             .lines = record.record.value()->lines}};
    }
    Ignore(log.Resolve(backend, resolution));
  }

  void Command(std::size_t relay, const BackendId& backend) {
    Log& log = cluster_[relay];
    const Marks marks = log.MarksOf(backend);
    const std::vector<LogCommand> commands = {
        SetPaused{Below(2) == 0},
        Rewind{Sequence(marks.trimmed.value() + Below(1 + marks.cursor.value()))},
        Skip{marks.cursor.Next(), {.by = "test", .note = "", .when = At(9)}},
        HoldLane{Lane{"db", ""}},
        ReleaseLane{Lane{"db", ""}},
        GiveUpRefused{Lane{"db", ""}},
        SkipHeld{Lane{"db", ""}, {.by = "test", .note = "", .when = At(9)}},
        DropDead{{1 + Below(5)}},
        Redrive{{1 + Below(5)}, At(10)}};
    static_cast<void>(log.Execute(backend, commands[Below(commands.size())]).ok());
  }

  // Another relay may deliver to the backend, or may have changed the queue.
  static void Ignore(const Status& status) {
    if (status.ok()) return;
    const ErrorCode code = status.error().code();
    const bool is_expected = code == ErrorCode::kElsewhere || code == ErrorCode::kConflict ||
                             code == ErrorCode::kUnavailable;
    CHECK_MESSAGE(is_expected, status.error().message());
  }

  std::mt19937_64 random_;
  Cluster cluster_;
  std::uint64_t number_ = 0;
  std::uint64_t accepted_ = 0;
  std::vector<std::future<bool>> answers_;
};

TEST_CASE("shared log: one relay alone is its own order") {
  Life(1, PrintedSeed()).Run(500);
}

TEST_CASE("shared log: two relays have the same rows, whatever the order does on the way") {
  Life(2, PrintedSeed()).Run(1'000);
}

TEST_CASE("shared log: three relays have the same rows, whatever the order does on the way") {
  Life(3, PrintedSeed()).Run(1'000);
}

}  // namespace
}  // namespace relay::test::wal_log_shared_log_test
