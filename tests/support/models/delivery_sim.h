// A Delivery in a simulated world: a memory log, its own clock and a model of a
// backend. The seed decides the order of everything: requests arrive late,
// answers are lost, the relay crashes, operators intervene.
//
// A lost request takes effect before its answer is given up: a backend that
// applies a request long after the relay has sent the next one would break the
// order, and no sender can prevent that.
//
// THREADS. One at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "replay/delivery/delivery.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"
#include "tests/support/models/backend_model.h"

namespace relay::test {

// Mistakes that a relay could make, planted between the delivery and the
// backend: each must be noticed.
enum class Planted : std::uint8_t {
  kNone,
  kCursorBeforeAnswer,  // Reports "delivered" when the request leaves.
  kRefusedDropped,      // A refusal counts as delivered.
  kTwoInFlight,         // The request is given up while it is under way.
  kLaneOrder,           // A request's records are sent last first.
};

class DeliverySim {
 public:
  DeliverySim(std::uint64_t seed, Planted planted);

  // Runs that many events; then the faults end, and everything that is owed
  // must be delivered in bounded time. Returns the error found; empty: none.
  std::string Run(std::uint64_t steps);

  std::uint64_t requests() const { return model_.requests; }
  const std::map<std::string, std::uint64_t>& rows() const { return model_.rows; }
  std::uint64_t crashes() const { return crashes_; }

 private:
  struct Flying {
    Delivery::JobId id = 0;
    std::shared_ptr<const SendBatch> batch;  // nullptr: a read.
    std::optional<Delivery::Read> read;
    std::optional<Told> answer;  // Set once the request has arrived.
    bool is_reported = false;    // A planted mistake reported it before.
    bool is_overtaken = false;   // A rewind made its records owed again.
  };
  struct Cursor {
    Sequence at;
    PointCount delivered;
  };

  void Start();
  void Step();
  void Pump();
  void Advance();
  void Land();
  void Report(Flying flying);
  void PlantOnSend(Flying& flying);
  Result<Reply> Heard(const Result<Reply>& answer) const;
  bool IsAlone(const Flying& arriving) const;

  void Accept();
  void ChangeWeather();
  void Crash();
  void Intervene();
  void Rewind();
  void Skip();
  void SkipHeld(const Lane& lane);
  void Redrive();
  void Forget();
  void GiveUp(Sequence from, Sequence to, bool given_up);
  void NoteCursor();
  void CheckBalance();
  void CheckDownTime();

  void EndFaults();
  bool Drain();
  void CheckEnd();

  Lane AnyLane();
  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

  std::mt19937_64 random_;
  const Planted planted_;
  FakeClock clock_;
  MemoryLog log_{{kWest}};
  BackendModel model_{random_};
  std::unique_ptr<Delivery> delivery_;
  std::vector<Flying> flying_;
  Clock::Duration wait_{0};
  std::vector<Cursor> since_sync_;  // Positions that the cursor may fall back to.
  std::uint64_t synced_changes_ = 0;
  std::uint64_t crashes_ = 0;
  bool log_fails_ = false;
  std::optional<Clock::TimePoint> down_since_;
  std::uint64_t requests_before_down_ = 0;
};

}  // namespace relay::test
