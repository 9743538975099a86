// Applies the messages of the order to the log: every relay that has applied the same messages has
// the same rows, but for those that say how often its log was opened.
//
// Batches. What has come is staged message by message, in the order's order, and written with one
// sync; the place that the log has reached is part of the batch. A message is applied once: one
// that was written is never read again.
//
// Refusals. A change counts only if it follows the edition of its queue and comes from the session
// that owns the backend; a cursor likewise. Nothing is written of one that does not, in any log.
//
// INVARIANT. What is staged depends on the messages alone.
//
// THREADS. The one that writes to the store.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "wal/base/result.h"
#include "wal/commit/answer_gate.h"
#include "wal/commit/group_writer.h"
#include "wal/commit/options.h"
#include "wal/commit/proposer.h"
#include "wal/group/group_codec.h"
#include "wal/order/order_state.h"

namespace relay {

class Follower {
 public:
  // The arguments outlive the follower. `on_message` is called for each message that counts once it
  // is on stable storage.
  using OnMessage = std::function<void(const OrderState::Taken&)>;
  Follower(const SharedLogOptions& options, GroupWriter& writer, Proposer& proposer,
           OnMessage on_message);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Continues from the place that the open log has reached.
  Status Begin();

  // The result of one turn.
  struct Turn {
    Status order = Ok();    // The order's error.
    Status written = Ok();  // The store's: it must be opened anew, and Begin called.
    // The messages that have come, with this relay's callers whose appends they contain.
    std::vector<SyncedMessage> synced;
  };
  // Applies what has come, after waiting for it up to `wait`.
  Turn Step(std::chrono::milliseconds wait);

  // How far the log has come, all of it on stable storage.
  const OrderState& state() const { return state_; }

  // Returns the numbers of the backends in the log, by name.
  std::map<BackendId, BackendNumber> Backends() const;

  // The session of this relay; zero: none. Its claims make backends this log's to change.
  void SetSession(const SessionId& session) { session_ = session; }

 private:
  struct Applied;
  struct Known {
    BackendId name;
    std::uint64_t edition = 0;  // With everything that is staged.
  };

  void Apply(const OrderedMessage& message);
  void StageGroup(Applied& applied, WallTime at);
  WaitingAppend StagedAppend(RemoteAppend append, WallTime at) const;
  void StageChange(Applied& applied, RemoteChange remote, WaitingChange* asking, WallTime at);
  void StageCursor(Applied& applied, const RemoteCursor& remote);
  bool Counts(const OrderState::Taken& message, const RemoteChange& remote) const;
  Known* Find(BackendNumber backend);
  Status Write(std::vector<SyncedMessage>& synced);
  SyncedMessage Publish(Applied& applied);
  void PublishOwners(const Applied& applied);

  const SharedLogOptions& options_;
  GroupWriter& writer_;
  Proposer& proposer_;
  const OnMessage on_message_;
  OrderState state_;
  SessionId session_;
  std::map<BackendNumber, Known> known_;
  std::vector<std::unique_ptr<Applied>> batch_;  // Staged, not yet written.
  bool ends_batch_ = false;
};

}  // namespace relay
