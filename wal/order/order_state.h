// How far a log has come in the order, and what the order itself has decided there: which sessions
// the relays have, and which session delivers to which backend. Every log that has applied the
// same messages has the same OrderState.
//
// INVARIANT. It changes by Take alone, one message after the other. What a message means depends on
// the messages before it and on nothing else: not on clocks, not on which relay reads it.
//
// Sessions. A hello opens a session of a relay if it names that relay's last session; all frames of
// the earlier ones mean nothing from there on. The only frame of a session that counts is the
// one that follows its last: repetitions and frames behind a hole mean nothing.
//
// Owners. A claim counts if it names the backend's epoch, so that of several the first wins, and
// the last frame of the owner's session, so that none counts behind a sign of the owner that its
// sender had not seen. The owner's session alone may give up.
//
// Parts. The parts of a large body are kept, on disk too, until the last one has come: a log that
// is reopened between them has them.
//
// DURABILITY. The caller writes the rows that TakeRows returns in the same batch as the effects of
// the messages.
//
// THREADS. One.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "wal/base/result.h"
#include "wal/order/frame.h"
#include "wal/order/messages.h"
#include "wal/order/order.h"
#include "wal/record/rows.h"
#include "wal/store/store.h"

namespace relay {

// The relay that delivers to a backend.
struct Owner {
  std::uint64_t epoch = 0;  // Ascends with every claim that counts.
  SessionId session;        // Zero: nobody delivers.

  friend bool operator==(const Owner&, const Owner&) = default;
};

// The open session of a relay.
struct RelaySession {
  SessionId id;
  std::uint64_t counter = 0;  // The last frame that counted.
  std::string address;

  friend bool operator==(const RelaySession&, const RelaySession&) = default;
};

class OrderState {
 public:
  // A message that counts, whole.
  struct Taken {
    FrameKind kind = FrameKind::kBeat;
    std::string relay;
    SessionId session;
    std::uint64_t counter = 0;  // The last part's.
    std::string body;
  };

  // A row of the family `state`; nullopt deletes it.
  struct Row {
    std::string key;
    std::optional<std::string> value;
  };

  // All rows of the order begin with it.
  static constexpr std::string_view kPrefix = "order";

  // kCorruption: a row is damaged.
  static Result<OrderState> Load(const Store& store);

  // Checks that a message follows what was taken: it has the next place, or it founds the next
  // generation behind this place, with this chain. kConflict: it founds one behind another.
  Status CheckFollows(const OrderedMessage& message) const;

  // Takes the next message. nullopt: it means nothing: a repetition, a part, a frame of a session
  // that has ended, bytes that are no frame (see strange()).
  // REQUIRES: CheckFollows(message) is Ok.
  std::optional<Taken> Take(const OrderedMessage& message);

  // Removes the owner of a backend that is forgotten.
  void Forget(BackendNumber backend);

  // Returns the rows that changed since the last call.
  std::vector<Row> TakeRows();

  Place place() const { return place_; }
  Reached reached() const { return {place_, last_at_}; }
  Chain chain() const { return chain_; }
  // Returns the time of the newest message: never earlier than one before it.
  WallTime at() const { return at_; }
  const std::map<std::string, RelaySession>& relays() const { return relays_; }
  Owner OwnerOf(BackendNumber backend) const;
  // Returns the last counter of a session that is open; 0: it is not.
  std::uint64_t CounterOf(const SessionId& session) const;
  // nullptr: no relay has opened this session, or it has ended.
  const std::string* RelayOf(const SessionId& session) const;

  // Counts the messages that are no frames: somebody else writes to the order.
  std::uint64_t strange() const { return strange_; }

  friend bool operator==(const OrderState&, const OrderState&);

 private:
  // The parts of a body that have come so far.
  struct Parts {
    std::uint16_t expected = 0;
    std::vector<std::string> bodies;

    friend bool operator==(const Parts&, const Parts&) = default;
  };

  void TakeHello(const Frame& frame);
  std::optional<Taken> TakeNext(const Frame& frame, const std::string& relay);
  std::optional<std::string> Joined(const Frame& frame, const std::string& relay);
  void TakeClaim(const Taken& taken);
  void DropParts(const std::string& relay);
  Status LoadRow(std::string_view key, std::string_view value);

  Place place_ = Place::BeforeFirst();
  Chain chain_;
  WallTime at_;
  WallTime last_at_;  // The time of the message at `place_`.
  std::map<std::string, RelaySession> relays_;
  std::map<BackendNumber, Owner> owners_;
  std::map<std::string, Parts> parts_;  // By relay.
  std::uint64_t strange_ = 0;
  // Changed since TakeRows.
  std::set<std::string> changed_relays_;
  std::set<BackendNumber> changed_owners_;
  std::map<std::string, std::optional<std::string>> changed_parts_;  // By key.
};

}  // namespace relay
