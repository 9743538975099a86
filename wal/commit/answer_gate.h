// Keeps the answers to appends that this log has on its disk until enough of the relays have them
// on theirs, tells the other relays how far this one has come, and hears of them.
//
// INVARIANT. A caller is told of success only if its append is on this log's disk and on those of
// the other relays that are needed (copies.h), in the same history.
//
// THREADS. Any; answers come on the thread that calls.
#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/commit/group_writer.h"
#include "wal/commit/options.h"
#include "wal/order/copies.h"

namespace relay {

// A message that is on this log's disk, with those who wait for it.
struct SyncedMessage {
  Place place = Place::BeforeFirst();
  Chain chain;
  std::vector<StoredAppend> callers;
};

class AnswerGate {
 public:
  // The arguments outlive the gate.
  AnswerGate(const SharedLogOptions& options, GroupWriter& writer);
  ~AnswerGate() { Leave(); }
  AnswerGate(const AnswerGate&) = delete;
  AnswerGate& operator=(const AnswerGate&) = delete;

  // Begins to hear of the others.
  void Listen();

  // Begins anew behind a place that is on this log's disk.
  void Begin(Place place);

  // Tells the others from now on; zero: no more.
  void SetSession(const SessionId& session);

  // Takes the next messages, and tells the others.
  void Synced(std::vector<SyncedMessage> messages);

  // Answers whom the passing of time permits; those that have waited for `limit` are refused.
  void Look(std::chrono::milliseconds limit);

  // Refuses everybody who waits, with an unknown outcome.
  void Refuse(const Error& because);

  // Tells the others that they need not wait for this relay, and hears of them no more.
  void Leave();

  // Tells the others once more where this relay has left, so that those with another history notice
  // it too.
  void Warn();

  // kCorruption: another relay has another history.
  Status CheckHistory() const;

  // kUnavailable: fewer relays are in sync than are wanted, and nothing is to be answered so.
  Status CheckCopies() const;

  // Returns the relays in sync, this one included.
  std::size_t copies() const;
  std::map<std::string, Copies::Peer> peers() const;

 private:
  struct Waiting {
    Place place;
    Clock::TimePoint since;
    std::vector<StoredAppend> callers;
  };

  void Told(std::string_view bytes);
  void AnswerEnough(std::unique_lock<std::mutex> lock);

  const SharedLogOptions& options_;
  GroupWriter& writer_;
  mutable std::mutex mutex_;  // Guards what follows.
  Copies copies_;
  SessionId session_;
  SessionId last_session_;
  std::deque<Waiting> waiting_;
  Place synced_ = Place::BeforeFirst();
  Chain chain_;
};

}  // namespace relay
