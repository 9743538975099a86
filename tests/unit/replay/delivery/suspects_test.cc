// Lines that end a backend: found among good ones, put aside, and kept from the other backends.
#include "replay/delivery/suspects.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/worker_fixture.h"

namespace relay::test::replay_delivery_suspects_test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kKiller = "m end=1i 7\n";

Result<Reply> BrokenOff() {
  return Error(ErrorCode::kBrokenOff, "the connection was closed before an answer came");
}

bool HasKiller(std::string_view lines) {
  return lines.find("end=") != std::string_view::npos;
}

// A server that a certain line ends, and that is started again after `away` requests.
struct Mortal {
  int away_for = 0;
  int away = 0;
  int ends = 0;

  Result<Reply> operator()(std::string_view lines) {
    if (away > 0) {
      --away;
      return NoAnswer();
    }
    if (!HasKiller(lines)) return Status204();
    ++ends;
    away = away_for;
    return BrokenOff();
  }
};

// Two backends with the same records; the test steps their workers.
struct TwoBackends {
  struct Side {
    Side(const BackendId& name, TwoBackends& bench)
        : transport([this](const WriteParams&, std::string_view lines) { return server(lines); }),
          worker(OptionsOf(name, bench, ended), bench.log, {&transport}, bench.clock) {}

    static Worker::Options OptionsOf(const BackendId& name, TwoBackends& bench,
                                     std::vector<EndingLines>& ended) {
      Worker::Options options{.backend = name};
      options.suspects = bench.suspects;
      options.on_ending_lines = [&ended](const EndingLines& lines) { ended.push_back(lines); };
      return options;
    }

    Mortal server;
    std::vector<EndingLines> ended;
    ScriptedTransport transport;
    Worker worker;
    Clock::Duration wait{0};
  };

  void Accept(const std::string& lines, const std::string& database = "db") {
    Record record;
    record.params.database = database;
    record.lines = lines;
    for (LineWalk walk(lines); !walk.AtEnd(); walk.Next()) ++record.points;
    REQUIRE(AppendAndWait(log, record, {kEast, kWest}).ok());
  }

  // Steps the sides, each when it is due.
  void StepFor(Clock::Duration duration, const std::vector<Side*>& sides) {
    for (const auto end = clock.Now() + duration; clock.Now() < end;) {
      Clock::Duration next = duration;
      for (Side* side : sides) {
        const Worker::StepResult step = side->worker.Step();
        next = std::min(next, std::max(step.wait, Clock::Duration(1)));
      }
      clock.Advance(next);
    }
  }
  QueueStats Of(const BackendId& name) { return log.StatsOf(name).value(); }
  std::vector<DeadLetter> Dead(const BackendId& name) {
    std::vector<DeadLetter> letters;
    for (const StoredDeadLetter& stored : log.ReadDead(name, 0, 100).value())
      letters.push_back(stored.letter);
    return letters;
  }

  MemoryLog log{{kEast, kWest}};
  FakeClock clock;
  std::shared_ptr<SuspectLines> suspects = std::make_shared<SuspectLines>();
  Side east{kEast, *this};
  Side west{kWest, *this};
};

std::string GoodLines(int first, int last) {
  std::string lines;
  for (int i = first; i <= last; ++i) lines += fmt::format("m v={}i {}\n", i, i);
  return lines;
}

TEST_CASE("suspects: a line that ends a backend is found and set aside, all others arrive") {
  TwoBackends bench;
  bench.west.server.away_for = 5;  // It takes a while to be there again.
  bench.Accept(GoodLines(1, 1));
  bench.StepFor(1s, {&bench.west});
  bench.Accept(GoodLines(2, 20));
  bench.Accept(GoodLines(21, 30) + kKiller + GoodLines(31, 40));
  bench.StepFor(10min, {&bench.west});
  CHECK_EQ(bench.Of(kWest).marks.lag(), 0);
  CHECK_EQ(bench.Of(kWest).delivered, 40);
  REQUIRE_EQ(bench.Dead(kWest).size(), 1);
  const DeadLetter letter = bench.Dead(kWest).front();
  CHECK_EQ(letter.lines, kKiller);
  CHECK_EQ(letter.sequence, Sequence(3));
  CHECK_EQ(letter.first_line, 11);
  CHECK_EQ(letter.http_status, 0);
  CHECK(letter.message.find("ended without an answer") != std::string::npos);
  REQUIRE_EQ(bench.west.ended.size(), 1);
  CHECK_EQ(bench.west.ended.front().ended, kWest);
  CHECK_EQ(bench.west.ended.front().first, kKiller);
  // Three of the whole, one for each halving, five of the line alone.
  CHECK_LE(bench.west.server.ends, 3 + 6 + 5);
  CHECK(bench.suspects->SearchedBy(
            {{WholeRecord(Sequence(1), std::make_shared<const Record>(Record{.lines = kKiller}))}},
            kEast, bench.clock.Now()) == std::nullopt);
}

TEST_CASE("suspects: a line that ended one backend is not sent to another") {
  TwoBackends bench;
  bench.Accept(GoodLines(1, 10));
  bench.Accept(GoodLines(11, 12) + kKiller + GoodLines(13, 20));
  bench.Accept(GoodLines(21, 30));
  bench.StepFor(1min, {&bench.west});
  REQUIRE_EQ(bench.Dead(kWest).size(), 1);
  bench.StepFor(1min, {&bench.east});
  CHECK_EQ(bench.east.server.ends, 0);
  CHECK_EQ(bench.Of(kEast).marks.lag(), 0);
  CHECK_EQ(bench.Of(kEast).delivered, 30);
  REQUIRE_EQ(bench.Dead(kEast).size(), 1);
  CHECK_EQ(bench.Dead(kEast)[0].lines, kKiller);
  CHECK_EQ(bench.Dead(kEast)[0].first_line, 3);
  CHECK(bench.Dead(kEast)[0].message.find("ended the backend west") != std::string::npos);
  REQUIRE_EQ(bench.east.ended.size(), 1);
  CHECK_EQ(bench.east.ended.front().ended, kWest);

  bench.Accept(kKiller);  // Sent by its client once more, it ends nothing.
  const int before = bench.west.server.ends;
  bench.StepFor(1min, {&bench.east, &bench.west});
  CHECK_EQ(bench.west.server.ends, before);
  CHECK_EQ(bench.east.server.ends, 0);
  CHECK_EQ(bench.Dead(kWest).size(), 2);
  CHECK_EQ(bench.Dead(kEast).size(), 2);
  CHECK_EQ(bench.Of(kEast).unaccounted(), 0);
}

TEST_CASE("suspects: of two backends that get a line at the same time, one searches") {
  TwoBackends bench;
  bench.Accept(GoodLines(1, 10));
  bench.StepFor(1s, {&bench.west, &bench.east});
  bench.Accept(GoodLines(11, 20) + kKiller + GoodLines(21, 30));
  bench.StepFor(2min, {&bench.west, &bench.east});
  CHECK_LE(std::min(bench.west.server.ends, bench.east.server.ends), 2);
  for (const BackendId& name : {kEast, kWest}) {
    CHECK_EQ(bench.Of(name).marks.lag(), 0);
    CHECK_EQ(bench.Of(name).delivered, 30);
    CHECK_EQ(bench.Dead(name).size(), 1);
  }
}

TEST_CASE("suspects: lines wait while another backend is searched for what ends it") {
  TwoBackends bench;
  bench.Accept(GoodLines(1, 10) + kKiller);
  bench.Accept(GoodLines(1, 3), "other");
  bench.west.server.away_for = 1'000'000;  // Ends once and is not started again.
  bench.StepFor(1min, {&bench.west});
  REQUIRE_EQ(bench.west.server.ends, 1);
  SUBCASE("a backend that ended once, as if it was stopped, keeps nothing from others") {
    bench.StepFor(1s, {&bench.east});
    CHECK_GT(bench.east.server.ends, 0);
  }
  SUBCASE("a search stops the others' lane, and for a bounded time") {
    bench.west.server.away = 0;
    bench.StepFor(1min, {&bench.west});
    REQUIRE_EQ(bench.west.server.ends, 2);
    bench.StepFor(3min, {&bench.east});
    CHECK_EQ(bench.east.server.ends, 0);
    CHECK_EQ(bench.Of(kEast).delivered, 0);  // Its cursor: the record of `other` is behind.
    CHECK_EQ(bench.east.transport.targets.size(), 1);
    CHECK_EQ(bench.east.transport.targets.front().database, "other");
    CHECK(bench.east.worker.Snapshot().reason.find("end the backend west") != std::string::npos);
    bench.StepFor(3min, {&bench.east});
    CHECK_GT(bench.east.server.ends, 0);
    CHECK_EQ(bench.Of(kEast).delivered, 13);
  }
}

TEST_CASE("suspects: what other lanes sent shows that a backend was there again") {
  TwoBackends bench;
  bench.Accept(kKiller);
  for (int i = 0; i < 10; ++i) {
    bench.StepFor(20s, {&bench.west});
    if (i == 1) CHECK(bench.Dead(kWest).empty());  // No other line was accepted yet.
    if (i >= 1) bench.Accept(GoodLines(i, i), "other");
  }
  bench.StepFor(20s, {&bench.west});
  REQUIRE_EQ(bench.Dead(kWest).size(), 1);
  CHECK_EQ(bench.Dead(kWest).front().lines, kKiller);
  CHECK_EQ(bench.Of(kWest).marks.lag(), 0);
}

TEST_CASE("suspects: a backend that ends every connection keeps all lines") {
  WorkerFixture bench([](const WriteParams&, std::string_view) { return BrokenOff(); });
  bench.Accept(GoodLines(1, 10));
  bench.Accept(GoodLines(11, 20));
  bench.Accept(GoodLines(1, 1), "other");
  bench.StepFor(1h);
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Now().delivered, 0);
  CHECK_EQ(bench.Status().reason, "the connection was closed before an answer came");
}

TEST_CASE("suspects: one that is stopped and started in the middle of requests keeps all lines") {
  int request = 0;
  WorkerFixture bench([&request](const WriteParams&, std::string_view) -> Result<Reply> {
    // Each third request is ended; then nobody is there for a while.
    const int turn = request++ % 9;
    if (turn == 2) return BrokenOff();
    return turn < 6 ? Status204() : NoAnswer();
  });
  for (int i = 1; i <= 200; ++i) bench.Accept(GoodLines(10 * i, 10 * i + 9));
  bench.Drain();
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Now().delivered, 2'000);
}

TEST_CASE("suspects: as many lines as fit are remembered, the newest ones") {
  SuspectLines suspects;
  const auto line = [](std::size_t number) {
    Record record{.params = {.database = "db"}, .points = 1};
    record.lines = fmt::format("m v={}i 1\n", number);
    SendBatch batch;
    Join(batch, WholeRecord(Sequence(1), std::make_shared<const Record>(std::move(record))), {});
    return batch;
  };
  for (std::size_t i = 0; i <= SuspectLines::kFoundMax; ++i) suspects.Found(kWest, line(i));
  CHECK(suspects.EndedBy(line(0)) == std::nullopt);
  CHECK(suspects.EndedBy(line(1)) == kWest);
  CHECK(suspects.EndedBy(line(SuspectLines::kFoundMax)) == kWest);
}

}  // namespace
}  // namespace relay::test::replay_delivery_suspects_test
