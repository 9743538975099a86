// Counts the relays that have a message on their disks, in the same history: a caller is answered
// once enough of them do.
//
// In sync. A relay counts while it has told something within `silent_after`, and while it has on
// its disk what this relay had on its own kBehind ago. It counts again once it is less than kBack
// behind. While fewer are in sync than wanted, callers wait for those that are.
//
// Histories. A relay tells the chain at its place; the chain of this log at the same place must be
// the same, also that of a relay that leaves. Two chains for one place mean that the servers of the
// order have lost an end of it and that each of the two relays has another one.
//
// INVARIANT. A relay's place counts only after its chain was found equal.
//
// THREADS. One at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wal/base/clock.h"
#include "wal/order/frame.h"
#include "wal/order/messages.h"
#include "wal/order/order.h"

namespace relay {

struct CopiesOptions {
  std::size_t wanted = 1;  // Relays with a write on their disks, this one included.
  bool strict = false;     // Without so many nothing is answered.
  std::chrono::milliseconds silent_after{3'500};
};

class Copies {
 public:
  static constexpr std::chrono::milliseconds kBehind{5'000};
  static constexpr std::chrono::milliseconds kBack{1'000};
  // Limits the places whose chains are kept: those that another relay may still be at.
  static constexpr std::size_t kChainsMax = 65'536;

  // Another relay, as far as it has told.
  struct Peer {
    Place place = Place::BeforeFirst();  // On its disk, in this history.
    Clock::TimePoint heard;
    bool in_sync = false;
  };

  Copies(std::string relay, const CopiesOptions& options)
      : relay_(std::move(relay)), options_(options) {}

  // Begins anew behind a place that this log has on its disk.
  void Begin(Place place);

  // Notes the next message that this log has on its disk.
  void Synced(Place place, Chain chain);

  // Notes what a relay has told.
  void Told(const Note& note, Clock::TimePoint now);

  // Decides anew who is in sync.
  void Look(Clock::TimePoint now);

  // Returns the last place that enough relays have. The three that follow are as of the last call
  // of one of the above.
  Place Enough() const;
  // Returns the relays in sync, this one included.
  std::size_t in_sync() const;
  bool lacks() const { return in_sync() < options_.wanted; }
  const std::map<std::string, Peer>& peers() const { return peers_; }

  // Returns the relay that has another history, and the place of the difference.
  const std::optional<std::pair<std::string, Place>>& other_history() const {
    return other_history_;
  }

 private:
  struct Unchecked {
    Place place = Place::BeforeFirst();
    Chain chain;
  };
  struct Known {
    SessionId session;
    std::deque<Unchecked> unchecked;  // Places that this log has not come to, ascending.
  };

  void Check(const std::string& relay, const Unchecked& told);
  void CheckAll();
  Place HadAt(Clock::TimePoint then) const;

  const std::string relay_;
  const CopiesOptions options_;
  Place synced_ = Place::BeforeFirst();
  std::deque<Chain> chains_;  // Ends at synced_.
  // The places that this log had at earlier moments, oldest first.
  std::deque<std::pair<Clock::TimePoint, Place>> history_;
  std::map<std::string, Peer> peers_;
  std::map<std::string, Known> known_;
  std::optional<std::pair<std::string, Place>> other_history_;
};

}  // namespace relay
