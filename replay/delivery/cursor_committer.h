// Keeps one backend's cursor in the log: commits resolved records, oldest first, and adopts others'
// changes (a rewind, a skip, a pause, a held lane).
//
// Lease. Where relays share the log, one delivers at a time, under a lease. Under a new one
// everything is read anew, once nothing that the old one began is under way: another relay may have
// delivered, held and dropped meanwhile.
//
// INVARIANT. The cursor never passes an unresolved record. If the log refuses a commit because the
// cursor was moved, everything read is discarded and read again.
//
// ERRORS. While the log fails, nothing is committed until retry_at(), which backs off; failure()
// says why.
//
// THREADS. One at a time. Everything passed to it outlives it.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>

#include "replay/delivery/lane_book.h"
#include "replay/delivery/request_gate.h"
#include "replay/delivery/status_board.h"
#include "wal/base/backoff.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

class CursorCommitter {
 public:
  struct Parts {
    Log& log;
    std::function<void(const Gap&)> on_gap;
    std::function<void(const Marks&)> on_rewound;
    LaneBook& book;
    RequestGate& gate;
    DeliveryStatusBoard& board;
    Clock& clock;
    std::minstd_rand& random;
  };

  CursorCommitter(BackendId backend, Backoff retry, const Parts& parts);

  // Checks the log, and now and then everything that operators change. After a start it also reads
  // the overflow lane, a part each time: nothing is to be read behind the cursor before that.
  // `is_idle`: no request and no read of held records is under way.
  void Look(bool is_idle);
  void LookAgainNow() { look_again_at_ = parts_.clock.Now(); }

  // Commits resolved records. Returns false if the log failed.
  bool Commit();

  // Reports the outcome of a read.
  void ReadFailed(const Error& error) { Failed(error); }
  void ReadSucceeded() { failures_ = 0; }

  const Marks& marks() const { return marks_; }
  bool has_read_all() const;  // By the log's current head.
  bool is_paused() const { return is_paused_; }
  // Returns why another relay delivers, or may deliver; empty: this one does.
  const std::string& elsewhere() const { return elsewhere_; }
  bool is_failing() const { return failures_ > 0; }
  const std::string& failure() const { return failure_; }  // The last one.
  Clock::TimePoint retry_at() const { return retry_at_; }
  Clock::TimePoint look_again_at() const { return look_again_at_; }
  // Returns false for a while after the log refused to hold one more lane.
  bool may_hold() const { return parts_.clock.Now() >= holds_full_until_; }
  // Increases when everything read is discarded.
  std::uint64_t restarts() const { return restarts_; }

 private:
  bool CommitFlow();
  bool CommitHeld(LaneQueue& lane);
  void Restart();
  void LookAtLease(bool is_idle);
  void LookAtRate();
  void LearnOverflow();
  bool Failed(const Error& error);

  const BackendId backend_;
  const Backoff retry_;
  const Parts parts_;
  Marks marks_;  // At the last look.
  bool is_paused_ = false;
  std::uint64_t lease_ = 0;
  std::string elsewhere_;
  std::uint32_t failures_ = 0;
  std::string failure_;
  Clock::TimePoint retry_at_;
  Clock::TimePoint look_again_at_;
  Clock::TimePoint holds_full_until_;
  std::uint64_t restarts_ = 0;
};

}  // namespace relay
