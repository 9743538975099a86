// Commits through an order that several relays share: what this log appends and changes is
// proposed, comes back in its place among the other relays' messages, and is applied with them.
//
//   proposer's thread   takes groups, proposes them, repeats what is lost, beats, claims backends
//   follower's thread   reads the order, applies, answers; it alone writes to the store
//
// Session. The relay opens a session once it has read the order to its end, and another one after
// its store failed. While there is none, the queue is closed: appends are refused.
//
// Answers. An append is answered once enough relays have it on their disks (answer_gate.h).
//
// Leaving. A relay whose name another one has taken, that finds the order shorter than its own log,
// or that hears of another history than its own, takes no part any more: it refuses appends and
// delivers nothing until an operator has decided. Once the order is founded anew where this log
// ends, it takes part again by itself.
//
// Stall. If the order places nothing for `stalled_after`, callers are refused with an unknown
// outcome, and the queue is closed until something comes back.
//
// THREADS. Any thread may call the public methods; Stop after Start.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/commit/answer_gate.h"
#include "wal/commit/commit_queue.h"
#include "wal/commit/follower.h"
#include "wal/commit/group_writer.h"
#include "wal/commit/options.h"
#include "wal/commit/proposer.h"
#include "wal/order/ownership.h"
#include "wal/order/shared_status.h"

namespace relay {

class SharedCommit {
 public:
  // Kept in the order, so that a relay that was away needs no copy of another one's log.
  static constexpr Bytes kOrderKept = 256_MiB;

  // The arguments outlive the object. REQUIRES: options.shared.
  SharedCommit(const LogOptions& options, CommitQueue& waiting, GroupWriter& writer);
  ~SharedCommit() { Stop(); }
  SharedCommit(const SharedCommit&) = delete;
  SharedCommit& operator=(const SharedCommit&) = delete;

  // REQUIRES: the writer's store is open.
  Status Start();

  // Proposes what waits, waits for it, gives up the backends and ends the threads.
  void Stop();

  // Waits until the session is open. kUnavailable: it is not, and nothing more of the order was
  // read for as long as `wait`; the message says why.
  Status WaitUntilOpen(std::chrono::milliseconds wait);

  // Founds the order anew behind this log, and takes part again. kConflict: this relay has not left
  // the order for its lost end, or another one has founded it. `only_tries`: nothing is changed.
  Status Found(bool only_tries);

  // kUnavailable: too few relays are in sync for an append to be answered.
  Status CheckCopies() const { return gate_.CheckCopies(); }

  // Returns the moment from which this relay may not deliver any more unless the order extends it.
  Clock::TimePoint MayDeliverUntil() const;

  // Returns the relay that delivers to a backend.
  SharedLogStatus::Deliverer DelivererOf(const BackendId& backend) const;

  SharedLogStatus ReadStatus() const;

  // Asks the order for its range, now and then, and lets it forget what every relay has on its
  // disk, but for kOrderKept; when it is nearly full, also what a relay that is away has not. May
  // wait for the order; called by one thread.
  void KeepOrderShort();

 private:
  using Claims = std::map<BackendId, UnderClaim>;

  // Shows the other threads the follower's state.
  struct Progress {
    Claims claims;
    std::map<BackendId, SharedLogStatus::Deliverer> deliverers;
    std::map<std::string, std::string> addresses;  // By relay, this one too.
    Place synced = Place::BeforeFirst();
    Chain chain;  // At `synced`.
    std::uint64_t strange = 0;
  };

  // The proposer's thread.
  void ProposeLoop();
  void Propose(Group group);
  void Drain();
  void BeatIfDue();
  void RefuseIfStalled();

  // The follower's thread.
  void FollowLoop();
  void FollowOnce();
  void OpenSessionWhenCaughtUp();
  void OnMessage(const OrderState::Taken& message);
  void ShowProgress();
  void ClaimBackends();
  void CloseStore(const Error& because);
  void ReopenStoreWhenDue();
  void CheckOthers();
  Place OnEveryDisk(bool is_nearly_full) const;
  void LeaveOrder(const Error& because);
  void LookForNewGeneration();
  void TakePartAgain();
  bool has_left() const;

  void Close(const Error& because);
  void Refuse(std::vector<Group> groups, const Error& because) const;
  std::shared_ptr<const Progress> progress() const;

  const LogOptions& options_;
  const SharedLogOptions& shared_;
  CommitQueue& waiting_;
  GroupWriter& writer_;
  Proposer proposer_;
  AnswerGate gate_;

  mutable std::mutex mutex_;  // Guards what follows. Taken after the proposer's.
  Ownership ownership_;
  std::shared_ptr<const Progress> progress_ = std::make_shared<const Progress>();
  std::uint64_t takeovers_ = 0;
  std::optional<OrderRange> range_;  // Seen at the last look; nullopt: the order did not answer.
  Clock::TimePoint looked_at_range_;
  std::condition_variable opened_;
  bool is_open_ = false;               // The session's hello has come back.
  std::optional<Error> left_because_;  // This relay takes no part any more.
  std::optional<Error> unreachable_;   // The order's last answer was an error.

  // Used by the follower's thread alone.
  Follower follower_;
  std::optional<Place> caught_up_at_;  // The place to reach before a session is opened.
  bool store_failed_ = false;
  std::chrono::milliseconds reopen_after_{0};
  Clock::TimePoint reopen_at_;
  Clock::TimePoint looked_for_generation_;

  std::atomic<bool> ending_{false};
  std::thread propose_thread_;
  std::thread follow_thread_;
};

}  // namespace relay
