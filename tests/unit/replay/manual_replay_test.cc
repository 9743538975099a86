#include "replay/manual_replay.h"

#include <doctest/doctest.h>

#include "tests/support/batch_text.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"

namespace relay::test::replay_manual_replay_test {
namespace {

// Gives the answers it is told, and remembers what it took.
class Target final : public Transport {
 public:
  Result<Reply> Send(const WriteRequest& request) override {
    ++requests;
    if (!answers.empty()) {
      const int status = answers.front();
      answers.erase(answers.begin());
      if (status == 404) {
        return Reply{.http_status = status, .body = R"({"error":"database not found: \"b\""})"};
      }
      if (status != 204) return Reply{.http_status = status, .body = ""};
    }
    if (!poison.empty() && TextOf(request.lines).find(poison) != std::string_view::npos) {
      return Reply{.http_status = 400, .body = R"({"error":"unable to parse"})"};
    }
    lines += TextOf(request.lines);
    return Reply{.http_status = 204};
  }
  bool passes_credentials() const override { return true; }
  void Cancel() override {}

  std::vector<int> answers;
  std::string poison;
  std::string lines;
  int requests = 0;
};

Record RecordOf(const std::string& database, const std::string& lines, PointCount points) {
  Record record;
  record.params.database = database;
  record.lines = lines;
  record.points = points;
  return record;
}

struct Bench {
  MemoryLog log{{kWest}};
  FakeClock clock;
  Target target;

  Bench() {
    REQUIRE(AppendAndWait(log, RecordOf("a", "cpu v=1 1\nmem v=1 1\n", 2)).ok());
    REQUIRE(AppendAndWait(log, RecordOf("b", "cpu v=2 2\n", 1)).ok());
    REQUIRE(AppendAndWait(log, RecordOf("a", "cpu,h=x v=3 3\ncpu\\,x v=3 3\n", 2)).ok());
  }

  ReplayProgress Run(ReplayRange range, ReplayProgress from = {}) {
    ReplayJob job(std::move(range), std::move(from), log, target, clock);
    for (int i = 0; i < 1'000 && job.Progress().state == ReplayState::kRunning; ++i) {
      const auto wait = job.Step();
      if (wait > Clock::Duration::zero()) clock.Advance(wait);
    }
    return job.Progress();
  }
};

ReplayRange All() {
  return {.backend = kWest,
          .after = Sequence(0),
          .last = Sequence(3),
          .database = "",
          .measurement = ""};
}

TEST_CASE("replay: the records of the range are sent, and the log does not change") {
  Bench bench;
  const ReplayProgress progress = bench.Run(All());
  CHECK_EQ(progress.state, ReplayState::kComplete);
  CHECK_EQ(progress.points_sent, 5);
  CHECK_EQ(bench.target.lines, "cpu v=1 1\nmem v=1 1\ncpu v=2 2\ncpu,h=x v=3 3\ncpu\\,x v=3 3\n");
  CHECK_EQ(bench.log.MarksOf(kWest).cursor, Sequence(0));
}

TEST_CASE("replay: of one database, of one measurement") {
  Bench bench;
  ReplayRange range = All();
  range.database = "a";
  range.measurement = "cpu";
  CHECK_EQ(bench.Run(range).points_sent, 2);
  CHECK_EQ(bench.target.lines, "cpu v=1 1\ncpu,h=x v=3 3\n");
  bench.target.lines.clear();
  range.measurement = "cpu,x";
  CHECK_EQ(bench.Run(range).points_sent, 1);
  CHECK_EQ(bench.target.lines, "cpu\\,x v=3 3\n");
}

TEST_CASE("replay: a measurement with escapes is found by its name") {
  struct Row {
    const char* name;
    const char* line;
  };
  for (const Row& row : {Row{"a=b", "a\\=b v=1 1\n"}, Row{R"(a\\b)", "a\\\\b v=1 1\n"}}) {
    CAPTURE(row.name);
    Bench bench;
    REQUIRE(AppendAndWait(bench.log, RecordOf("a", row.line, 1)).ok());
    ReplayRange range = All();
    range.last = Sequence(4);
    range.measurement = row.name;
    CHECK_EQ(bench.Run(range).points_sent, 1);
    CHECK_EQ(bench.target.lines, row.line);
  }
}

TEST_CASE("replay: goes on behind what an earlier process had done") {
  Bench bench;
  ReplayProgress before;
  before.next_after = Sequence(2);
  before.points_sent = 3;
  const ReplayProgress progress = bench.Run(All(), before);
  CHECK_EQ(progress.points_sent, 5);
  CHECK_EQ(bench.target.lines, "cpu,h=x v=3 3\ncpu\\,x v=3 3\n");
}

TEST_CASE("replay: a record that was not sent, or in part, by the stop is sent after the restart") {
  Bench bench;
  // The target takes one line of the first record, and is away then.
  bench.target.answers = {413, 204, 503, 503};
  ReplayJob job(All(), {}, bench.log, bench.target, bench.clock);
  while (bench.target.requests < 4) bench.clock.Advance(job.Step());
  const ReplayProgress stopped = job.Progress();
  CHECK_EQ(stopped.next_after, Sequence(0));
  bench.target.lines.clear();
  bench.Run(All(), stopped);
  CHECK_EQ(bench.target.lines, "cpu v=1 1\nmem v=1 1\ncpu v=2 2\ncpu,h=x v=3 3\ncpu\\,x v=3 3\n");
}

TEST_CASE("replay: a target that is away is tried again until it takes the lines") {
  Bench bench;
  bench.target.answers = {503, 500, 204};
  CHECK_EQ(bench.Run(All()).points_sent, 5);
  CHECK_EQ(bench.target.requests, 5);
}

TEST_CASE("replay: a line that is refused is counted, the others of its record are sent") {
  Bench bench;
  bench.target.poison = "mem";
  const ReplayProgress progress = bench.Run(All());
  CHECK_EQ(progress.state, ReplayState::kComplete);
  CHECK_EQ(progress.points_sent, 4);
  CHECK_EQ(progress.points_refused, 1);
  CHECK(progress.refusal.ends_with(R"(HTTP 400 {"error":"unable to parse"})"));
}

TEST_CASE("replay: a database that the target does not have does not keep the others waiting") {
  Bench bench;
  bench.target.answers = {204, 404, 204};
  const ReplayProgress progress = bench.Run(All());
  CHECK_EQ(progress.state, ReplayState::kComplete);
  CHECK_EQ(progress.points_sent, 4);
  CHECK_EQ(progress.points_refused, 1);
  CHECK(progress.refusal.find("HTTP 404") != std::string::npos);
  CHECK_EQ(progress.reason, "");
}

TEST_CASE("replay: wrong credentials are waited for") {
  Bench bench;
  bench.target.answers = {401, 401, 204};
  CHECK_EQ(bench.Run(All()).points_sent, 5);
}

TEST_CASE(
    "replay: a client that is refused is counted, not waited for; where nobody is named, it "
    "waits") {
  Bench bench;
  Record of_client = RecordOf("a", "cpu v=4 4\n", 1);
  of_client.params.credentials = ClientCredentials("Token t");
  REQUIRE(AppendAndWait(bench.log, of_client).ok());
  bench.target.answers = {401, 204, 204, 204, 401};
  ReplayRange range = All();
  range.last = Sequence(4);
  const ReplayProgress progress = bench.Run(range);
  CHECK_EQ(progress.state, ReplayState::kComplete);
  CHECK_EQ(progress.points_sent, 5);
  CHECK_EQ(progress.points_refused, 1);
  CHECK_EQ(bench.target.requests, 5);
}

TEST_CASE("replay: a rate spreads the points") {
  Bench bench;
  ReplayRange range = All();
  range.points_per_second = 10;
  bench.Run(range);
  CHECK_EQ(bench.clock.WallNow().time_since_epoch(), std::chrono::milliseconds(500));
}

TEST_CASE("replay: a job that was cancelled stays so") {
  Bench bench;
  ReplayJob job(All(), {}, bench.log, bench.target, bench.clock);
  job.Step();
  job.Cancel();
  CHECK_EQ(job.Progress().state, ReplayState::kCancelled);
  job.Step();
  job.Step();
  CHECK_EQ(job.Progress().state, ReplayState::kCancelled);
}

TEST_CASE("replay: a statement is not sent again") {
  Bench bench;
  Record statement = RecordOf("a", "DROP MEASUREMENT cpu", 1);
  statement.params.api = Api::kStatement;
  REQUIRE(AppendAndWait(bench.log, statement).ok());
  ReplayRange range = All();
  range.last = Sequence(4);
  const ReplayProgress progress = bench.Run(range);
  CHECK_EQ(progress.state, ReplayState::kComplete);
  CHECK_EQ(progress.points_sent, 5);
  CHECK_EQ(bench.target.lines.find("DROP"), std::string::npos);
}

TEST_CASE("replay: a damaged record is passed over and counted") {
  Bench bench;
  bench.log.Damage(kWest, Sequence(2));
  const ReplayProgress progress = bench.Run(All());
  CHECK_EQ(progress.damaged, 1);
  CHECK_EQ(progress.points_sent, 4);
}

}  // namespace
}  // namespace relay::test::replay_manual_replay_test
