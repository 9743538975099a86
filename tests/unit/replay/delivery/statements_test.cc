// Statements among the writes: each is sent alone, after everything before it
// and before everything behind it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/seed.h"
#include "tests/support/worker_fixture.h"

namespace relay::test::replay_delivery_statements_test {
namespace {

using Sent = std::vector<std::string>;

struct Bench : WorkerFixture {
  using WorkerFixture::WorkerFixture;

  void Say(const std::string& statement, const std::string& database = "db") {
    Record record;
    record.params = {.api = Api::kStatement,
                     .database = database,
                     .retention_policy = std::string(kStatementsPolicy)};
    record.points = 1;
    record.lines = statement + '\n';
    REQUIRE(AppendAndWait(log, record).ok());
  }
  void Write(int value, const std::string& policy = "", const std::string& database = "db") {
    Accept(fmt::format("m v={} 1\n", value), database, Precision::kNanosecond, policy);
  }
};

Result<Reply> TakeAll(const WriteParams&, std::string_view) {
  return Status204();
}

TEST_CASE("statements: one is sent alone, after all before it and before all behind it") {
  Bench bench(TakeAll);
  bench.Write(1);
  bench.Write(2, "week");
  bench.Write(3, "", "other");
  bench.Say("DROP MEASUREMENT \"m\"");
  bench.Write(4, "week");
  bench.Write(5);
  bench.Write(6);
  bench.Drain();
  const Sent& sent = bench.transport.sent;
  REQUIRE_EQ(sent.size(), 6);
  CHECK_EQ(sent[3], "DROP MEASUREMENT \"m\"\n");
  CHECK_EQ(Sent(sent.begin(), sent.begin() + 3), Sent{"m v=1 1\n", "m v=2 1\n", "m v=3 1\n"});
  CHECK_EQ(Sent(sent.begin() + 4, sent.end()), Sent{"m v=4 1\n", "m v=5 1\nm v=6 1\n"});
  CHECK_EQ(bench.Now().delivered, 7);
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("statements: two in a row are two requests") {
  Bench bench(TakeAll);
  bench.Say("CREATE DATABASE \"a\"", "a");
  bench.Say("CREATE DATABASE \"a\"", "a");
  bench.Drain();
  CHECK_EQ(bench.transport.sent, Sent(2, "CREATE DATABASE \"a\"\n"));
}

TEST_CASE(
    "statements: one that fails for now holds up what is behind it, for good it is set aside") {
  int tries = 0;
  Bench bench([&tries](const WriteParams& params, std::string_view) {
    if (params.api != Api::kStatement) return Status204();
    return ++tries < 4 ? Http(503) : Http(422, R"({"error":"retention policy already exists"})");
  });
  bench.Say("CREATE RETENTION POLICY \"p\" ON \"db\" DURATION 1d REPLICATION 1");
  bench.Write(1);
  bench.Drain();
  CHECK_EQ(tries, 4);
  CHECK_EQ(bench.transport.sent.size(), 5);
  CHECK_EQ(bench.transport.sent.back(), "m v=1 1\n");
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_NE(bench.Dead()[0].message.find("already exists"), std::string::npos);
}

TEST_CASE("statements: one that creates what a lane waits for does not wait behind it") {
  bool exists = false;
  Bench bench([&exists](const WriteParams& params, std::string_view) {
    if (params.api == Api::kStatement) exists = true;
    return exists ? Status204() : Http(404, R"({"error":"database not found: \"db\""})");
  });
  bench.Write(1);
  bench.Drain();
  CHECK_EQ(bench.Now().held.points, 1);
  bench.Say("CREATE DATABASE \"db\"");
  bench.Write(2);
  for (int steps = 0; bench.Now().delivered < 3; ++steps) {
    REQUIRE_LT(steps, 10'000);
    bench.Step();
  }
  std::string all;
  for (const std::string& one : bench.transport.sent) all += one;
  CHECK(all.ends_with("CREATE DATABASE \"db\"\nm v=1 1\nm v=2 1\n"));
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("statements: one that fails again and again keeps its place") {
  Bench bench([](const WriteParams& params, std::string_view) {
    return params.api == Api::kStatement ? Http(500, R"({"error":"busy"})") : Status204();
  });
  bench.Write(1);
  bench.Say("DROP MEASUREMENT \"m\"");
  bench.Write(2, "week");
  for (int request = 0; request < 30; ++request) bench.UntilSent();
  CHECK_EQ(bench.Now().delivered, 1);
  CHECK_EQ(bench.Now().held_records, 0);
  CHECK_EQ(bench.transport.sent.back(), "DROP MEASUREMENT \"m\"\n");
}

TEST_CASE("statements: what one may have deleted is not sent again to try a backend") {
  bool poisoned = false;
  Bench bench([&poisoned](const WriteParams&, std::string_view) {
    return poisoned ? Http(500, R"({"error":"broken"})") : Status204();
  });
  bench.Write(1);
  bench.Say("DROP MEASUREMENT \"m\"");
  bench.Drain();
  poisoned = true;
  bench.Write(2);
  for (int request = 0; request < 30; ++request) bench.UntilSent();
  for (std::size_t i = 2; i < bench.transport.sent.size(); ++i) {
    CHECK_EQ(bench.transport.sent[i], "m v=2 1\n");
  }
}

// The content of a backend that executes "DROP" by forgetting all of a database.
struct Database {
  std::vector<std::string> lines;

  Result<Reply> Take(const WriteParams& params, std::string_view text) {
    if (params.api == Api::kStatement) {
      lines.clear();
    } else if (std::find(lines.begin(), lines.end(), text) == lines.end()) {
      lines.emplace_back(text);
    }
    return Status204();
  }
};

// A lane that fails once more than this in a row, while others are taken, is
// put on hold, and a statement overtakes what is on hold.
constexpr int kFailuresMax = 7;

TEST_CASE(
    "statements: whatever fails and is sent again, a database ends as if nothing had failed") {
  std::mt19937_64 random(PrintedSeed());
  for (int run = 0; run < 200; ++run) {
    Database through;
    Database at_once;
    std::map<Lane, int> failures_in_a_row;
    Bench bench([&](const WriteParams& params, std::string_view lines) {
      int& failures = failures_in_a_row[LaneOf(params)];
      const auto chance = failures == kFailuresMax ? 9 : random() % 10;
      failures = chance < 4 ? failures + 1 : 0;
      if (chance < 2) return Http(503);
      if (chance == 2) return NoAnswer();
      const Result<Reply> reply = through.Take(params, lines);
      return chance == 3 ? NoAnswer() : reply;  // Taken, but the answer is lost.
    });
    auto options = QuickOptions();
    options.batch_points_max = 1;
    const auto worker = bench.Fresh(options);
    for (int i = 0; i < 20; ++i) {
      if (random() % 4 == 0) {
        bench.Say("DROP");
        at_once.lines.clear();
      } else {
        const std::string policy = random() % 2 == 0 ? "" : "week";
        bench.Write(i, policy);
        at_once.lines.push_back(fmt::format("m v={} 1\n", i));
      }
    }
    for (int steps = 0; bench.Now().marks.lag() > 0; ++steps) {
      REQUIRE_LT(steps, 10'000);
      bench.clock.Advance(worker->Step().wait);
    }
    CHECK_EQ(bench.Now().held_records, 0);
    std::sort(through.lines.begin(), through.lines.end());
    std::sort(at_once.lines.begin(), at_once.lines.end());
    CHECK_EQ(through.lines, at_once.lines);
  }
}

}  // namespace
}  // namespace relay::test::replay_delivery_statements_test
