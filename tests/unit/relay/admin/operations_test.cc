#include "relay/admin/operations.h"

#include <doctest/doctest.h>

#include "relay/base/human_format.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"
#include "tests/support/temp_dir.h"

namespace relay::test::relay_admin_operations_test {
namespace {

// A log with five records for each of two backends, of which "west" has two;
// "east" is no longer configured.
struct Bench {
  TempDir directory;
  FakeClock clock;
  MemoryLog log{{kWest, kEast}};
  Audit audit{directory.path()};
  PauseEnds pause_ends{directory.path(), clock};
  Operators operators{log, audit, clock, [](const BackendId& backend) { return backend == kWest; },
                      pause_ends};

  Bench() {
    for (int n = 1; n <= 5; ++n) {
      const Record record = NumberedRecord(static_cast<std::uint64_t>(n));
      REQUIRE(AppendAndWait(log, record, {kWest, kEast}, At(n)).ok());
    }
    REQUIRE(Deliver(log, kWest, ReadAll(log, kWest).at(1).entry.position, 2).ok());
  }

  Result<std::string> Perform(const Operation& operation, bool dry_run = false) {
    return operators.Perform(operation, {.who = "alice", .dry_run = dry_run});
  }
  std::string Refused(const Operation& operation) {
    const Result<std::string> done = Perform(operation);
    return done.ok() ? "was done" : done.error().message();
  }
  QueueStats West() { return log.StatsOf(kWest).value(); }
};

Operation On(Verb verb) {
  return {.verb = verb, .backend = kWest.text()};
}

Operation To(Verb verb, const std::string& to) {
  Operation operation = On(verb);
  operation.to = to;
  return operation;
}

TEST_CASE("operations: pause and resume") {
  Bench bench;
  CHECK_EQ(bench.Perform(On(Verb::kPause)).value(), "pause the delivery to west");
  CHECK(bench.West().paused);
  CHECK_EQ(bench.Perform(On(Verb::kResume)).value(), "resume the delivery to west");
  CHECK_FALSE(bench.West().paused);
}

TEST_CASE("operations: a dry run says the same and changes nothing") {
  Bench bench;
  const Operation rewind = To(Verb::kRewind, "0");
  const std::string words =
      "rewind west to 0: 2 records (2 points, 36 B, accepted from 1970-01-01T00:00:01Z to "
      "1970-01-01T00:00:02Z) are delivered again";
  CHECK_EQ(bench.Perform(rewind, true).value(), words);
  CHECK_EQ(bench.West().marks.cursor, Sequence(2));
  CHECK(bench.audit.Recent(10).empty());
  CHECK_EQ(bench.Perform(rewind).value(), words);
  CHECK_EQ(bench.West().marks.cursor, Sequence(0));
}

TEST_CASE("operations: a rewind to a time delivers again what was accepted at it or later") {
  Bench bench;
  const WallTime second = ReadAll(bench.log, kWest).at(1).entry.accepted_at;
  CHECK(bench.Perform(To(Verb::kRewind, ToRfc3339(second))).ok());
  CHECK_EQ(bench.West().marks.cursor, Sequence(1));
}

TEST_CASE("operations: a rewind beyond what is kept or delivered says how far it can go") {
  Bench bench;
  CHECK_EQ(bench.Refused(To(Verb::kRewind, "3")),
           "west can be rewound to 0 at the earliest and 2 at the latest, not 3");
  CHECK_EQ(
      bench.Refused(To(Verb::kRewind, "soon")),
      "'soon' is not a position: expected a sequence (12), a time (2026-11-23T20:15:00Z, "
      "2026-11-23T21:15:00+01:00, yesterday 02:00, today 14:30), an age (1h, -90m, 2h30m ago), "
      "now or head");
}

TEST_CASE("operations: a rewind beyond what is kept is refused unless it may be partial") {
  Bench bench;
  bench.log.Trim(kWest, Sequence(1));
  const std::string hint =
      "; with --partial (\"partial\": true) what is left is delivered again, and what is missing "
      "becomes a gap";
  CHECK_EQ(bench.Refused(To(Verb::kRewind, "0")),
           "west cannot be rewound so far: records 1 to 1 are no longer kept" + hint);
  CHECK_EQ(bench.Refused(To(Verb::kRewind, ToRfc3339(At(1)))),
           "west cannot be rewound so far: what was accepted before 1970-01-01T00:00:02Z is no "
           "longer kept" +
               hint);
  CHECK_EQ(bench.West().marks.cursor, Sequence(2));
  CHECK(bench.log.ReadGaps(kWest, 0, 9).value().empty());

  Operation partial = To(Verb::kRewind, ToRfc3339(At(1)));
  partial.partial = true;
  partial.note = "restored";
  CHECK_EQ(bench.Perform(partial).value(),
           "rewind west to 1, the oldest kept: 1 record (1 points, 18 B, accepted from "
           "1970-01-01T00:00:02Z to 1970-01-01T00:00:02Z) are delivered again; what was accepted "
           "before 1970-01-01T00:00:02Z is no longer kept: this is written in the gap ledger");
  CHECK_EQ(bench.West().marks.cursor, Sequence(1));
  const auto gaps = bench.log.ReadGaps(kWest, 0, 9).value();
  REQUIRE_EQ(gaps.size(), 1);
  CHECK_EQ(gaps[0].gap.reason, GapReason::kNotKept);
  CHECK_EQ(gaps[0].gap.note, "restored");
  CHECK_EQ(gaps[0].gap.by, "alice");
  CHECK(gaps[0].gap.from == At(1));

  bench.log.Trim(kWest, Sequence(1));
  CHECK(bench.Perform(To(Verb::kRewind, "1")).ok());
}

TEST_CASE("operations: with nothing kept a rewind to a time is refused, not done with 0 records") {
  Bench bench;
  bench.log.Trim(kWest, Sequence(2));
  CHECK(bench.Refused(To(Verb::kRewind, ToRfc3339(At(1))))
            .starts_with("west cannot be rewound so far: "));
  CHECK_EQ(bench.West().marks.cursor, Sequence(2));
}

TEST_CASE("operations: a rewind and a skip take ages, now and head as well") {
  Bench bench;
  bench.clock.Advance(std::chrono::seconds(4));
  CHECK(bench.Perform(To(Verb::kRewind, "2s ago"), true).value().starts_with("rewind west to 1:"));
  CHECK(bench.Perform(To(Verb::kRewind, "-3s"), true).value().starts_with("rewind west to 0:"));
  CHECK(bench.Perform(To(Verb::kRewind, "now"), true).value().starts_with("rewind west to 2:"));
  CHECK(bench.Perform(To(Verb::kSkip, "now"), true)
            .value()
            .starts_with("skip what west is owed up to 3:"));
  CHECK(bench.Perform(To(Verb::kSkip, "head"), true)
            .value()
            .starts_with("skip what west is owed up to 5:"));
}

TEST_CASE("operations: a skip is written in the gap ledger with who and why") {
  Bench bench;
  Operation skip = To(Verb::kSkip, "4");
  skip.note = "bad data";
  CHECK_EQ(bench.Perform(skip).value(),
           "skip what west is owed up to 4: 2 records (2 points, 36 B, accepted from "
           "1970-01-01T00:00:03Z to 1970-01-01T00:00:04Z) will never be delivered to it");
  const auto gaps = bench.log.ReadGaps(kWest, 0, 10).value();
  REQUIRE_EQ(gaps.size(), 1);
  CHECK_EQ(gaps[0].gap.by, "alice");
  CHECK_EQ(gaps[0].gap.note, "bad data");
  CHECK_EQ(gaps[0].gap.first, Sequence(3));
  CHECK_EQ(gaps[0].gap.last, Sequence(4));
  CHECK_EQ(bench.Refused(To(Verb::kSkip, "4")),
           "west can be skipped to 5 at the earliest and 5 at the latest, not 4");
  CHECK(bench.Perform(To(Verb::kSkip, "head")).ok());
  CHECK_EQ(bench.Refused(To(Verb::kSkip, "head")), "nothing is owed to west");
}

TEST_CASE("operations: a lane is held and released") {
  Bench bench;
  Operation hold = On(Verb::kHold);
  CHECK_EQ(bench.Refused(hold), "specify a database");
  hold.lane = {"metrics", "week"};
  CHECK_EQ(
      bench.Perform(hold).value(),
      "hold retention policy \"week\" of database \"metrics\" for west until it is released; no "
      "write to it was seen lately");
  CHECK(bench.log.HeldLanes(kWest).value().at(0).by_operator);
  Operation release = hold;
  release.verb = Verb::kRelease;
  CHECK(bench.Perform(release).ok());
  CHECK_EQ(bench.Refused(release),
           "retention policy \"week\" of database \"metrics\" is not on hold for west");
  Operation skip = On(Verb::kSkip);
  skip.lane = {"metrics", "week"};
  CHECK_EQ(bench.Refused(skip),
           "retention policy \"week\" of database \"metrics\" is not on hold for west");
}

TEST_CASE("operations: the refused lines of a lane on hold are given up") {
  Bench bench;
  Operation give_up = On(Verb::kGiveUp);
  CHECK_EQ(bench.Refused(give_up), "specify a database");
  give_up.lane = {"db", ""};
  CHECK_EQ(bench.Refused(give_up), "database \"db\" is not on hold for west");
  REQUIRE(bench.log.Execute(kWest, HoldLane{give_up.lane}).ok());
  CHECK_EQ(bench.Refused(give_up), "database \"db\" has no records on hold for west");
}

TEST_CASE("operations: dead letters are delivered again or dropped") {
  Bench bench;
  Operation all = On(Verb::kRedrive);
  all.all_letters = true;
  CHECK_EQ(bench.Refused(all), "west has no dead letters");
  DeadLetter letter;
  letter.sequence = Sequence(3);
  letter.points = 1;
  letter.params.database = "metrics";
  letter.lines = "cpu v=1 1\n";
  const Position third = ReadAll(bench.log, kWest).at(2).entry.position;
  REQUIRE(SetAside(bench.log, kWest, third, letter).ok());
  CHECK_EQ(bench.Perform(all, true).value(), "deliver 1 dead letter (1 points) to west again");
  CHECK_EQ(bench.operators.TakenFrom("west").redriven, 0);
  CHECK(bench.Perform(all).ok());
  CHECK_EQ(bench.operators.TakenFrom("west").redriven, 1);
  CHECK_EQ(bench.operators.TakenFrom("west").dropped, 0);
  CHECK_EQ(bench.West().dead_letters, 0);
  CHECK_EQ(bench.West().marks.head, Sequence(6));
  Operation one = On(Verb::kDropDead);
  one.letters = {7};
  CHECK_EQ(bench.Perform(one, true).error().message(), "west has no dead letter 7");
  one.letters.clear();
  CHECK_EQ(bench.Refused(one), "specify dead-letter numbers, or all");
}

TEST_CASE("operations: only a backend that is not configured is forgotten") {
  Bench bench;
  CHECK_EQ(bench.Refused(On(Verb::kForget)),
           "west is configured: remove it from the configuration first");
  CHECK_EQ(bench.Refused({.verb = Verb::kPause, .backend = "north"}), "no backend \"north\"");
  CHECK_EQ(bench.Perform({.verb = Verb::kPause, .backend = "No Name"}).error().code(),
           ErrorCode::kInvalidInput);
}

TEST_CASE("operations: each change is announced and its outcome noted") {
  Bench bench;
  Operation pause = On(Verb::kPause);
  pause.note = "maintenance";
  CHECK(bench.Perform(pause).ok());
  bench.log.Fail(true);
  CHECK_FALSE(bench.Perform(On(Verb::kResume)).ok());
  const auto entries = bench.audit.Recent(10);
  REQUIRE_EQ(entries.size(), 4);
  CHECK_EQ(entries[3].what, "pause the delivery to west (maintenance)");
  CHECK_EQ(entries[3].who, "alice");
  CHECK_EQ(entries[3].outcome, "asked");
  CHECK_EQ(entries[2].outcome, "done");
  CHECK(entries[0].outcome.starts_with("failed: "));
}

TEST_CASE("operations: a pause may end by itself, until it is resumed or paused for good") {
  Bench bench;
  Operation pause = On(Verb::kPause);
  pause.length = "10m";
  const auto done = bench.Perform(pause);
  REQUIRE(done.ok());
  CHECK_EQ(done.value(), "pause the delivery to west for 10m00s: then it is resumed");
  CHECK(bench.pause_ends.EndOf("west"));
  CHECK(bench.Perform(On(Verb::kPause)).ok());
  CHECK_FALSE(bench.pause_ends.EndOf("west"));
  CHECK(bench.Perform(pause).ok());
  CHECK(bench.Perform(On(Verb::kResume)).ok());
  CHECK_FALSE(bench.pause_ends.EndOf("west"));
  for (const char* wrong : {"soon", "0s", "8d", "-5m"}) {
    pause.length = wrong;
    CHECK(bench.Refused(pause).starts_with("for: "));
  }
  CHECK_FALSE(bench.West().paused);
}

TEST_CASE("operations: where the audit trail cannot be written, nothing is changed") {
  Bench bench;
  Audit nowhere("/nowhere");
  Operators operators(
      bench.log, nowhere, bench.clock, [](const BackendId&) { return true; }, bench.pause_ends);
  const auto done = operators.Perform(On(Verb::kPause), {.who = "alice"});
  CHECK_EQ(done.error().code(), ErrorCode::kIo);
  CHECK_FALSE(bench.West().paused);
}

}  // namespace
}  // namespace relay::test::relay_admin_operations_test
