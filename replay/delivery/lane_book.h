// The lanes of one backend and the records read for them: which lane takes what is
// read, which are held, and how a held lane becomes live again.
//
// Hold. What was read of a held lane and not sent goes to the log's `held`, so that
// the cursor moves on and the other lanes with it. Drain: once the backend takes
// the lane again, what is held is sent, oldest first, while what is read still
// goes behind the rest. Live: when the last of it was read, the lane takes its
// records from the flow again.
//
// INVARIANT. Each record in the window is with its lane or goes on hold; what a
// lane sends from the flow is newer than all that the log holds for it.
//
// THREADS. One at a time. The clock and the random engine outlive it.
#pragma once

#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "replay/delivery/lanes.h"
#include "replay/delivery/window.h"
#include "replay/delivery/worker_status.h"
#include "wal/base/backoff.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

// Draws from [0, 1), for a back-off.
double Chance(std::minstd_rand& random);

class LaneBook {
 public:
  // `probe`: the back-off between tries of a held lane.
  LaneBook(Backoff probe, Clock& clock, std::minstd_rand& random)
      : probe_(probe), clock_(clock), random_(random) {}

  Window& flow() { return window_; }
  const Window& flow() const { return window_; }
  // Where the lane's records are: the held ones while any is read, else the flow.
  Window& WindowOf(LaneQueue& lane) { return lane.held.empty() ? window_ : lane.held; }
  LaneQueues& lanes() { return lanes_; }

  // A statement is alone in the window, or comes next: nothing is read behind it
  // until the window is empty.
  bool is_fenced() const { return fenced_ && !window_.empty(); }

  // Takes what was read of the flow, up to the first statement that is not alone.
  void TakeFlow(std::vector<StoredRecord> records);

  // A read of what a lane holds was started, and came back.
  void HeldReadStarted(LaneQueue& lane) { reading_held_.insert(&lane); }
  void HeldReadEnded(LaneQueue& lane) { reading_held_.erase(&lane); }
  void TakeHeld(LaneQueue& lane, std::vector<StoredRecord> records);

  // The lanes that read or send what they hold.
  const std::set<LaneQueue*>& reading_held() const { return reading_held_; }

  // The log has what the flow resolved, or what a lane resolved of what it held.
  void FlowCommitted(const ResolvedPrefix& resolved);
  void HeldCommitted(LaneQueue& lane, Sequence through);

  // Holds a lane, or goes on holding it. REQUIRES: not busy.
  void PutOnHold(LaneQueue& lane, std::string why, std::string remedy);

  // The backend takes a held lane again. Not so where an operator holds it.
  void DrainIfHeld(LaneQueue& lane);

  // Throws away what was read of what a lane holds: somebody changed it.
  void ForgetHeldRead(LaneQueue& lane);

  // Adopts what the log says of its held lanes: operators change it.
  void Adopt(const std::vector<HeldLane>& held);

  // Throws away all that was read; reading goes on behind `cursor`. An answer that
  // is still to come changes nothing, but its lane waits for it.
  void Restart(Sequence cursor);

  // The lane held for the longest for another reason than an operator's wish,
  // its name in the reason. nullopt: there is none.
  std::optional<LaneStatus> LongestHeld() const;

  // The lanes that are not live, by name, where they changed since they were last
  // taken, or where `always`. nullopt: they did not.
  std::optional<std::vector<LaneStatus>> TakeChanged(bool always);

 private:
  LaneQueue& LaneFor(const WriteParams& params, LaneQueue* last);
  void TakeOutOfFlow(LaneQueue& lane);
  void FinishIfAllRead(LaneQueue& lane);
  void PutBackIntoFlow(LaneQueue& lane);
  void GoLive(LaneQueue& lane);
  void HoldByOperator(LaneQueue& lane, bool held);
  void AdoptLane(LaneQueue& lane, const HeldLane* held);

  const Backoff probe_;
  Clock& clock_;
  std::minstd_rand& random_;
  Window window_;
  bool fenced_ = false;
  LaneQueues lanes_;
  std::set<LaneQueue*> on_hold_;  // Not live.
  std::set<LaneQueue*> reading_held_;
  bool changed_ = false;
};

}  // namespace relay
