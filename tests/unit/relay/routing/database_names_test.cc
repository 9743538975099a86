#include "relay/routing/database_names.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "wal/base/files.h"

namespace relay::test::unit_relay_routing_database_names_test {
namespace {

using std::chrono::hours;
using Names = std::set<std::string>;

struct Bench {
  TempDir directory;
  std::string path = directory.File("databases");
  FakeClock clock;
  DatabaseNames names{path, clock};

  Bench() { clock.Advance(hours(24 * 20'000)); }

  void Save(DatabaseNames& saved) const {
    bool called = false;
    saved.WhenSaved([&called] { called = true; });
    CHECK(called);
  }
  void Use(const std::string& name) {
    names.Note(name);
    Save(names);
  }
  Names AfterRestart() { return DatabaseNames(path, clock).All(); }
};

TEST_CASE("database names: a name that was saved is known after a restart, whatever it is") {
  Bench bench;
  const Names odd = {"telegraf",    "a b",  "line\nend",
                     "100%",        "%41",  "\x7f",
                     "m\xc3\xb6we", "\xff", std::string(DatabaseNames::kNameMax, 'x')};
  for (const std::string& name : odd) CHECK_FALSE(bench.names.Note(name));
  bench.Save(bench.names);
  CHECK_EQ(bench.names.All(), odd);
  CHECK_EQ(bench.AfterRestart(), odd);
}

TEST_CASE("database names: a name in use is noted once an hour, and then without a lock") {
  Bench bench;
  CHECK_FALSE(bench.names.IsNoted("a"));
  bench.Use("a");
  CHECK(bench.names.IsNoted("a"));
  CHECK(bench.names.Note("a"));
  CHECK_FALSE(bench.names.IsNoted("b"));
  bench.clock.Advance(hours(1));
  bench.names.Note("b");  // The first that is new tells the time.
  CHECK_FALSE(bench.names.IsNoted("a"));
  CHECK(bench.names.Note("a"));  // It is saved: no write waits for its new hour.
  CHECK(bench.names.IsNoted("a"));
}

TEST_CASE("database names: a name that is not saved yet is waited for") {
  Bench bench;
  CHECK_FALSE(bench.names.Note("a"));
  CHECK_FALSE(bench.names.Note("a"));
  CHECK_FALSE(bench.names.IsNoted("a"));
  bench.Save(bench.names);
  CHECK(bench.names.Note("a"));
}

TEST_CASE("database names: one that was removed is gone over a restart, until it is used again") {
  Bench bench;
  bench.Use("a");
  bench.Use("b");
  bench.names.Remove("a");
  bench.Save(bench.names);
  CHECK_FALSE(bench.names.IsNoted("a"));
  CHECK_EQ(bench.AfterRestart(), Names{"b"});
  bench.Use("a");
  CHECK_EQ(bench.AfterRestart(), Names{"a", "b"});
}

TEST_CASE("database names: names that are too long or empty are not kept, and nobody waits") {
  Bench bench;
  CHECK(bench.names.Note(std::string(DatabaseNames::kNameMax + 1, 'x')));
  CHECK(bench.names.Note(""));
  CHECK(bench.names.All().empty());
}

TEST_CASE("database names: made-up names displace each other, and none that is in use") {
  Bench bench;
  bench.Use("old");
  bench.Use("in use");
  bench.clock.Advance(hours(1));
  bench.Use("in use");
  bench.clock.Advance(hours(1));
  for (int i = 0; i < 100'000; ++i) {
    bench.names.Note(fmt::format("made-up-{}", i));
    if (i % 100 == 0) bench.Save(bench.names);
  }
  bench.Save(bench.names);
  const Names kept = bench.names.All();
  CHECK_GE(kept.size(), DatabaseNames::kCountMax);
  CHECK_LE(kept.size(), DatabaseNames::kCountMax + DatabaseNames::kSlack);
  CHECK(kept.contains("in use"));
  CHECK_FALSE(kept.contains("old"));
  CHECK_EQ(bench.AfterRestart(), kept);
  CHECK_LE(std::filesystem::file_size(bench.path), 2U << 20U);
  // A displaced name is new when it is used again.
  CHECK_FALSE(bench.names.IsNoted("old"));
  CHECK_FALSE(bench.names.Note("old"));
}

TEST_CASE("database names: the file does not grow with the hours that a name is used in") {
  Bench bench;
  for (int i = 0; i < 30'000; ++i) {
    bench.clock.Advance(hours(1));
    bench.names.Note("a");
    if (i % 100 == 0) bench.Save(bench.names);
    if (i % 100 == 50) bench.Save(bench.names);
  }
  for (int i = 0; i < 2'000; ++i) {
    for (int j = 0; j < 12; ++j) bench.names.Note(fmt::format("d{}", j));
    bench.clock.Advance(hours(1));
    bench.Save(bench.names);
  }
  CHECK_LE(std::filesystem::file_size(bench.path), 1U << 20U);
  CHECK_EQ(bench.AfterRestart().size(), 13);
}

TEST_CASE("database names: a damaged or cut line costs its own name alone") {
  Bench bench;
  for (const char* name : {"a", "b", "c"}) bench.Use(name);
  std::string text = ReadWhole(bench.path).value();
  text[text.find("a\n")] = 'x';
  text.resize(text.size() - 3);
  REQUIRE(ReplaceWhole(bench.path, text).ok());
  DatabaseNames after(bench.path, bench.clock);
  CHECK_EQ(after.All(), Names{"b"});
  after.Note("d");
  bench.Save(after);
  CHECK_EQ(bench.AfterRestart(), Names{"b", "d"});
  REQUIRE(ReplaceWhole(bench.path, std::string("\0\n\n1234\nffffffff 1 2 x\n", 22)).ok());
  CHECK_EQ(bench.AfterRestart(), Names{});
}

TEST_CASE("database names: a file that cannot be written keeps nobody waiting, and is repaired") {
  Bench bench;
  const std::string path = bench.directory.File("later/databases");
  DatabaseNames names(path, bench.clock);
  CHECK_FALSE(names.Note("a"));
  bench.Save(names);
  CHECK(names.Note("a"));
  REQUIRE(MakeDirectory(bench.directory.File("later")).ok());
  names.Note("b");
  bench.Save(names);
  CHECK_EQ(DatabaseNames(path, bench.clock).All(), Names{"a", "b"});
}

TEST_CASE("database names: without a file they are in memory") {
  FakeClock clock;
  DatabaseNames names("", clock);
  CHECK(names.Note("a"));
  CHECK(names.IsNoted("a"));
  bool called = false;
  names.WhenSaved([&called] { called = true; });
  CHECK(called);
  CHECK_EQ(names.All(), Names{"a"});
}

TEST_CASE("database names: many threads name databases, each is saved before its answer") {
  constexpr int kThreads = 4;
  constexpr int kEach = 200;
  TempDir directory;
  SystemClock clock;
  const std::string path = directory.File("databases");
  std::atomic<int> missing = 0;
  std::atomic<int> called = 0;
  {
    DatabaseNames names(path, clock);
    names.Start(clock);
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < kEach; ++i) {
          const std::string name = fmt::format("d{}", i % 20 + thread * 10);
          if (names.IsNoted(name) || names.Note(name)) {
            ++called;
            continue;
          }
          names.WhenSaved([&, name] {
            if (!DatabaseNames(path, clock).All().contains(name)) ++missing;
            ++called;
          });
        }
      });
    }
    threads.clear();
    names.Stop();
    CHECK_EQ(called, kThreads * kEach);
    CHECK_FALSE(names.Note("late"));  // The log may still answer.
    names.WhenSaved([&called] { ++called; });
  }
  CHECK_EQ(missing, 0);
  CHECK_EQ(called, kThreads * kEach + 1);
  CHECK(DatabaseNames(path, clock).All().contains("late"));
}

}  // namespace
}  // namespace relay::test::unit_relay_routing_database_names_test
