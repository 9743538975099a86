#include "replay/delivery/worker.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "tests/support/seed.h"
#include "tests/support/worker_fixture.h"
#include "wal/record/lines.h"

namespace relay::test::replay_delivery_worker_test {
namespace {

using namespace std::chrono_literals;
using enum WorkerState;

using Bench = WorkerFixture;

TEST_CASE("worker: what waits goes in one request, in the order it was accepted") {
  Bench bench({Status204()});
  bench.Accept("m v=1 1\n");
  bench.Accept("m v=2 2\n");

  CHECK_EQ(bench.Step(), kCaughtUp);
  CHECK_EQ(bench.transport.sent, std::vector<std::string>{"m v=1 1\nm v=2 2\n"});
  CHECK_EQ(bench.Now().marks.lag(), 0);
  CHECK_EQ(bench.Now().delivered, 2);
}

TEST_CASE("worker: tells which lanes a backend took records of, up to which, and of statements") {
  Bench bench([](const WriteParams&, std::string_view lines) {
    return lines.find("bad") == std::string_view::npos ? Status204() : Http(400, "unable to parse");
  });
  auto options = FinalOptions();
  std::vector<std::string> told;
  options.on_delivered = [&told](const Lane& lane, Sequence last) {
    told.push_back(ToString(lane) + " " + std::to_string(last.value()));
  };
  options.on_statement = [&told](const std::string& database) { told.push_back(database); };
  bench.Restart(options);
  bench.Accept("m v=1 1\n");
  bench.Accept("m v=2 2\n");
  bench.Accept("bad\n", "other");
  bench.Accept("m v=3 3\n", "db", Precision::kNanosecond, "week");
  Record statement{.params = {.api = Api::kStatement,
                              .database = "db",
                              .retention_policy = std::string(kStatementsPolicy)},
                   .points = 1,
                   .lines = "DROP DATABASE \"db\"\n"};
  REQUIRE(AppendAndWait(bench.log, statement).ok());
  bench.Drain();
  CHECK_EQ(told, std::vector<std::string>{"db 2", "db.week 4", "db"});
}

TEST_CASE("worker: tells when it retries, and an operator need not wait for that") {
  Bench bench({Http(503), Status204()});
  bench.Accept("m v=1 1\n");
  CHECK_EQ(bench.owned->Step().state, kRetrying);
  const auto left = bench.Status().retries_in;
  REQUIRE(left.has_value());
  CHECK_GT(*left, 0ms);
  CHECK_LE(*left, 100ms);
  CHECK_EQ(bench.owned->Step().state, kRetrying);  // It waits.
  CHECK_EQ(bench.transport.sent.size(), 1);

  bench.owned->TryNow();
  CHECK_EQ(bench.owned->Step().state, kCaughtUp);
  CHECK_EQ(bench.transport.sent.size(), 2);
  CHECK_FALSE(bench.Status().retries_in.has_value());
}

TEST_CASE("worker: asked to try now, it asks for every database on hold, but not an operator's") {
  bool exists = false;
  Bench bench([&](const WriteParams& params, std::string_view) {
    return exists || params.database == "db"
               ? Status204()
               : Http(404, "database not found: \"" + params.database + "\"");
  });
  bench.Accept("m v=1 1\n", "billing");
  bench.Accept("m v=1 1\n", "orders");
  bench.Drain();
  REQUIRE(bench.log.Execute(kWest, HoldLane{{"db", ""}}).ok());
  bench.Accept("m v=1 1\n", "db");
  bench.Drain();
  REQUIRE_EQ(bench.Held().size(), 3);
  exists = true;
  bench.owned->TryNow();
  for (int step = 0; step < 20; ++step) bench.owned->Step();  // The clock stands still.
  REQUIRE_EQ(bench.Held().size(), 1);
  CHECK_EQ(bench.Held().front().lane.database, "db");
}

TEST_CASE("worker: a batch keeps to its caps") {
  Bench bench({Status204(), Status204(), Status204()});
  auto options = QuickOptions();
  options.batch_points_max = 2;
  Worker worker(options, bench.log, {&bench.transport}, bench.clock);
  for (int i = 0; i < 5; ++i) bench.Accept("m v=1 1\n");
  for (int i = 0; i < 3; ++i) worker.Step();
  CHECK_EQ(bench.transport.sent,
           std::vector<std::string>{"m v=1 1\nm v=1 1\n", "m v=1 1\nm v=1 1\n", "m v=1 1\n"});
}

TEST_CASE("worker: databases travel apart; one with a precision of its own keeps its place") {
  Bench bench({Status204(), Status204(), Status204(), Status204()});
  bench.Accept("a v=1 1\n", "a");
  bench.Accept("b v=1 1\n", "b");
  bench.Accept("a v=2 2\n", "a");
  bench.Accept("a v=3 3\n", "a", Precision::kSecond);
  bench.Accept("a v=4 4\n", "a");
  bench.Drain();
  CHECK_EQ(bench.transport.sent,
           std::vector<std::string>{"a v=1 1\na v=2 2\n", "b v=1 1\n", "a v=3 3\n", "a v=4 4\n"});
  CHECK_EQ(bench.transport.targets[2].precision, Precision::kSecond);
}

TEST_CASE(
    "worker: sends the same bytes again until the backend answers, waiting longer each time") {
  Bench bench({NoAnswer(), Http(503), NoAnswer(), Http(503), Status204()});
  bench.Accept("m v=1 1\n");

  CHECK_EQ(bench.Step(), kRetrying);
  for (const auto wait : {100ms, 200ms, 350ms, 350ms}) {
    bench.Accept("m v=2 2\n");  // New records do not change what is sent again.
    const auto waited = bench.UntilSent();
    CHECK_GE(waited, wait / 2);
    CHECK_LE(waited, wait + 1ms);
  }
  CHECK_EQ(bench.transport.sent, std::vector<std::string>(5, "m v=1 1\n"));
  CHECK_EQ(bench.Now().marks.lag(), 4);
}

TEST_CASE("worker: each request is timed, answered or not") {
  std::vector<Clock::TimePoint::duration> times;
  FakeClock* clock = nullptr;
  std::deque<Result<Reply>> answers = {NoAnswer(), Status204()};
  Bench bench([&](const WriteParams&, std::string_view) {
    clock->Advance(answers.size() == 2 ? 40ms : 20ms);
    Result<Reply> answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  });
  clock = &bench.clock;
  Worker::Options options = QuickOptions();
  options.on_request = [&times](Clock::TimePoint::duration took) { times.push_back(took); };
  bench.Restart(options);
  bench.Accept("m v=1 1\n");
  bench.Drain();
  CHECK(times == std::vector<Clock::TimePoint::duration>{40ms, 20ms});
}

TEST_CASE("worker: waits as long as the backend asks") {
  Bench bench({Http(503, "", "120"), Status204()});
  bench.Accept("m v=1 1\n");
  CHECK_EQ(bench.Step(), kRetrying);
  CHECK_EQ(bench.UntilSent(), 120s);
}

TEST_CASE("worker: one bad line in many is found in few requests and set aside with the words") {
  constexpr int kLines = 1024;
  Bench bench([](const WriteParams&, std::string_view lines) {
    if (lines.find("m v=500i ") == std::string_view::npos) return Status204();
    return Http(400, "partial write: field type conflict dropped=1");
  });
  std::string lines;
  for (int i = 1; i <= kLines; ++i) lines += fmt::format("m v={}i {}\n", i, i);
  bench.Accept("m v=0i 0\n");
  bench.Accept(lines);
  bench.Accept("m v=2000i 0\n");
  bench.Drain();

  REQUIRE_EQ(bench.Dead().size(), 1);
  const DeadLetter letter = bench.Dead()[0];
  CHECK_EQ(letter.lines, "m v=500i 500\n");
  CHECK_EQ(letter.first_line, 500);
  CHECK_EQ(letter.sequence, Sequence(2));
  CHECK_EQ(letter.message, "partial write: field type conflict dropped=1");
  CHECK_EQ(letter.http_status, 400);
  CHECK_EQ(bench.Now().delivered, kLines + 1);
  CHECK_EQ(bench.Now().unaccounted(), 0);
  CHECK_LE(bench.transport.sent.size(), 2 * 12 + 1);
}

TEST_CASE("worker: a record whose every line is refused is set aside without trying each") {
  Bench bench({Http(400, "partial write: points beyond retention policy dropped=3"), Status204()});
  bench.Accept("m v=1 1\nm v=2 2\nm v=3 3\n");
  bench.Step();
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].points, 3);
  CHECK_EQ(bench.Dead()[0].reason, DeadReason::kExpired);
  CHECK_EQ(bench.Now().marks.lag(), 0);
}

TEST_CASE("worker: a line with a newline in a string is never cut in two") {
  Bench bench([](const WriteParams&, std::string_view lines) {
    return lines.find("bad") == std::string_view::npos
               ? Status204()
               : Http(400, R"({"error":"unable to parse"})");
  });
  bench.Accept("m s=\"one\ntwo, = \\\" three\n\" 1\nm s=\"bad\n\",t=1 2\nm\\ x,t=\\, s=\"\n\" 3\n");
  bench.Drain();
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].lines, "m s=\"bad\n\",t=1 2\n");
  CHECK_EQ(bench.Now().delivered, 2);
}

TEST_CASE("worker: a redirect names its target and the setting to change") {
  Reply redirect{.http_status = 308};
  redirect.location = "https://influx.example.org/write";
  Bench bench({redirect, Status204()});
  bench.Accept("m v=1 1\n");
  CHECK_EQ(bench.Step(), kHeld);
  CHECK_EQ(bench.Status().reason,
           "the backend redirects writes to another address: https://influx.example.org/write");
  CHECK_EQ(bench.Status().last_answer, "HTTP 308 to https://influx.example.org/write");
  CHECK(bench.Status().remedy.starts_with("set the url of "));
}

TEST_CASE("worker: a backend on hold is probed slowly with the same lines and goes on by itself") {
  Bench bench({Http(401, "authorization failed"), Http(401, "authorization failed"), Status204()});
  bench.Accept("m v=1 1\n");
  CHECK_EQ(bench.Step(), kHeld);
  CHECK_EQ(bench.Status().reason, "the credentials were refused");
  CHECK_EQ(bench.Status().last_answer, "HTTP 401: authorization failed");
  CHECK_GE(bench.UntilSent(), 500ms);
  CHECK_GE(bench.UntilSent(), 1s);
  CHECK_EQ(bench.Status().state, kCaughtUp);
  CHECK_EQ(bench.Status().reason, "");
  CHECK_EQ(bench.transport.sent, std::vector<std::string>(3, "m v=1 1\n"));
  CHECK(bench.Dead().empty());
}

TEST_CASE("worker: after a 413 the next batches are smaller") {
  constexpr std::size_t kCap = 100'000;
  Bench bench([](const WriteParams&, std::string_view lines) {
    return lines.size() <= kCap ? Status204() : Http(413, "too large");
  });
  const std::string line = "m s=\"" + std::string(40'000, 'x') + "\" 1\n";
  for (int i = 0; i < 200; ++i) bench.Accept(line);
  bench.Drain();
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Now().delivered, 200);
  const auto refused = std::count_if(bench.transport.sent.begin(), bench.transport.sent.end(),
                                     [](const std::string& body) { return body.size() > kCap; });
  CHECK_LE(refused, 128);  // Refused in the first window only.
}

TEST_CASE("worker: a damaged record becomes a gap, its neighbours are delivered") {
  Bench bench({Status204()});
  for (int i = 1; i <= 3; ++i) bench.Accept(fmt::format("m v={} {}\n", i, i));
  bench.log.Damage(kWest, Sequence(2));
  bench.Drain();
  CHECK_EQ(bench.transport.sent, std::vector<std::string>{"m v=1 1\nm v=3 3\n"});
  CHECK(bench.Dead().empty());
  const auto gaps = bench.log.ReadGaps(kWest, 0, 9).value();
  REQUIRE_EQ(gaps.size(), 1);
  CHECK_EQ(gaps[0].gap.reason, GapReason::kDamaged);
  CHECK_EQ(gaps[0].gap.first, Sequence(2));
  CHECK_EQ(gaps[0].gap.last, Sequence(2));
  CHECK_EQ(gaps[0].gap.points, 1);
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("worker: what was rewound is sent again, what was skipped is not tried any more") {
  Bench bench({Status204(), Http(503, ""), Status204()});
  for (int i = 1; i <= 2; ++i) bench.Accept(fmt::format("m v={} {}\n", i, i));
  bench.Drain();
  REQUIRE(bench.log.Execute(kWest, Rewind{Sequence(1)}).ok());
  CHECK_EQ(bench.Step(), kRetrying);
  bench.Accept("m v=3 3\n");
  REQUIRE(bench.log.Execute(kWest, Skip{Sequence(2), {}}).ok());
  bench.Drain();
  CHECK_EQ(bench.transport.sent,
           std::vector<std::string>{"m v=1 1\nm v=2 2\n", "m v=2 2\n", "m v=3 3\n"});
  CHECK_EQ(bench.Now().rewound, 1);
  CHECK_EQ(bench.Now().dropped, 1);
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE(
    "worker: while the log takes no dead letters, the cursor stays before the refused record") {
  Bench bench({Http(400, R"({"error":"unable to parse"})")});
  bench.Accept("m v=1 1\n");
  bench.log.Fail(true);
  CHECK_EQ(bench.Step(), kLogFailing);
  CHECK_EQ(bench.Now().marks.lag(), 1);
  CHECK_EQ(bench.Step(), kLogFailing);
  bench.log.Fail(false);
  CHECK_EQ(bench.Step(), kCaughtUp);
  CHECK_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.transport.sent.size(), 1);
}

TEST_CASE("worker: records that cannot be read now are read again, not given up") {
  Bench bench({Status204()});
  bench.Accept("m v=1 1\n");
  bench.log.FailReads(true);
  CHECK_EQ(bench.Step(), kLogFailing);
  CHECK_EQ(bench.Status().reason, "Too many open files");
  bench.log.FailReads(false);
  CHECK_EQ(bench.Step(), kCaughtUp);
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Now().delivered, 1);
}

TEST_CASE("worker: keeps trying for minutes on end, and stops when told to") {
  Bench bench(std::deque<Result<Reply>>(5000, NoAnswer()));
  bench.Accept("m v=1 1\n");
  std::stop_source stop;
  bench.clock.on_wait = [&] {
    if (bench.clock.Now().time_since_epoch() >= 5min) stop.request_stop();
  };
  bench.owned->Run(stop.get_token());
  CHECK_EQ(bench.Now().marks.lag(), 1);
  CHECK(bench.transport.cancelled);
}

TEST_CASE(
    "worker: whatever a backend refuses or misses, every point ends delivered or dead, in order") {
  std::mt19937_64 random(PrintedSeed());
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> stored;  // Stored by the backend, resends included.
    Bench bench([&](const WriteParams&, std::string_view lines) -> Result<Reply> {
      if (random() % 5 == 0) return random() % 2 == 0 ? NoAnswer() : Http(500, "timeout");
      const bool bad = lines.find("bad") != std::string_view::npos;
      if (bad && random() % 2 == 0) return Http(400, R"({"error":"unable to parse"})");
      std::size_t dropped = 0;
      for (LineWalk walk(lines); !walk.AtEnd();) {
        const std::string_view line = walk.Next();
        if (line.find("bad") != std::string_view::npos) {
          ++dropped;
        } else {
          stored.emplace_back(line);
        }
      }
      if (random() % 7 == 0) return NoAnswer();  // Stored, but the answer is lost.
      if (!bad) return Status204();
      return Http(400, fmt::format("partial write: field type conflict dropped={}", dropped));
    });
    std::vector<std::string> good;
    PointCount all = 0;
    for (int i = 0; i < 30; ++i) {
      std::string lines;
      for (std::uint64_t n = random() % 20 + 1; n > 0; --n) {
        const std::string line =
            fmt::format("m {}={} {}\n", random() % 10 == 0 ? "bad" : "v", all, all);
        if (line.find("bad") == std::string::npos) good.push_back(line);
        lines += line;
        ++all;
      }
      bench.Accept(lines);
      if (random() % 3 == 0) bench.Step();
    }
    bench.Drain();

    CHECK_EQ(bench.Now().delivered, good.size());
    CHECK_EQ(bench.Now().dead, all - good.size());
    CHECK_EQ(bench.Now().unaccounted(), 0);
    // The last time each good line was stored, in the order of acceptance.
    std::size_t next = good.size();
    for (auto line = stored.rbegin(); line != stored.rend() && next > 0; ++line) {
      if (*line == good[next - 1]) --next;
    }
    CHECK_EQ(next, 0);
  }
}

}  // namespace
}  // namespace relay::test::replay_delivery_worker_test
