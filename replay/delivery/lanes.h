// The lanes of one backend, and whose turn it is.
//
// A live lane sends what is read of it. A lane goes on hold because the backend cannot accept it or
// an operator wants it so: its records go to the log's `held`, and are sent from there, oldest
// first, once the cause is gone. While it drains, newly read records still go behind the held ones;
// after the last held record was read, the lane takes its records from the flow again and sends
// them after those.
//
// THREADS. One at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "replay/batch/send_batch.h"
#include "replay/delivery/window.h"
#include "replay/transport/transport.h"
#include "replay/transport/verdict.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

enum class LaneMode : std::uint8_t {
  kLive,
  kHeld,       // Probed now and then with its oldest held record.
  kDraining,   // The backend accepts it again; more is held than was read.
  kFinishing,  // All held records were read; new ones are sent behind them.
};

// An answer that may be one line's fault.
struct Suspicion {
  Verdict verdict;
  Reply reply;
};

struct LaneQueue {
  Lane lane;
  LaneMode mode = LaneMode::kLive;
  bool by_operator = false;  // Waits until an operator releases it.
  bool gives_up = false;     // An operator gives refused lines up until it is live.
  bool is_busy = false;      // A request, or a read of held records, is under way.
  std::uint64_t epoch = 0;   // Increases when everything read is discarded.

  std::deque<std::shared_ptr<const SendBatch>> batches;  // Sent before anything else, in order.
  std::deque<Sequence> flow;                             // Read in the window, in no batch yet.

  Window held;  // Held records that were read.
  std::deque<Sequence> held_unsent;
  std::optional<Sequence> held_last;  // The newest that the log holds.

  std::uint32_t failures = 0;         // In a row, of the front batch.
  std::uint32_t ends = 0;             // Connections ended without an answer, at the front batch;
  std::uint64_t accepted_at_end = 0;  // requests the backend had accepted at the last of them.
  bool searches = false;              // Other backends wait for what is found: see suspects.h.
  int gave_up_on = 0;                 // The status of the answer to the last line given up;
  Clock::TimePoint gave_up_at;        // the time of that.
  std::uint32_t holds = 0;            // By one line in front, since it was last live.
  std::uint64_t accepted_before = 0;  // Requests the backend had accepted at the first of them.
  Clock::TimePoint not_before;        // Its own back-off.
  std::string reason;  // The reason why it is on hold or fails; the next two belong to it.
  std::string remedy;
  Clock::TimePoint since;
  std::string last_answer;  // The last one to its lines that was not a success.

  // The requests with clients' credentials that the backend had accepted when those of the front
  // batch were first refused.
  std::optional<std::uint64_t> clients_accepted_before;

  bool create_due = false;    // Its database is to be created before the next try.
  bool create_tried = false;  // Tried since it was last on hold.

  // See "Poison" in answer_policy.h.
  std::shared_ptr<const SendBatch> canary;  // Sent before the next attempt.
  bool is_suspect = false;                  // A poisoned line is being searched for.
  std::uint32_t line_suspicions = 0;   // Canaries accepted while the single line in front was not.
  std::optional<Suspicion> suspicion;  // The front batch's last one.
  std::shared_ptr<const SendBatch>
      last_accepted;  // Ends with the last accepted line, if that is small.

  bool takes_flow() const {
    return !by_operator && (mode == LaneMode::kLive || mode == LaneMode::kFinishing);
  }
  bool wants_held_read() const;
  bool has_work() const;
  bool is_idle() const;
};

class LaneQueues {
 public:
  LaneQueue& Of(const Lane& lane);
  const LaneQueue* Find(const Lane& lane) const;

  // Updates the lane's turn; call it whenever something that decides on it has changed.
  void Queue(LaneQueue& lane, Clock::TimePoint now);

  // Returns the lane that has waited longest of those that may be served now. `may_read_held`:
  // lanes that must read held records first count too.
  LaneQueue* Next(Clock::TimePoint now, bool may_read_held) const;

  // Returns when the next lane may be served; nullopt: none has work.
  std::optional<Clock::TimePoint> NextTurn() const;

  // Forgets lanes with nothing to remember, once there are many.
  void ForgetIdle();

  // Forgets accepted lines of a database that a statement changed: they are not sent again.
  void ForgetAccepted(const std::string& database);

  auto begin() { return lanes_.begin(); }
  auto end() { return lanes_.end(); }
  auto begin() const { return lanes_.begin(); }
  auto end() const { return lanes_.end(); }

 private:
  struct Turn {
    Clock::TimePoint due;
    std::uint64_t ticket = 0;
    LaneQueue* lane = nullptr;
    friend auto operator<=>(const Turn& a, const Turn& b) {
      return std::tie(a.due, a.ticket) <=> std::tie(b.due, b.ticket);
    }
  };

  std::map<Lane, LaneQueue> lanes_;
  std::set<Turn> turns_;
  std::map<const LaneQueue*, std::set<Turn>::iterator> queued_;
  std::uint64_t last_ticket_ = 0;
};

}  // namespace relay
