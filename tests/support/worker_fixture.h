// One backend, its log, its answers, and the worker between them, stepped by the
// test on its own clock.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replay/delivery/worker.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/fakes/scripted_transport.h"
#include "tests/support/log_fixture.h"
#include "wal/record/lines.h"

namespace relay::test {

inline Worker::Options QuickOptions() {
  Worker::Options options{.backend = kWest};
  options.retry = {.first = std::chrono::milliseconds(100), .max = std::chrono::milliseconds(350)};
  return options;
}

// Options by which a refusal for an unknown reason is final after some attempts.
inline Worker::Options FinalOptions() {
  Worker::Options options = QuickOptions();
  options.unknown_refusals = UnknownRefusals::kDead;
  return options;
}

struct WorkerFixture {
  explicit WorkerFixture(std::deque<Result<Reply>> script) : transport(std::move(script)) {}
  explicit WorkerFixture(ScriptedTransport::Rule rule) : transport(std::move(rule)) {}

  void Accept(const std::string& lines, const std::string& database = "db",
              Precision precision = Precision::kNanosecond, const std::string& policy = "") {
    Record record;
    record.params.database = database;
    record.params.retention_policy = policy;
    record.params.precision = precision;
    record.lines = lines;
    for (LineWalk walk(lines); !walk.AtEnd(); walk.Next()) ++record.points;
    REQUIRE(AppendAndWait(log, record).ok());
  }
  // Steps after the wait that the previous step asked for.
  Worker::StepResult StepOn() {
    clock.Advance(wait);
    const Worker::StepResult step = owned->Step();
    wait = step.wait;
    return step;
  }
  WorkerState Step() { return StepOn().state; }
  // Steps until one more request was sent; returns how long that took.
  Clock::Duration UntilSent() {
    const auto start = clock.Now();
    for (const std::size_t before = transport.sent.size(); transport.sent.size() == before;) {
      REQUIRE_LT(clock.Now() - start, std::chrono::hours(1));
      StepOn();
    }
    return std::chrono::duration_cast<Clock::Duration>(clock.Now() - start);
  }
  void Drain() {
    for (int steps = 0; Now().marks.lag() > 0; ++steps) {
      REQUIRE_LT(steps, 10'000);
      Step();
    }
  }
  QueueStats Now() { return log.StatsOf(kWest).value(); }
  std::vector<DeadLetter> Dead() {
    std::vector<DeadLetter> letters;
    const std::vector<StoredDeadLetter> kept = log.ReadDead(kWest, 0, 10'000).value();
    letters.reserve(kept.size());
    for (const StoredDeadLetter& stored : kept) letters.push_back(stored.letter);
    return letters;
  }

  MemoryLog log{{kWest}};
  ScriptedTransport transport;
  FakeClock clock;
  Clock::Duration wait{0};

  // Returns a new worker, as after a restart of the relay.
  std::unique_ptr<Worker> Fresh(Worker::Options options) {
    return std::make_unique<Worker>(std::move(options), log, std::vector<Transport*>{&transport},
                                    clock);
  }
  void Restart(Worker::Options options = QuickOptions()) {
    owned = Fresh(std::move(options));
    wait = {};
  }
  WorkerStatus Status() const { return owned->Snapshot(); }
  void StepFor(Clock::Duration duration) {
    for (const auto end = clock.Now() + duration; clock.Now() < end;) StepOn();
  }
  std::vector<HeldLane> Held() { return log.HeldLanes(kWest).value(); }

  std::unique_ptr<Worker> owned = Fresh(QuickOptions());
};

}  // namespace relay::test
