// The lanes of one backend and the records read for them: which lane gets a record, which lanes are
// held, and how a held lane becomes live again.
//
// Hold. Unsent records of a held lane go to the log's `held`, so that the cursor and the other
// lanes move on. Drain: once the backend accepts the lane again, held records are sent, oldest
// first, while newly read ones still go behind them. Live: after the last held record was read, the
// lane takes its records from the flow again.
//
// Overflow. While Log::kHeldLanesMax lanes are on hold, the next ones that the backend does not
// accept share one: it is held, drained and live like any other, and each of its batches is of one
// database.
//
// INVARIANT. Each record in the window belongs to its lane or goes on hold; what a lane sends from
// the flow is newer than all that the log holds for it.
//
// THREADS. One at a time. The clock and the random engine outlive it.
#pragma once

#include <functional>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replay/delivery/lanes.h"
#include "replay/delivery/overflow.h"
#include "replay/delivery/window.h"
#include "replay/delivery/worker_status.h"
#include "wal/base/backoff.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

// Draws a number from [0, 1) for a back-off.
double Chance(std::minstd_rand& random);

class LaneBook {
 public:
  // Returns the last record that is too old to be delivered.
  using OldThrough = std::function<Sequence()>;

  // `probe`: the back-off between tries of a held lane.
  LaneBook(Backoff probe, OldThrough old_through, Clock& clock, std::minstd_rand& random)
      : probe_(probe), old_through_(std::move(old_through)), clock_(clock), random_(random) {}

  Window& flow() { return window_; }
  const Window& flow() const { return window_; }
  // Returns where the lane's records are: the held ones while any is read, else the flow.
  Window& WindowOf(LaneQueue& lane) { return lane.held.empty() ? window_ : lane.held; }
  LaneQueues& lanes() { return lanes_; }

  // Returns whether a statement is alone in the window or comes next: nothing is read behind it
  // until the window is empty.
  bool is_fenced() const { return fenced_ && !window_.empty(); }

  OverflowMembers& overflow() { return overflow_; }
  const OverflowMembers& overflow() const { return overflow_; }

  // Returns the records among `held`, which the flow resolved, that go to the overflow lane.
  std::vector<Sequence> InOverflow(const std::vector<Sequence>& held);

  // Distributes records read from the flow, up to the first statement that is not alone.
  void TakeFlow(std::vector<StoredRecord> records);

  // Reports that a read of held records started or ended.
  void HeldReadStarted(LaneQueue& lane) { reading_held_.insert(&lane); }
  void HeldReadEnded(LaneQueue& lane) { reading_held_.erase(&lane); }
  void TakeHeld(LaneQueue& lane, std::vector<StoredRecord> records);

  // Ends a round of the overflow lane: nothing is held behind what was looked at. Returns false if
  // the lane is another or no round had begun.
  bool EndRound(LaneQueue& lane);

  // Returns the lanes that read or send held records.
  const std::set<LaneQueue*>& reading_held() const { return reading_held_; }

  // Reports what the log now has: records the flow resolved, or held ones a lane resolved.
  void FlowCommitted(const ResolvedPrefix& resolved);
  void HeldCommitted(LaneQueue& lane, Sequence through);

  // Holds a lane, or keeps it on hold. REQUIRES: not busy.
  void PutOnHold(LaneQueue& lane, std::string reason, std::string remedy);

  // Ends the back-off of all lanes; one that an operator holds stays on hold.
  void TryNow();

  // Drains a held lane that the backend accepts again, unless an operator holds it.
  void DrainIfHeld(LaneQueue& lane);

  // Discards what was read of a lane's held records: somebody changed them.
  void ForgetHeldRead(LaneQueue& lane);

  // Makes records a gap that have become too old since they were read, once the flow's oldest one
  // has: all of the flow but those of busy lanes. What was delivered behind it stays delivered.
  void DropTooOld();

  // Adopts the log's state of its held lanes: operators change it.
  void Adopt(const std::vector<HeldLane>& held);

  // Discards everything read; reading goes on behind `cursor`. A pending answer changes nothing,
  // but its lane waits for it.
  void Restart(Sequence cursor);

  // Forgets everything, as before the first read. REQUIRES: no lane is busy.
  void BeginAnew();

  // Returns the lane held longest for another reason than an operator's wish, its name in the
  // reason. nullopt: there is none.
  std::optional<LaneStatus> LongestHeld();

  // Returns the lanes that are not live, by name, if they changed since the last call, or if
  // `always`. nullopt: they did not.
  std::optional<std::vector<LaneStatus>> TakeChanged(bool always);

 private:
  LaneQueue& LaneFor(const WriteParams& params, LaneQueue* last);
  void GiveTo(LaneQueue& lane, Sequence sequence);
  void TakeOutOfFlow(LaneQueue& lane);
  bool IsShared(const WriteParams& params) const;
  bool MustShare(const LaneQueue& lane) const;
  void MoveToOverflow(LaneQueue& lane);
  bool IsOfRound(const LaneQueue& lane) const;
  void PassOver(LaneQueue& lane, std::string reason, std::string remedy);
  bool HasPassedOver(const LaneQueue& lane) const;
  std::vector<Sequence> SequencesToHold(const LaneQueue& lane) const;
  void DropTooOldHeld(LaneQueue& lane);
  void DropTooOldOf(LaneQueue& lane, Window& window, Sequence old_through);
  void FinishIfAllRead(LaneQueue& lane);
  void PutBackIntoFlow(LaneQueue& lane);
  void GoLive(LaneQueue& lane);
  void HoldByOperator(LaneQueue& lane, bool held);
  void AdoptLane(LaneQueue& lane, const HeldLane* held);
  void Changed();
  const LaneQueue* FindLongestHeld() const;

  const Backoff probe_;
  const OldThrough old_through_;
  Clock& clock_;
  std::minstd_rand& random_;
  Window window_;
  bool fenced_ = false;
  LaneQueues lanes_;
  OverflowMembers overflow_;
  std::set<LaneQueue*> on_hold_;  // Lanes that are not live.
  std::set<LaneQueue*> reading_held_;
  bool changed_ = false;  // Since TakeChanged.
  // Found anew after a change only: each request asks, and thousands of lanes may be on hold.
  const LaneQueue* longest_ = nullptr;
  bool longest_is_known_ = false;
  bool has_looked_ = false;  // The log's held lanes were adopted once.
};

}  // namespace relay
