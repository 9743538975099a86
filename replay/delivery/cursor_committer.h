// Keeps one backend's cursor in the log: commits what was resolved, oldest first,
// and adopts what others changed (a rewind, a skip, a pause, a lane held).
//
// INVARIANT. The cursor never passes a record that is not resolved. If the log
// refuses a commit because the cursor was moved, all that was read is thrown away
// and read again.
//
// ERRORS. While the log fails nothing is committed until retry_at(), which backs
// off; failure() says why.
//
// THREADS. One at a time. All that it is given outlives it.
#pragma once

#include <cstdint>
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
    LaneBook& book;
    RequestGate& gate;
    DeliveryStatusBoard& board;
    Clock& clock;
    std::minstd_rand& random;
  };

  CursorCommitter(BackendId backend, Backoff retry, const Parts& parts);

  // Looks at the log; now and then at all that operators change.
  void Look();
  void LookAgainNow() { look_again_at_ = parts_.clock.Now(); }

  // Commits what is resolved. False: the log failed.
  bool Commit();

  // A read failed, or did not.
  void ReadFailed(const Error& error) { Failed(error); }
  void ReadSucceeded() { failures_ = 0; }

  const Marks& marks() const { return marks_; }
  bool has_read_all() const;  // As the log is now.
  bool is_paused() const { return is_paused_; }
  bool is_failing() const { return failures_ > 0; }
  const std::string& failure() const { return failure_; }  // The last one.
  Clock::TimePoint retry_at() const { return retry_at_; }
  Clock::TimePoint look_again_at() const { return look_again_at_; }
  // Not for a while after the log refused to hold one more lane.
  bool may_hold() const { return parts_.clock.Now() >= holds_full_until_; }
  // Rises when what was read is thrown away.
  std::uint64_t restarts() const { return restarts_; }

 private:
  bool CommitFlow();
  bool CommitHeld(LaneQueue& lane);
  void Restart();
  void LookAtRate();
  bool Failed(const Error& error);

  const BackendId backend_;
  const Backoff retry_;
  const Parts parts_;
  Marks marks_;  // As of the last look.
  bool is_paused_ = false;
  std::uint32_t failures_ = 0;
  std::string failure_;
  Clock::TimePoint retry_at_;
  Clock::TimePoint look_again_at_;
  Clock::TimePoint holds_full_until_;
  std::uint64_t restarts_ = 0;
};

}  // namespace relay
