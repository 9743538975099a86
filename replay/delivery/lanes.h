// The lanes of one backend, and whose turn it is.
//
// A lane is live: what is read of it is sent. Or it is on hold, because the
// backend cannot take it or an operator wants it so: what is read of it goes to
// the log's `held`, and is sent from there, oldest first, once the cause is gone.
// While it drains, what is read still goes behind the rest; when the last of
// what is held has been read, the lane takes its records from the flow again,
// and sends them after those.
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

#include "replay/delivery/send_batch.h"
#include "replay/delivery/window.h"
#include "replay/transport/transport.h"
#include "replay/transport/verdict.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

enum class LaneMode : std::uint8_t {
  kLive,
  kHeld,       // Probed now and then with the oldest it holds.
  kDraining,   // The backend takes it again; more is held than was read.
  kFinishing,  // All that is held was read; what comes is sent behind it.
};

// An answer that may be one line's fault.
struct Suspicion {
  Verdict verdict;
  Reply reply;
};

struct LaneQueue {
  Lane lane;
  LaneMode mode = LaneMode::kLive;
  bool by_operator = false;  // Nothing of it is sent until an operator says so.
  bool is_busy = false;      // A request of it, or a read of what it holds, is under way.
  std::uint64_t epoch = 0;   // Raised when what was read is thrown away.

  std::deque<std::shared_ptr<const SendBatch>>
      pieces;                 // To be sent before anything else, in order.
  std::deque<Sequence> flow;  // Read in the window, in no piece yet.

  Window held;  // What was read of what the log holds for it.
  std::deque<Sequence> held_unsent;
  std::optional<Sequence> held_last;  // The newest that the log holds.

  std::uint32_t failures = 0;      // In a row, of the front piece.
  std::uint64_t taken_before = 0;  // By the whole backend, when the first of them came.
  Clock::TimePoint not_before;     // Its own back-off.
  std::string why;                 // It is on hold, or fails. So below.
  std::string remedy;
  WallTime since;

  // How many requests with clients' credentials the backend had taken when those
  // of the front piece were first refused.
  std::optional<std::uint64_t> clients_taken_before;

  bool create_due = false;    // Its database is to be created before the next try.
  bool create_tried = false;  // Since it was last on hold.

  // See "Poison" in answer_policy.h.
  std::shared_ptr<const SendBatch> canary;  // To be sent before the next try.
  bool is_suspect = false;                  // A poisoned line is being looked for.
  std::uint32_t line_suspicions = 0;   // Canaries taken while the single line in front was not.
  std::optional<Suspicion> suspicion;  // The front piece's last one.
  std::shared_ptr<const SendBatch>
      taken;  // Ends with the last line that it took, if that is small.

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
  LaneQueue* Find(const Lane& lane);

  // To be called whenever what decides on a lane's turn has changed.
  void Queue(LaneQueue& lane, Clock::TimePoint now);

  // The one that has waited longest of those that may be served now.
  // `may_read_held`: lanes that must read what they hold first count too.
  LaneQueue* Next(Clock::TimePoint now, bool may_read_held) const;

  // When the next lane may be served; nothing where none has work.
  std::optional<Clock::TimePoint> NextTurn() const;

  // Forgets the lanes with nothing to remember, once there are many.
  void ForgetIdle();

  // A statement changed this database: what its lanes took is sent no more.
  void ForgetTaken(const std::string& database);

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
