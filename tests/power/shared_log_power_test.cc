// A shared log whose relays, and whose order, lose power: what was acknowledged is in a log, though
// the servers of the order have lost it.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <random>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/fakes/memory_order.h"
#include "tests/support/log_fixture.h"
#include "tests/support/models/lossy_file_system.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test::power_shared_log_power_test {
namespace {

using namespace std::chrono_literals;

struct Relay {
  Relay(MemoryStream& stream, std::size_t number)
      : name(fmt::format("relay-{}", number)), order(stream) {
    Boot();
  }

  void Boot() {
    LogOptions options{.directory = directory.path(),
                       .cursor_interval = 5ms,
                       .limits = {.free_min = 0_B},
                       .shared = SharedLogOptions{.order = &order,
                                                  .clock = &clock,
                                                  .relay = name,
                                                  .address = "http://" + name,
                                                  .takeover = 700ms,
                                                  .copies = 2,
                                                  .copies_strict = true,
                                                  .repeat_after = 30ms}};
    options.env = env.get();
    Result<std::unique_ptr<DurableLog>> opened = DurableLog::Open(options, {kWest});
    REQUIRE_EQ(opened.ok() ? "" : opened.error().message(), "");
    log = std::move(opened).value();
  }

  // The disk is frozen by then: it keeps no work of this end.
  void LosePower() {
    log.reset();
    disk->LosePower();
  }

  // Puts another relay's log into the place of its own, as `join --replace` does.
  void ReplaceBy(Relay& other) {
    log.reset();
    other.log.reset();
    std::filesystem::remove_all(directory.path());
    std::filesystem::copy(other.directory.path(), directory.path(),
                          std::filesystem::copy_options::recursive);
    // The copied files are on stable storage, whatever those of the same names had been.
    disk = std::make_shared<LossyFileSystem>();
    env = rocksdb::NewCompositeEnv(disk);
    Boot();
    other.Boot();
  }

  std::string LeftBecause() const { return log->ReadSharedStatus()->left_because; }
  Place place() const { return log->ReadSharedStatus()->place; }

  std::string name;
  SystemClock clock;
  MemoryOrder order;
  TempDir directory;
  std::shared_ptr<LossyFileSystem> disk = std::make_shared<LossyFileSystem>();
  std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(disk);
  std::unique_ptr<DurableLog> log;
};

// Two relays, and writes of which each has a number.
class Site {
 public:
  explicit Site(std::mt19937_64& random) : random_(random) {}

  // Appends some, of which the last few are under way when this returns.
  void Append() {
    const std::uint64_t waited_for = 1 + random_() % 15;
    const std::uint64_t under_way = random_() % 15;
    for (std::uint64_t i = 0; i < waited_for; ++i) {
      const auto done = AppendAndWait(*Any().log, NumberedRecord(++number_));
      REQUIRE_MESSAGE(done.ok(), (done.ok() ? "" : done.error().message()));
      acknowledged_.push_back(number_);
    }
    Relay& relay = Any();
    for (std::uint64_t i = 0; i < under_way; ++i) {
      AppendOneEach(*relay.log, NumberedRecord(++number_), {kWest},
                    [this, number = number_](const Result<Durable>& done) {
                      const std::lock_guard lock(mutex_);
                      if (done.ok()) later_.push_back(number);
                    });
    }
  }

  // Ends what is counted: an acknowledgement after this is one that the power cut prevents.
  void FreezeAll() {
    {
      const std::lock_guard lock(mutex_);
      acknowledged_.insert(acknowledged_.end(), later_.begin(), later_.end());
    }
    for (Relay* relay : relays()) relay->disk->Freeze();
  }
  void ForgetLater() {
    const std::lock_guard lock(mutex_);
    later_.clear();
  }

  void CutBoth() {
    FreezeAll();
    for (Relay* relay : relays()) relay->LosePower();
    ForgetLater();
    for (Relay* relay : relays()) relay->Boot();
  }

  // The servers of the order lose power too, and what they had not synced.
  void CutAll() {
    LoseOrder();
    for (Relay* relay : relays()) relay->Boot();
    for (Relay* relay : relays()) {
      REQUIRE(Eventually(kPatience, [&] { return !relay->LeftBecause().empty(); }));
      CHECK_FALSE(relay->log->Health().ok());
    }
    Relay& longer = a_.place() >= b_.place() ? a_ : b_;
    Relay& shorter = &longer == &a_ ? b_ : a_;
    const bool are_equal = a_.place() == b_.place();
    REQUIRE(longer.log->FoundOrder(false).ok());
    if (!are_equal) shorter.ReplaceBy(longer);
    ++foundings_;
  }

  // The same, and a relay's disk is gone for good.
  void CutAllAndLoseDisk() {
    LoseOrder();
    Relay& left = Any();
    Relay& lost = &left == &a_ ? b_ : a_;
    left.Boot();
    REQUIRE(Eventually(kPatience, [&] { return !left.LeftBecause().empty(); }));
    REQUIRE(left.log->FoundOrder(false).ok());
    lost.ReplaceBy(left);
    ++foundings_;
  }

  // Returns an acknowledged write that a relay lacks, or has in another place; empty: there is
  // none.
  std::string Missing() {
    for (Relay* relay : relays()) {
      REQUIRE(Eventually(kPatience, [&] { return relay->log->Health().ok(); }));
    }
    // One more, so that both have what was under way, or have it refused.
    const auto done = AppendAndWait(*Any().log, NumberedRecord(++number_));
    REQUIRE_MESSAGE(done.ok(), (done.ok() ? "" : done.error().message()));
    acknowledged_.push_back(number_);
    for (Relay* relay : relays()) {
      std::vector<Record> records;
      for (const StoredRecord& stored : ReadAll(*relay->log, kWest)) {
        REQUIRE(stored.record.ok());
        records.push_back(*stored.record.value());
      }
      auto from = records.begin();
      for (const std::uint64_t number : acknowledged_) {
        from = std::find(from, records.end(), NumberedRecord(number));
        if (from == records.end()) return fmt::format("{} lacks {}", relay->name, number);
      }
    }
    return "";
  }

  void LieAboutSyncs() {
    for (Relay* relay : relays()) relay->disk->LieAboutSyncs(true);
  }

  std::size_t acknowledged() const { return acknowledged_.size(); }
  int foundings() const { return foundings_; }

 private:
  void LoseOrder() {
    FreezeAll();
    for (Relay* relay : relays()) relay->LosePower();
    ForgetLater();
    stream_.LoseBehind(Place::In(stream_.Range().value().last.generation(), 1));
  }

  std::array<Relay*, 2> relays() { return {&a_, &b_}; }
  Relay& Any() { return random_() % 2 == 0 ? a_ : b_; }

  std::mt19937_64& random_;
  std::mutex mutex_;
  std::vector<std::uint64_t> later_;  // Guarded by the mutex.
  std::vector<std::uint64_t> acknowledged_;
  std::uint64_t number_ = 0;
  int foundings_ = 0;
  MemoryStream stream_;
  Relay a_{stream_, 0};
  Relay b_{stream_, 1};
};

TEST_CASE(
    "shared log: both relays lose power, and the order what it had, but nothing acknowledged") {
  std::mt19937_64 random(PrintedSeed());
  Site site(random);
  CHECK_EQ(site.Missing(), "");
  for (int cut = 0; cut < 15; ++cut) {
    CAPTURE(cut);
    site.Append();
    if (cut % 3 == 0) site.CutBoth();
    if (cut % 3 == 1) site.CutAll();
    if (cut % 3 == 2) site.CutAllAndLoseDisk();
    CHECK_EQ(site.Missing(), "");
  }
  MESSAGE(site.acknowledged(), " acknowledged, ", site.foundings(), " foundings");
  CHECK_EQ(site.foundings(), 10);
}

TEST_CASE("shared log: relays that acknowledge before they have synced are noticed") {
  std::mt19937_64 random(PrintedSeed());
  Site site(random);
  CHECK_EQ(site.Missing(), "");
  site.LieAboutSyncs();
  site.Append();
  site.CutAll();
  CHECK_NE(site.Missing(), "");
}

}  // namespace
}  // namespace relay::test::power_shared_log_power_test
