// Lanes: trouble with one database or retention policy does not affect the
// others.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/support/worker_fixture.h"

namespace relay::test::replay_delivery_lanes_test {
namespace {

using namespace std::chrono_literals;
using enum WorkerState;

// Has the databases that it is told to have, and keeps what each was sent.
struct Backend {
  std::set<std::string> databases;
  std::map<std::string, std::string> taken;

  Result<Reply> operator()(const WriteParams& params, std::string_view lines) {
    const std::string& name = params.database;
    if (!databases.contains(name)) return Http(404, "database not found: \"" + name + "\"");
    taken[name] += lines;
    return Status204();
  }
};

struct Bench : WorkerFixture {
  Bench()
      : WorkerFixture([this](const WriteParams& p, std::string_view l) { return backend(p, l); }) {}

  PointCount HeldPoints() { return Now().held.points; }

  Backend backend;
};

TEST_CASE("lanes: a missing database holds its own records, the others are delivered") {
  Bench bench;
  bench.backend.databases = {"here"};
  bench.Accept("m v=1 1\n", "missing");
  bench.Accept("m v=1 1\n", "here");
  bench.Accept("m v=2 2\n", "missing");
  bench.Accept("m v=2 2\n", "here");
  bench.Drain();
  CHECK_EQ(bench.backend.taken["here"], "m v=1 1\nm v=2 2\n");
  CHECK_EQ(bench.HeldPoints(), 2);
  CHECK_EQ(bench.Now().unaccounted(), 0);
  const WorkerStatus status = bench.Status();
  CHECK_EQ(status.state, kHeld);
  CHECK_EQ(status.reason, "database \"missing\": the database does not exist on the backend");
  CHECK_EQ(status.remedy, "create database \"missing\" on west, or set its create_databases");
  REQUIRE_EQ(status.lanes.size(), 1);
  CHECK_EQ(status.lanes[0].state, "held");
}

TEST_CASE("lanes: held records go first and in order once the database exists") {
  Bench bench;
  bench.backend.databases = {"here"};
  std::string all;
  for (int i = 1; i <= 5; ++i) {
    bench.Accept(fmt::format("m v={} {}\n", i, i), "missing");
    bench.Accept("m v=0 0\n", "here");
    bench.Drain();
    all += fmt::format("m v={} {}\n", i, i);
  }
  CHECK_EQ(bench.HeldPoints(), 5);
  bench.backend.databases.insert("missing");
  bench.Accept("m v=6 6\n", "missing");
  bench.StepFor(35s);
  CHECK_EQ(bench.backend.taken["missing"], all + "m v=6 6\n");
  CHECK_EQ(bench.HeldPoints(), 0);
  CHECK(bench.Held().empty());
  CHECK_EQ(bench.Status().state, kCaughtUp);
  CHECK(bench.Status().lanes.empty());
  bench.Accept("m v=7 7\n", "missing");
  bench.Step();
  CHECK_EQ(bench.backend.taken["missing"], all + "m v=6 6\nm v=7 7\n");
}

TEST_CASE("lanes: a lane on hold is probed seldom, with the oldest that it holds") {
  Bench bench;
  for (int i = 1; i <= 3; ++i) bench.Accept(fmt::format("m v={} {}\n", i, i), "missing");
  bench.StepFor(600s);
  CHECK_GE(bench.transport.sent.size(), 600 / 30);
  CHECK_LE(bench.transport.sent.size(), 600 / 15 + 8);
  for (const std::string& sent : bench.transport.sent) CHECK(sent.starts_with("m v=1 1\n"));
}

TEST_CASE("lanes: a retention policy that is missing holds neither the database nor another") {
  WorkerFixture bench([](const WriteParams& params, std::string_view) {
    return params.retention_policy == "week" ? Http(500, "retention policy not found: week")
                                             : Status204();
  });
  bench.Accept("m v=1 1\n", "db", Precision::kNanosecond, "week");
  bench.Accept("m v=2 2\n", "db");
  bench.Drain();
  CHECK_EQ(bench.Now().delivered, 1);
  REQUIRE_EQ(bench.Held().size(), 1);
  CHECK_EQ(bench.Held()[0].lane, Lane{"db", "week"});
  CHECK_EQ(
      bench.Status().remedy,
      "create retention policy \"week\" of database \"db\" on west, or set its create_databases");
}

TEST_CASE("lanes: a lane that was on hold before a restart is on hold after it, and drains first") {
  Bench bench;
  bench.Accept("m v=1 1\n", "db");
  bench.Drain();
  bench.Accept("m v=2 2\n", "db");
  bench.Restart();
  bench.backend.databases.insert("db");
  bench.StepFor(2s);
  CHECK_EQ(bench.backend.taken["db"], "m v=1 1\nm v=2 2\n");
  CHECK_EQ(bench.HeldPoints(), 0);
}

TEST_CASE("lanes: what an operator holds waits until it is released, whatever the backend takes") {
  Bench bench;
  bench.backend.databases = {"db", "other"};
  REQUIRE(bench.log.Execute(kWest, HoldLane{{"db", ""}}).ok());
  bench.Accept("m v=1 1\n", "db");
  bench.Accept("m v=1 1\n", "other");
  bench.StepFor(100s);
  CHECK_EQ(bench.backend.taken.count("db"), 0);
  CHECK_EQ(bench.backend.taken["other"], "m v=1 1\n");
  CHECK_EQ(bench.Status().lanes.at(0).state, "held by operator");
  CHECK_EQ(bench.Status().state, kCaughtUp);
  bench.Accept("m v=2 2\n", "db");
  bench.StepFor(3s);
  REQUIRE(bench.log.Execute(kWest, ReleaseLane{{"db", ""}}).ok());
  bench.StepFor(3s);
  CHECK_EQ(bench.backend.taken["db"], "m v=1 1\nm v=2 2\n");
  CHECK(bench.Status().lanes.empty());
}

TEST_CASE("lanes: what an operator skips of a lane is not sent any more") {
  Bench bench;
  bench.Accept("m v=1 1\n", "db");
  bench.Drain();
  REQUIRE(bench.log.Execute(kWest, SkipHeld{{"db", ""}, {}}).ok());
  bench.backend.databases.insert("db");
  bench.Accept("m v=2 2\n", "db");
  bench.StepFor(40s);
  CHECK_EQ(bench.backend.taken["db"], "m v=2 2\n");
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("lanes: a paused backend is sent nothing until it is resumed") {
  Bench bench;
  bench.backend.databases = {"db"};
  REQUIRE(bench.log.Execute(kWest, SetPaused{true}).ok());
  bench.Accept("m v=1 1\n", "db");
  bench.StepFor(300s);
  CHECK(bench.transport.sent.empty());
  CHECK_EQ(bench.Status().state, kPaused);
  CHECK_FALSE(bench.Status().stuck.has_value());
  REQUIRE(bench.log.Execute(kWest, SetPaused{false}).ok());
  bench.StepFor(1s);
  CHECK_EQ(bench.backend.taken["db"], "m v=1 1\n");
}

TEST_CASE("lanes: a missing database is created where that is wanted") {
  Bench bench;
  Worker::Options options = QuickOptions();
  options.create_databases = true;
  bench.Restart(options);
  bench.transport.on_create = [&](const WriteParams& params) {
    bench.backend.databases.insert(params.database);
    return Http(200, "{}");
  };
  bench.Accept("m v=1 1\n", "db");
  bench.Drain();
  CHECK_EQ(bench.transport.created, std::vector<std::string>{"db"});
  CHECK_EQ(bench.backend.taken["db"], "m v=1 1\n");
  CHECK_EQ(bench.HeldPoints(), 0);
}

TEST_CASE("lanes: a database that cannot be created holds its lane, with the backend's words") {
  Bench bench;
  Worker::Options options = QuickOptions();
  options.create_databases = true;
  bench.Restart(options);
  bench.transport.on_create = [](const WriteParams&) { return Http(403, "not an admin"); };
  bench.Accept("m v=1 1\n", "db");
  bench.Drain();
  CHECK_EQ(bench.HeldPoints(), 1);
  CHECK_EQ(bench.Status().lanes.at(0).reason,
           "the database does not exist on the backend and could not be created: not an admin");
}

TEST_CASE("lanes: beyond those on hold by themselves, missing databases share one, in order") {
  Bench bench;
  bench.backend.databases = {"here"};
  constexpr std::size_t kNames = Log::kHeldLanesMax + 200;
  for (int round = 1; round <= 3; ++round) {
    for (std::size_t i = 0; i < kNames; ++i) {
      bench.Accept(fmt::format("m v={} 1\n", round), fmt::format("db{}", i));
    }
    bench.Accept(fmt::format("m v={} 1\n", round), "here");
    bench.StepFor(60s);
    CHECK_EQ(bench.Now().owed.points, 0);
  }
  CHECK_EQ(bench.backend.taken["here"], "m v=1 1\nm v=2 1\nm v=3 1\n");
  CHECK_EQ(bench.Held().size(), Log::kHeldLanesMax + 1);
  CHECK_EQ(bench.Status().state, kHeld);
  CHECK_EQ(bench.HeldPoints(), 3 * kNames);

  SUBCASE("the relay goes on") {}
  SUBCASE("the relay is restarted") {
    bench.Restart(QuickOptions());
    bench.StepFor(1s);
    bench.backend.databases.insert("db1150");
    for (std::size_t i = 0; i < kNames; ++i) bench.Accept("m v=4 1\n", fmt::format("db{}", i));
    bench.Accept("m v=4 1\n", "here");
    bench.StepFor(60s);
    CHECK_EQ(bench.backend.taken["here"], "m v=1 1\nm v=2 1\nm v=3 1\nm v=4 1\n");
  }
  const PointCount points = bench.Now().accepted.points;
  for (std::size_t i = 0; i < kNames; ++i) bench.backend.databases.insert(fmt::format("db{}", i));
  bench.StepFor(180s);
  CHECK_EQ(bench.Now().delivered, points);
  CHECK_EQ(bench.HeldPoints(), 0);
  CHECK(bench.Held().empty());
  for (std::size_t i = 0; i < kNames; ++i) {
    INFO(i);
    REQUIRE(bench.backend.taken[fmt::format("db{}", i)].starts_with("m v=1 1\nm v=2 1\nm v=3 1\n"));
  }
  bench.Accept("m v=5 1\n", "db1100");
  bench.StepFor(1s);
  CHECK(bench.backend.taken["db1100"].ends_with("m v=5 1\n"));
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("lanes: one of those that share a lane is delivered once it exists, in order") {
  Bench bench;
  constexpr std::size_t kNames = Log::kHeldLanesMax + 100;
  const auto write = [&](int value) {
    for (std::size_t i = 0; i < kNames; ++i) {
      bench.Accept(fmt::format("m v={} 1\n", value), fmt::format("db{}", i));
    }
    bench.StepFor(3s);
  };
  write(1);
  write(2);
  REQUIRE_EQ(bench.Held().size(), Log::kHeldLanesMax + 1);
  bench.backend.databases = {"db1050"};
  write(3);
  bench.StepFor(60s);
  CHECK_EQ(bench.backend.taken["db1050"], "m v=1 1\nm v=2 1\nm v=3 1\n");
  CHECK_EQ(bench.backend.taken.size(), 1);
  CHECK_EQ(bench.HeldPoints(), 3 * (kNames - 1));
  write(4);
  bench.StepFor(60s);
  CHECK(bench.backend.taken["db1050"].ends_with("m v=4 1\n"));
  for (std::size_t i = 0; i < kNames; ++i) bench.backend.databases.insert(fmt::format("db{}", i));
  bench.StepFor(120s);
  CHECK_EQ(bench.HeldPoints(), 0);
  for (std::size_t i = 0; i < kNames; ++i) {
    REQUIRE_EQ(bench.backend.taken[fmt::format("db{}", i)], "m v=1 1\nm v=2 1\nm v=3 1\nm v=4 1\n");
  }
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE(
    "lanes: 100,000 made-up databases keep no good one waiting, and may be given up at once") {
  Bench bench;
  bench.backend.databases = {"here", "there"};
  for (int i = 0; i < 100'000; ++i) {
    bench.Accept("m v=1 1\n", fmt::format("made-up-{}", i));
    if (i % 1'000 != 0) continue;
    bench.Accept("m v=1 1\n", i % 2'000 == 0 ? "here" : "there");
    bench.StepFor(1s);
  }
  bench.StepFor(10s);
  CHECK_EQ(bench.Now().owed.points, 0);
  CHECK_EQ(bench.Now().delivered, 100);
  CHECK_EQ(bench.Held().size(), Log::kHeldLanesMax + 1);
  REQUIRE(bench.log.Execute(kWest, SkipHeld{OverflowLane(), {.by = "me", .note = "", .when = {}}})
              .ok());
  bench.StepFor(10s);
  CHECK_EQ(bench.HeldPoints(), Log::kHeldLanesMax);
  CHECK_EQ(bench.Held().size(), Log::kHeldLanesMax);
  // Its name is no longer that of a member.
  bench.backend.databases.insert("made-up-99999");
  bench.Accept("m v=1 1\n", "made-up-99999");
  bench.StepFor(1s);
  CHECK_EQ(bench.backend.taken["made-up-99999"], "m v=1 1\n");
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("lanes: one refused like a whole backend, while others are taken, is on hold alone") {
  WorkerFixture bench([](const WriteParams& params, std::string_view) {
    return params.database == "secret" ? Http(403, "not authorized to write") : Status204();
  });
  for (int i = 0; i < 20; ++i) {
    bench.Accept("m v=1 1\n", "secret");
    bench.Accept("m v=1 1\n", "open");
    bench.StepFor(1s);
  }
  CHECK_EQ(bench.Now().delivered, 20);
  CHECK_EQ(bench.Now().held.points, 20);
  CHECK(bench.Dead().empty());
}

TEST_CASE("lanes: stuck is reported once, with the reason, the last answer and what to do") {
  Bench bench;
  int told = 0;
  Worker::Options options = QuickOptions();
  options.on_change = [&](const WorkerStatus& status) { told += status.stuck ? 1 : 0; };
  bench.Restart(options);
  bench.Accept("m v=1 1\n", "db");
  bench.StepFor(59s);
  CHECK_FALSE(bench.Status().stuck.has_value());
  bench.StepFor(3s);
  REQUIRE(bench.Status().stuck.has_value());
  CHECK_EQ(bench.Status().stuck->reason,
           "database \"db\": the database does not exist on the backend");
  CHECK_EQ(bench.Status().stuck->last_answer, "HTTP 404: database not found: \"db\"");
  CHECK_EQ(bench.Status().stuck->remedy,
           "create database \"db\" on west, or set its create_databases");
  CHECK_EQ(told, 1);
  bench.backend.databases.insert("db");
  bench.StepFor(40s);
  CHECK_FALSE(bench.Status().stuck.has_value());
}

TEST_CASE("lanes: a backend that does not answer is stuck after a while too") {
  WorkerFixture bench([](const WriteParams&, std::string_view) { return NoAnswer(); });
  bench.Accept("m v=1 1\n");
  bench.StepFor(62s);
  REQUIRE(bench.Status().stuck.has_value());
  CHECK_EQ(bench.Status().stuck->reason, "connection refused");
  CHECK_EQ(bench.Status().stuck->remedy, "check that west runs and can be reached from here");
}

// ------------------------------------------------------------------- poison

// Fails on lines that contain "poison" without blaming any of them.
Result<Reply> Poisoned(const WriteParams&, std::string_view lines) {
  return lines.find("poison") == std::string_view::npos
             ? Status204()
             : Http(500, "An internal error has occurred");
}

TEST_CASE("poison: one record that makes the backend fail is found and set aside") {
  WorkerFixture bench(Poisoned);
  bench.Restart(FinalOptions());
  bench.Accept("m v=0 0\n");
  bench.Drain();
  std::string lines;
  for (int i = 1; i <= 1000; ++i) {
    lines += i == 700 ? "m poison=1 700\n" : fmt::format("m v={} {}\n", i, i);
  }
  bench.Accept(lines);
  bench.Accept("m v=2000 2000\n");
  bench.StepFor(120s);
  CHECK_EQ(bench.Now().marks.lag(), 0);
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].lines, "m poison=1 700\n");
  CHECK_EQ(bench.Dead()[0].message, "An internal error has occurred");
  CHECK_EQ(bench.Now().delivered, 1001);
  CHECK_LE(bench.transport.sent.size(), 70);
}

TEST_CASE("poison: a lane that has taken nothing yet is tried with its own first line") {
  WorkerFixture bench(Poisoned);
  bench.Restart(FinalOptions());
  bench.Accept("m v=1 1\nm poison=1 2\nm v=3 3\n");
  bench.StepFor(120s);
  CHECK_EQ(bench.Now().delivered, 2);
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].lines, "m poison=1 2\n");
  CHECK_EQ(bench.Dead()[0].first_line, 2);
}

TEST_CASE("poison: a lane whose first lines are refused is tried with the next ones") {
  WorkerFixture bench([](const WriteParams& params, std::string_view lines) {
    const bool refused = lines.find("bad") != std::string_view::npos;
    const Result<Reply> answer = Poisoned(params, lines);
    return answer.ok() && answer.value().http_status == 204 && refused
               ? Http(400, R"({"error":"unable to parse 'm bad'"})")
               : answer;
  });
  bench.Restart(FinalOptions());
  bench.Accept("m bad=1 1\nm bad=1 2\nm v=3 3\nm poison=1 4\nm v=5 5\n");
  bench.StepFor(300s);
  CHECK_EQ(bench.Now().delivered, 2);
  CHECK_EQ(bench.Dead().size(), 3);
  CHECK_EQ(bench.Now().marks.lag(), 0);
}

TEST_CASE("poison: a lane whose first record is one poisoned line is tried with what is behind") {
  WorkerFixture bench(Poisoned);
  bench.Restart(FinalOptions());
  bench.Accept("m poison=1 1\n");
  bench.StepFor(60s);
  CHECK(bench.Dead().empty());  // A single line gives nothing to identify it by.
  bench.Accept("m v=2 2\n");
  bench.StepFor(60s);
  CHECK_EQ(bench.Now().delivered, 1);
  CHECK_EQ(bench.Dead().size(), 1);
}

TEST_CASE("poison: a line that makes the backend fail puts its lane on hold until it is accepted") {
  bool fails = true;
  WorkerFixture bench([&fails](const WriteParams& params, std::string_view lines) {
    return fails ? Poisoned(params, lines) : Status204();
  });
  bench.Accept("m v=0 0\n");
  bench.Drain();
  bench.Accept("m v=1 1\nm poison=1 2\nm v=3 3\n");
  bench.Accept("m v=4 4\n", "other");
  bench.StepFor(120s);
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Now().held.points, 3);
  CHECK_EQ(bench.Now().delivered, 2);
  CHECK_EQ(bench.Status().state, WorkerState::kHeld);
  CHECK_NE(bench.Status().reason.find("for a reason that the relay does not know"),
           std::string::npos);
  CHECK_NE(bench.Status().remedy.find("on_unknown_refusal: dead"), std::string::npos);
  const std::size_t sent = bench.transport.sent.size();
  bench.StepFor(600s);
  CHECK_LE(bench.transport.sent.size(), sent + 600);  // It is probed, ever more slowly.
  fails = false;
  bench.StepFor(120s);
  CHECK_EQ(bench.Now().delivered, 5);
  CHECK_EQ(bench.Status().state, WorkerState::kCaughtUp);
}

TEST_CASE("lanes: what is refused for an unknown reason is given up at an operator's word") {
  WorkerFixture bench([](const WriteParams&, std::string_view lines) {
    return lines.find("odd=") == std::string_view::npos ? Status204()
                                                        : Http(418, "I do not like it");
  });
  bench.Accept("m v=1 1\nm odd=1 2\nm v=3 3\n");
  bench.Accept("m v=4 4\nm odd=1 5\n");
  bench.Accept("m odd=1 1\n", "other");
  bench.StepFor(120s);
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Held().size(), 2);

  REQUIRE(bench.log.Execute(kWest, GiveUpRefused{{"db", ""}}).ok());
  bench.Restart();  // It is remembered.
  bench.StepFor(120s);
  REQUIRE_EQ(bench.Dead().size(), 2);
  CHECK_EQ(bench.Dead()[0].lines, "m odd=1 2\n");
  CHECK_EQ(bench.Dead()[0].http_status, 418);
  CHECK_EQ(bench.Dead()[1].lines, "m odd=1 5\n");
  CHECK_EQ(bench.Now().delivered, 3);
  REQUIRE_EQ(bench.Held().size(), 1);  // The other database was not named.
  CHECK_EQ(bench.Held()[0].lane.database, "other");

  bench.Accept("m odd=1 6\n");  // It came later, and waits.
  bench.StepFor(120s);
  CHECK_EQ(bench.Dead().size(), 2);
  CHECK_EQ(bench.Held().size(), 2);
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("poison: a lane whose records are large keeps its last line to try the backend with") {
  WorkerFixture bench(Poisoned);
  bench.Restart(FinalOptions());
  std::string large;
  for (int i = 0; i < 10'000; ++i) large += fmt::format("m v={} {}\n", i, i);
  bench.Accept(large);
  bench.Drain();
  bench.Accept("m poison=1 20000\n");  // The last one: no line behind it is known.
  bench.StepFor(120s);
  CHECK_EQ(bench.Now().delivered, 10'000);
  CHECK_EQ(bench.Dead().size(), 1);
  CHECK_NE(std::find(bench.transport.sent.begin(), bench.transport.sent.end(), "m v=9999 9999\n"),
           bench.transport.sent.end());
}

TEST_CASE("poison: a lane with long lines only keeps one of them to try the backend with") {
  const auto line_of = [](std::string_view field, int time) {
    return fmt::format("m {}=1,s=\"{}\" {}\n", field, std::string(100'000, 'x'), time);
  };
  WorkerFixture bench(Poisoned);
  bench.Restart(FinalOptions());
  bench.Accept(line_of("v", 1));
  bench.Drain();
  bench.Accept(line_of("poison", 2));  // The last one: no line behind it is known.
  bench.StepFor(120s);
  CHECK_EQ(bench.Now().delivered, 1);
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].lines, line_of("poison", 2));
}

TEST_CASE("poison: a backend that fails on everything loses nothing, however long it takes") {
  bool fails = false;
  WorkerFixture bench([&](const WriteParams&, std::string_view) {
    return fails ? Http(500, "An internal error has occurred") : Status204();
  });
  bench.Accept("m v=1 1\n");
  bench.Drain();
  fails = true;
  bench.Accept("m v=2 2\nm v=3 3\n");
  bench.StepFor(3600s);
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Now().owed.points, 2);
  fails = false;
  bench.StepFor(10s);
  CHECK_EQ(bench.Now().delivered, 3);
}

TEST_CASE("poison: a database that fails on everything while others do not is on hold alone") {
  WorkerFixture bench([](const WriteParams& params, std::string_view) {
    return params.database == "broken" ? Http(500, "An internal error has occurred") : Status204();
  });
  for (int i = 1; i <= 60; ++i) {
    bench.Accept(fmt::format("m v={} {}\n", i, i), "broken");
    bench.Accept(fmt::format("m v={} {}\n", i, i), "sound");
    bench.StepFor(2s);
  }
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Now().delivered, 60);
  CHECK_EQ(bench.Now().held.points, 60);
}

}  // namespace
}  // namespace relay::test::replay_delivery_lanes_test
